"""The contestants on this machine: the smallest bench, and what each takes back."""

import json
import os
from pathlib import Path

import pytest

from bench.command import main
from bench.contestants.contestant import Contestant, Running, Unavailable
from bench.contestants.table import BASE, CONTESTANTS
from bench.contestants.temporal import PlainTemporal
from bench.contestants.this_system import ThisSystem
from bench.doors import NotCompleted
from bench.verification import discrepancies
from bench.workload import database_url, open_shop, orders
from contracts.placing import PlaceOrder
from contracts.states import OrderStatus
from participants.order.reads import OrderReads
from temporal_saga.database import open_database
from tests.every_story import only_with_every_story

OWN_ENVIRONMENT = pytest.mark.skipif(
    os.environ.get("BENCH_PEERS") != "1", reason="BENCH_PEERS=1 installs DBOS and Restate for it"
)
PEERS = [
    pytest.param(one, marks=() if isinstance(one, PlainTemporal) else OWN_ENVIRONMENT)
    for one in CONTESTANTS
    if not isinstance(one, ThisSystem) and one.name != "temporal-empty"
]


@pytest.mark.long
@only_with_every_story
@pytest.mark.timeout(400)
def test_the_smallest_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This system, a saga by hand on an untuned server, and an empty workflow: all in order."""
    names = ("up", "temporal-plain", "temporal-empty")
    choice = ("--contestants", ",".join(names), "--output", str(tmp_path))
    size = ("--rounds", "1", "--orders", "8", "--in-flight", "1,2")
    assert main([*choice, *size]) == 0
    [results] = tmp_path.glob("*.json")
    [picture] = tmp_path.glob("*.svg")
    whole = json.loads(results.read_text())
    for name in names:
        contestant = whole["contestants"][name]
        assert contestant["problems"] == []
        assert contestant["medians"]["2"]["completed"] == 8
        assert contestant["medians"]["2"]["errors"] == 0
        assert contestant["medians"]["2"]["cpu_ms"]["temporal"] > 0
        assert contestant["idle_mib"] > 50
        assert name in picture.read_text()
    text = capsys.readouterr().out
    assert [name for name in names if text.count(f"\n{name} ") != len(("1", "2"))] == []
    assert whole["ratios"]["2"]["rate"]["up"]["temporal-plain"] > 0
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("contestant", PEERS, ids=lambda one: one.name)
async def test_a_refused_order_is_taken_back(contestant: Contestant, tmp_path: Path) -> None:
    """A peer is a whole saga: a product that is not there costs nobody anything."""
    try:
        contestant.prepare()
    except Unavailable as reason:
        pytest.skip(str(reason))
    open_shop(tmp_path)
    [good, bad] = orders("x", 2)
    unknown_line = bad.lines[0].model_copy(update={"sku": "no such product"})
    bad = bad.model_copy(update={"lines": (*bad.lines, unknown_line)})
    async with contestant.run(tmp_path) as running:
        await place(running, good)
        with pytest.raises(NotCompleted):
            await place(running, bad)
    assert discrepancies(tmp_path, [good, bad], {"x-0"}) == []
    engine = open_database(database_url(tmp_path, "order"))
    records = [OrderReads(engine).find(order_id) for order_id in ("x-0", "x-1")]
    engine.dispose()
    assert [record and record.status for record in records] == [
        OrderStatus.CONFIRMED,
        OrderStatus.CANCELLED,
    ]


async def place(running: Running, order: PlaceOrder) -> None:
    """Place an order."""
    async with running.door.enter() as way_in:
        await way_in(order)


def test_a_setting_that_there_is_not_is_said() -> None:
    """A layout that this release does not have is not measured under its name."""
    with pytest.raises(Unavailable, match="no setting NO_SUCH_SETTING"):
        ThisSystem("x", "x", {"SHOP": "none", "NO_SUCH_SETTING": "1"}).prepare()


def test_this_release_has_every_setting_of_the_table() -> None:
    """None of the layouts is left out for a setting that was renamed."""
    for contestant in CONTESTANTS:
        if isinstance(contestant, ThisSystem):
            contestant.prepare()


def test_contestants_have_names_of_their_own() -> None:
    """The others are compared with one of them."""
    names = [one.name for one in CONTESTANTS]
    assert len(set(names)) == len(names)
    assert BASE in names


@pytest.mark.parametrize(
    "arguments",
    [
        ["--contestants", "up,nobody"],
        ["--in-flight", "0"],
        ["--rounds", "many"],
        ["--orders", "-1"],
    ],
)
def test_a_wrong_argument_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is started."""
    with pytest.raises(SystemExit) as error_info:
        main(arguments)
    assert error_info.value.code == 2
    assert arguments[0] in capsys.readouterr().err
