"""A shop in a file, as people save it."""

import json
import time
from pathlib import Path

import pytest

from contracts.base import MAX_ROWS
from contracts.payment import WalletOpening
from contracts.stock import ProductOffer
from operations.shop.shop_file import InvalidShopFile, ShopFile, read_shop_file
from operations.shop.upload import MOST_BYTES, batches

HEADER = "sku,name,opening_stock,currency,unit_price_minor\n"
APPLE = ProductOffer(sku="A 1", name="apple", opening_stock=5, prices={"GBP": 30})
BREAD = ProductOffer(sku="B", name="bread, brown")
SHOP = ShopFile(products=(APPLE, BREAD))


def shop_csv(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "shop.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


COMMAS = HEADER + 'A 1,apple,5,GBP,30\nB,"bread, brown",,,\n'


@pytest.mark.parametrize(
    "content",
    [
        COMMAS,
        "\ufeff" + COMMAS,
        COMMAS.replace("\n", "\r\n"),
        COMMAS.replace("\n", "\r"),
        COMMAS.rstrip("\n"),
        "\n\n" + COMMAS.replace("\n", "\n\n,,,,\n"),
        "SKU;Name;Opening_Stock;Currency;Unit_Price_Minor\nA 1;apple;5;GBP;30\nB;bread, brown;;;\n",
        (
            "sku\tname\topening_stock\tcurrency\tunit_price_minor\n"
            "A 1\tapple\t5\tGBP\t30\nB\tbread, brown\t\t\t\n"
        ),
        (
            "unit_price_minor, sku ,currency,opening_stock,name\n30, A 1 ,GBP,5,apple\n"
            ',B,,,"bread,\nbrown"\n'
        ),
    ],
    ids=[
        "commas",
        "BOM",
        "Windows",
        "old Mac",
        "no last newline",
        "empty lines",
        "semicolons",
        "tabs",
        "other order",
    ],
)
def test_products_are_read_however_they_are_saved(tmp_path: Path, content: str) -> None:
    """What spreadsheets make of a table is the same table."""
    assert read_shop_file(shop_csv(tmp_path, content)) == SHOP


def test_columns_that_nobody_needs_may_be_left_out(tmp_path: Path) -> None:
    """A product is a SKU and a name; stock and prices may come later."""
    shop = read_shop_file(shop_csv(tmp_path, 'sku,name\nB,"bread, brown"\n'))
    assert shop == ShopFile(products=(BREAD,))


def test_customers_are_read(tmp_path: Path) -> None:
    """The first line says that it is a file of customers."""
    content = "customer_id,currency,opening_balance_minor\nann,GBP,5000\nbob,EUR,\n"
    assert read_shop_file(shop_csv(tmp_path, content)) == ShopFile(
        customers=(
            WalletOpening(customer_id="ann", currency="GBP", opening_balance_minor=5000),
            WalletOpening(customer_id="bob", currency="EUR"),
        )
    )


NO_CURRENCY = "must be a currency in use, by its three letters (ISO 4217), like GBP"

ROWS = [
    ("A,apple,five,GBP,30", "opening_stock: five is no whole number of pieces"),
    ("A,apple,-5,GBP,30", "opening_stock: -5 is no whole number of pieces"),
    (
        "A,apple,5,GBP,0.30",
        "unit_price_minor: 0.30 is no whole number of minor units, like 255 for 2.55",
    ),
    ('A,apple,"1,000",GBP,30', "opening_stock: 1,000 is no whole number of pieces"),
    (f"A,apple,{'9' * 5_000},GBP,30", f"opening_stock: {'9' * 40} is no whole number of pieces"),
    ("A,apple,\u0663,GBP,30", "opening_stock: \u0663 is no whole number of pieces"),
    ("A,apple,2000000000,GBP,30", "opening_stock: must be at most 1,000,000,000"),
    ("A,apple,5,,30", "currency: a price is a number and a currency, or neither"),
    ("A,apple,5,GBP,", "unit_price_minor: a price is a number and a currency, or neither"),
    ("A,apple,5,gbp,30", f"currency: {NO_CURRENCY}"),
    ("A,apple,5,GPB,30", f"currency: {NO_CURRENCY}"),
    ("A,apple,5,XAU,30", "currency: must be money of a minor unit, which XAU is not"),
    ("A,apple,5,GBP,2000000000", "unit_price_minor: must be at most 1,000,000,000"),
    ("A,apple,5,GBP", "it has 4 fields, and the first line has 5"),
    ("A,apple,5,GBP,30,", "it has 6 fields, and the first line has 5"),
    ("é,apple,5,GBP,30", "sku: must be 1 to 64 letters, digits, spaces, _ or -"),
    (",apple,5,GBP,30", "sku: is missing"),
    ("A,,5,GBP,30", "name: is missing"),
    (
        "A,\x1b[31mred,5,GBP,30",
        "name: must not hold U+001B, which acts or hides without being seen",
    ),
    ("A,\x1b[2J,x\x1b,GBP,30", "opening_stock: 'x\\x1b' is no whole number of pieces"),
    (f"A,{'n' * 201},5,GBP,30", "name: must have at most 200 characters"),
    ('A,"apple" x,5,GBP,30', "it is no CSV: ',' expected after '\"'"),
    ('A,"apple,5,GBP,30', "it is no CSV: unexpected end of data"),
]


@pytest.mark.parametrize(("row", "message"), ROWS)
def test_what_is_wrong_with_a_row_is_told_with_its_line(
    tmp_path: Path, row: str, message: str
) -> None:
    """The line, the column, and what would do; and nothing of the file is taken."""
    path = shop_csv(tmp_path, HEADER + "OK,fine,1,GBP,1\n\n" + row + "\n")
    with pytest.raises(InvalidShopFile) as error_info:
        read_shop_file(path)
    assert str(error_info.value) == f"{path} is not taken, nothing of it:\n  line 4: {message}"


FILES = [
    ("customer_id,currency\nann,GBP\nbob,BTC\n", f"line 3: currency: {NO_CURRENCY}"),
    (b"", "{path} is empty"),
    (b"\xef\xbb\xbf\r\n \r\n", "{path} is empty"),
    (HEADER, "{path}: there is nothing below its first line"),
    (
        "sku,price\nA,1\n",
        "line 1: it lacks the column name; there is no column price; the columns are sku,",
    ),
    ("sku,name,\nA,apple,\n", "line 1: there is no column ''; the columns are sku,name"),
    ("sku,name,name\nA,apple,x\n", "line 1: the column name stands there twice; the columns are"),
    ("customer_id\nann\n", "line 1: it lacks the column currency; the columns are customer_id,"),
    (
        "InvoiceNo,StockCode\n1,A\n",
        "line 1: a file is of products or of customers, and its first line says",
    ),
    (
        "sku,name,customer_id\nA,b,c\n",
        "line 1: a file is of products or of customers, and its first",
    ),
    (HEADER + "A,x,,,\nB,x,,,\nA,y,,,\n", "line 4: A is on line 2 already"),
    (
        HEADER.encode() + b"A,x,,,\nB,caf\xe9,,,\n",
        "line 3: it is not UTF-8; save it as CSV UTF-8 in your",
    ),
    (HEADER.encode("utf-16"), "line 1: it is not UTF-8; save it as CSV UTF-8 in your spreadsheet"),
    (b"PK\x03\x04 a spreadsheet", "line 1: a file is of products or of customers"),
]


@pytest.mark.parametrize(("content", "message"), FILES)
def test_a_file_that_is_no_shop_is_told_so(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """In a sentence that says what to do."""
    path = shop_csv(tmp_path, content)
    with pytest.raises(InvalidShopFile) as error_info:
        read_shop_file(path)
    assert message.format(path=path) in str(error_info.value)


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    """No file, and a folder, are no tracebacks."""
    for path, why in ((tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InvalidShopFile, match=f"cannot be read: {why}"):
            read_shop_file(path)


def test_of_many_bad_lines_some_are_told(tmp_path: Path) -> None:
    """A file of another kind is not a screen that scrolls."""
    path = shop_csv(tmp_path, HEADER + "".join(f"S{n},x,y,,\n" for n in range(1_000)))
    with pytest.raises(InvalidShopFile) as error_info:
        read_shop_file(path)
    lines = str(error_info.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 980 more"


@pytest.mark.long
def test_a_large_shop_is_read_in_seconds(tmp_path: Path) -> None:
    """100,000 products, and batches that the API takes."""
    path = shop_csv(
        tmp_path, HEADER + "".join(f"S{n},käse {n},5,EUR,{n}\n" for n in range(100_000))
    )
    began = time.monotonic()
    shop = read_shop_file(path)
    assert len(shop.products) == 100_000
    assert time.monotonic() - began < 30
    rows = [product.model_dump(mode="json") for product in shop.products[:2_000]]
    sizes = [len(batch) for batch in batches(rows)]
    assert sum(sizes) == 2_000
    assert max(sizes) <= MAX_ROWS


def test_a_batch_of_long_names_is_no_larger_than_a_request_may_be() -> None:
    """Size counts as well as number."""
    rows = [{"sku": f"S{n}", "name": "ü" * 200} for n in range(1_000)]
    together = list(batches(rows))
    assert [row for batch in together for row in batch] == rows
    assert all(len(json.dumps(batch)) <= MOST_BYTES + 2 for batch in together)
