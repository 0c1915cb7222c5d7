"""docs/YOUR-SAGA.md, followed by a stranger: from the install of the wheel to a saga of their own.

The files of the page stand in an empty folder, and each block `sh` is typed there as it stands;
the block `text` behind it is all that it prints, where `…` stands for anything.
"""

import asyncio
import os
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from temporal_saga.participant import Fence, open_database
from tests.repository.sources import ROOT
from tests.wheel.environments import constraints, run
from tests.wheel.page import BLOCK, FILES, FORTY_LINES, PAGE

README_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shows(page: str, output: str) -> bool:
    """Tell whether what was printed is what the page shows, whatever the space between words."""
    parts = [re.escape(" ".join(part.split())) for part in page.split("…")]
    return re.fullmatch(".*?".join(parts), " ".join(output.split()), re.DOTALL) is not None


def test_what_the_page_shows_is_told_from_other_output() -> None:
    """An ellipsis stands for anything, and nothing else does."""
    assert shows("a …\nc\n", "a b\n  c")
    assert not shows("a\nc\n", "a b c")


def test_every_block_of_the_page_is_followed() -> None:
    """No code stands there that no test types."""
    assert len(FILES) == PAGE.count("```python\n") == 15
    assert len(list(BLOCK.finditer(PAGE))) == PAGE.count("```sh\n")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"temporal_saga-{version}-py3-none-any.whl" in PAGE


def test_a_saga_is_forty_lines() -> None:
    """Both halves and what they say to each other, with their imports."""
    lines = [line for name in FORTY_LINES for line in FILES[name].splitlines() if line]
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_the_code_of_the_wheels_readme_is_the_pages() -> None:
    """What an index shows of it is run by a test as well."""
    blocks = README_BLOCK.findall((ROOT / "temporal_saga" / "README.md").read_text())
    assert len(blocks) == 2
    assert [block for block in blocks if not any(block in text for text in FILES.values())] == []


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Give the page's modules by name, those that they import given before; in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def load(name: str) -> ModuleType:
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(FILES[f"{name}.py"], vars(module))
        return module

    return load


def rows(url: str, table: sa.Table) -> list[str]:
    """Return the keys that the rows of a table have."""
    with open_database(url).connect() as connection:
        return list(connection.scalars(sa.select(table.c.step)))


def test_a_booking_that_is_taken_back_leaves_the_guests_other_one(
    page: Callable[[str], ModuleType],
) -> None:
    """A guest may have two; so may an address two parcels, at the carrier as well."""
    url = "sqlite:///office.db"
    commands = page("commands")
    services = page("services")
    hold, release, charge, refund = Fence.open(url, services.SEATS, services.CASH).handlers(
        (services.hold, services.release), (services.charge, services.refund)
    )
    for booking in ("first", "second"):
        hold(commands.HoldSeat(idempotency_key=f"{booking}/HoldSeat", guest="ann"))
        key = f"{booking}/ChargeCard"
        charge(commands.ChargeCard(idempotency_key=key, guest="ann", price_minor=2_500))
    release(commands.ReleaseSeat(idempotency_key="second/HoldSeat/compensation", guest="ann"))
    refund(commands.RefundCard(idempotency_key="second/ChargeCard/compensation", guest="ann"))
    assert rows(url, services.SEATS) == ["first/HoldSeat"]
    assert rows(url, services.CASH) == ["first/ChargeCard"]

    carrier = page("carrier")
    page("delivery")
    parcels = page("parcels")
    office = parcels.PostOffice(url)
    for order in ("first", "second"):
        parcel = parcels.ShipParcel(idempotency_key=f"{order}/ShipParcel", address="Rome")
        with pytest.raises(ConnectionError):
            office.ship(parcel)
        office.ship(parcel)
    key = "second/ShipParcel/compensation"
    office.cancel(parcels.CancelParcel(idempotency_key=key, address="Rome"))
    assert rows(url, parcels.PARCELS) == ["first/ShipParcel"]
    assert carrier.books("SELECT key FROM parcels") == [("first/ShipParcel",)]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_stranger_who_follows_the_page_has_a_saga(temporal: Client, tmp_path: Path) -> None:
    """Every block prints what the page shows; the files are formatted and pass strict checks.

    Where the page shows something, that is the verdict, not how each process ended: Temporal's SDK
    may abort an interpreter that has printed all and ends (temporalio/sdk-python #300).
    """
    folder = tmp_path / "booking"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    variables = {
        "CHECKOUT": str(ROOT),
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "PIP_CONSTRAINT": str(constraints(tmp_path)),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for block in BLOCK.finditer(PAGE):
        script = f"{block['script']}exit 0" if block["shown"] else f"set -e\n{block['script']}"
        output = await asyncio.to_thread(run, "sh", "-c", script, cwd=folder, **variables)
        assert shows(block["shown"] or "…", output), f"{block['script']}{output}"
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", ".venv/bin/python")
    await asyncio.to_thread(run, *mypy, *FILES, cwd=folder)
    ruff = (sys.executable, "-m", "ruff", "format", "--check", "--line-length", "100")
    await asyncio.to_thread(run, *ruff, *FILES, cwd=folder)
