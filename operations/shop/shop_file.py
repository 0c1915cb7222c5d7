"""A shop in a file: products or customers as CSV, read whole; every bad line is named."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from contracts.base import Contract
from contracts.payment import WalletOpening
from contracts.prose import problems as explain
from contracts.stock import ProductOffer

PRODUCTS = ("sku", "name", "opening_stock", "currency", "unit_price_minor")
CUSTOMERS = ("customer_id", "currency", "opening_balance_minor")
KINDS = (PRODUCTS, CUSTOMERS)
"""The columns of each kind of file; the first names a row, and the first two must be there."""

NUMBERS = frozenset({"opening_stock", "unit_price_minor", "opening_balance_minor"})
MOST_DIGITS = 18
"""Of a number; Python itself refuses to read one of thousands of digits."""

DELIMITERS = ",;\t"
MOST_PROBLEMS = 20
MOST_CHARACTERS = 40

Row = ProductOffer | WalletOpening
C = TypeVar("C", bound=Contract)


class InvalidShopFile(Exception):
    """A file is no shop; the message has a line for each problem."""


@dataclass(frozen=True)
class ShopFile:
    """What a file holds: products or customers; the other is empty."""

    products: tuple[ProductOffer, ...] = ()
    customers: tuple[WalletOpening, ...] = ()


def read_shop_file(path: Path) -> ShopFile:
    """Read a file of products or of customers; its first line says which.

    Columns are in any order, separated by commas, semicolons or tabs. Empty lines are skipped.

    Raises:
        InvalidShopFile: something is wrong with it; nothing of it is to be used.
    """
    first_lines: dict[str, int] = {}
    rows: list[Row] = []
    problems: list[str] = []
    for line, row in _rows(_text(path)):
        if isinstance(row, str):
            problems.append(f"line {line}: {row}")
        elif (name := _name(row)) in first_lines:
            problems.append(f"line {line}: {name} is on line {first_lines[name]} already")
        else:
            first_lines[name] = line
            rows.append(row)
    if problems:
        raise InvalidShopFile("\n".join(_report(path, problems)))
    if not rows:
        raise InvalidShopFile(f"{path}: there is nothing below its first line")
    return ShopFile(
        tuple(row for row in rows if isinstance(row, ProductOffer)),
        tuple(row for row in rows if isinstance(row, WalletOpening)),
    )


def _rows(text: str) -> Iterator[tuple[int, Row | str]]:
    """Yield the number of each line below the header, and its row, or what is wrong with it."""
    first = next(line for line in text.splitlines() if line.strip())
    # Lines end as spreadsheets end them, and nowhere else: a name may hold other separators.
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=max(DELIMITERS, key=first.count), strict=True)
    kind: tuple[str, ...] = ()
    header: list[str] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if header:
                yield reader.line_num, _row(kind, header, row)
                continue
            header = [cell.strip().lower() for cell in row]
            kind = next((kind for kind in KINDS if kind[0] in header), ())
            if problem := _problem(kind, header):
                yield reader.line_num, problem
                return
    except csv.Error as error:
        yield reader.line_num, f"it is no CSV: {error}"


def _text(path: Path) -> str:
    """Return a file's text, without the byte order mark that spreadsheets may begin it with."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidShopFile(f"{path} cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidShopFile(
            f"{path}: line {line}: it is not UTF-8; save it as CSV UTF-8 in your spreadsheet"
        ) from error
    if not text.strip():
        raise InvalidShopFile(f"{path} is empty")
    return text


def _problem(kind: tuple[str, ...], header: list[str]) -> str | None:
    """Say why a file cannot begin like this, or None when it can."""
    if not kind or all(kind[0] in header for kind in KINDS):
        forms = " or ".join(",".join(kind) for kind in KINDS)
        return f"a file is of products or of customers, and its first line says which: {forms}"
    problems = [
        *(f"it lacks the column {name}" for name in kind[:2] if name not in header),
        *(f"there is no column {_printable(name)}" for name in header if name not in kind),
        *(f"the column {name} stands there twice" for name in kind if header.count(name) > 1),
    ]
    return f"{'; '.join(problems)}; the columns are {','.join(kind)}" if problems else None


def _row(kind: tuple[str, ...], header: list[str], row: list[str]) -> Row | str:
    """Return a row's contract, or what is wrong with it."""
    if len(row) != len(header):
        return f"it has {_fields(len(row))}, and the first line has {len(header)}"
    in_one_line = (" ".join(cell.split()) for cell in row)
    cells = {name: cell for name, cell in zip(header, in_one_line, strict=True) if cell}
    fields: dict[str, Any] = {}
    for name, cell in cells.items():
        if name not in NUMBERS:
            fields[name] = cell
        elif cell.isascii() and cell.isdecimal() and len(cell) <= MOST_DIGITS:
            fields[name] = int(cell)
        else:
            what = "pieces" if name == "opening_stock" else "minor units, like 255 for 2.55"
            return f"{name}: {_printable(cell)} is no whole number of {what}"
    return _product(fields) if kind is PRODUCTS else _valid(WalletOpening, fields)


def _product(fields: dict[str, Any]) -> ProductOffer | str:
    """Return a product; its price needs a currency, and a currency alone is no price."""
    price = fields.pop("unit_price_minor", None)
    currency = fields.pop("currency", None)
    if (price is None) != (currency is None):
        missing = "currency" if currency is None else "unit_price_minor"
        return f"{missing}: a price is a number and a currency, or neither"
    prices = None if currency is None else {currency: price}
    return _valid(ProductOffer, fields | {"prices": prices})


def _valid(model: type[C], fields: Mapping[str, Any]) -> C | str:
    """Return a contract of these fields, or what is wrong with them."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        return "; ".join(
            f"{_column(place)}: {message}" for place, message in explain(error.errors())
        )


def _column(place: tuple[int | str, ...]) -> int | str:
    """Return the column that a field of a contract stands in."""
    if place[0] != "prices":
        return place[0]
    return "currency" if place[-1] == "[key]" else "unit_price_minor"


def _name(row: Row) -> str:
    """Return the SKU or customer of a row, which no other row may have."""
    return row.sku if isinstance(row, ProductOffer) else row.customer_id


def _printable(cell: str) -> str:
    """Return a cell's text as a terminal can show it."""
    return cell[:MOST_CHARACTERS] if cell and cell.isprintable() else ascii(cell[:MOST_CHARACTERS])


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _report(path: Path, problems: list[str]) -> Iterator[str]:
    """Yield what is wrong with a file: the first problems, and how many more there are."""
    yield f"{path} is not taken, nothing of it:"
    yield from (f"  {line}" for line in problems[:MOST_PROBLEMS])
    if len(problems) > MOST_PROBLEMS:
        yield f"  and {len(problems) - MOST_PROBLEMS} more"
