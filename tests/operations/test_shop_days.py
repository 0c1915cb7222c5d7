from pathlib import Path

import pytest

from operations.shop.seed import SHOP_DAYS, Shop, shop_of
from operations.shop.shop_days import ShopData, minor_units, read_days

DAYS = sorted(SHOP_DAYS.glob("*.csv"))
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def day(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def days() -> ShopData:
    return read_days(DAYS)


@pytest.fixture(scope="module")
def shop(days: ShopData) -> Shop:
    return shop_of(days)


@pytest.mark.parametrize(
    ("price", "minor"),
    [
        ("2.55", 255),
        ("0.29", 29),
        ("1.1", 110),
        ("4", 400),
        ("0.0", 0),
        ("607.49", 60749),
        ("1e2", 10000),
    ],
)
def test_prices_are_exact(price: str, minor: int) -> None:
    """A price becomes the exact number of minor units, which floating point would miss."""
    assert minor_units(price) == minor


@pytest.mark.parametrize("price", ["0.005", "", "free", "NaN", "sNaN", "Infinity", "1,20"])
def test_what_is_no_whole_number_of_minor_units_is_no_price(price: str) -> None:
    """A fraction of a penny and what is no number are told apart from prices, and never rounded."""
    assert minor_units(price) is None


def test_an_invoice_becomes_an_order(tmp_path: Path) -> None:
    """Rows of an invoice are lines of one order; customers lose the `.0`, a SKU keeps its case."""
    data = read_days(
        [
            day(
                tmp_path / "day.csv",
                "536365,85123A,WHITE HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
                "536366,POST,,1,2010-12-01 08:27:00,18.0,12583.0,France",
                "536365,85123a,LANTERN,2,2010-12-01 08:26:00,3.39,17850.0,United Kingdom",
            )
        ]
    )
    heart, other = data.orders
    assert (heart.order_id, heart.customer_id, heart.currency, heart.total_minor) == (
        "536365",
        "17850",
        "GBP",
        6 * 255 + 2 * 339,
    )
    assert [line.sku for line in heart.lines] == ["85123A", "85123a"]
    assert (other.order_id, other.customer_id) == ("536366", "12583")
    assert data.products == {"85123A": "WHITE HEART", "POST": "POST", "85123a": "LANTERN"}
    assert data.prices == {"85123A": 255, "POST": 1800, "85123a": 339}
    assert data.skip_counts == {}


def test_what_is_no_order_is_counted(tmp_path: Path) -> None:
    """Rows that are no line of an order are left out, and counted by their reason."""
    data = read_days(
        [
            day(
                tmp_path / "day.csv",
                "C536379,22633,HAND WARMER,-1,2010-12-01 09:41:00,1.85,14527.0,United Kingdom",
                "536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom",
                "536415,22139,RETURNED,-10,2010-12-01 11:52:00,1.0,17850.0,United Kingdom",
                "536415,gift/0001,VOUCHER,1,2010-12-01 11:52:00,1.0,17850.0,United Kingdom",
                f"536415,22139,HUGE,{'9' * 5_000},2010-12-01 11:52:00,1.0,17850.0,United Kingdom",
                "536415,22139,FRACTION,1,2010-12-01 11:52:00,0.001,17850.0,United Kingdom",
                "536415,22139,GIFT,1,2010-12-01 11:52:00,0.0,17850.0,United Kingdom",
                "536415,22139,ADJUSTED,1,2010-12-01 11:52:00,-1.0,17850.0,United Kingdom",
                "536416,22139,TOO LONG A NAME,1,2010-12-01 11:52:00,1.0,some body,United Kingdom",
                "536417,22139,RIGHT,1,2010-12-01 11:52:00,1.0,17850.0,United Kingdom",
            )
        ]
    )
    assert [(order.order_id, len(order.lines)) for order in data.orders] == [("536417", 1)]
    reasons = {
        "cancellations": 1,
        "without customer": 1,
        "without price": 3,
        "SKU or quantity": 3,
        "whole invoices": 1,
    }
    assert data.skip_counts == reasons


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"sku,count\nA,1\n", "is no shop day: it lacks CustomerID"),
        (b"", "is no shop day: it lacks CustomerID"),
        (b"PK\x03\x04\xff\xfe\x00", "is no shop day: 'utf-8' codec can't decode"),
        (HEADER.encode() + b'"' + b"x" * 200_000, "is no shop day: field larger than field limit"),
    ],
    ids=["other columns", "empty", "a spreadsheet", "no end of a field"],
)
def test_a_file_of_another_form_is_refused_by_name(
    content: bytes, wrong: str, tmp_path: Path
) -> None:
    """A file that is no shop day is an error that names the file and what is wrong with it."""
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"list\.csv {wrong}"):
        read_days([tmp_path / "list.csv"])


def test_a_day_without_an_order_is_none(tmp_path: Path) -> None:
    """A file of the right form from which everything is left out is an error that names it."""
    empty = day(
        tmp_path / "sunday.csv",
        "C536379,22633,HAND WARMER,-1,2010-12-01 09:41:00,1.85,14527.0,United Kingdom",
    )
    with pytest.raises(ValueError, match=r"there is no order in \S+sunday\.csv"):
        read_days([empty])


def test_the_days_in_the_repository_are_read_whole(days: ShopData) -> None:
    """Of the two days every row is a line of an order or counted; no order is cut or left out."""
    rows = sum(len(path.read_text(encoding="utf-8-sig").splitlines()) - 1 for path in DAYS)
    assert (
        sum(len(order.lines) for order in days.orders) + sum(days.skip_counts.values())
        == rows
        == 5217
    )
    assert (len(days.orders), len(days.products), dict(days.skip_counts)) == (
        258,
        1309,
        {"without customer": 1205, "cancellations": 70},
    )
