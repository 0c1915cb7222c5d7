"""A run as a whole, with contestants that need no processes: who is believed, and who is not."""

import json
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import rounds
from bench.chart import chart
from bench.contestants.contestant import Running, Unavailable
from bench.doors import NotCompleted, Place
from bench.peers.services import Services
from bench.processes import DidNotStart
from bench.report import document, row
from bench.rounds import Plan, Result, run, turn
from bench.text import tables
from contracts.placing import PlaceOrder

IN_FLIGHT = (1, 2)


@dataclass(frozen=True)
class Honest:
    """Does in this process what an order asks for."""

    name: str = "honest"
    title: str = "calls the services itself"

    def prepare(self) -> Mapping[str, str]:
        """Find nothing to install."""
        return {"services": "1"}

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[Running]:
        """Serve in this process."""
        with closing(Services(folder, threads=1)) as services:

            @asynccontextmanager
            async def enter() -> AsyncIterator[Place]:
                async def place(order: PlaceOrder) -> None:
                    await self.place(services, order)

                yield place

            yield Running(_Door(enter), [])

    async def place(self, services: Services, order: PlaceOrder) -> None:
        """Complete the order."""
        services.register(order)
        services.charge(order)
        services.take(order)
        services.confirm(order)


@dataclass(frozen=True)
class _Door:
    enter: Callable[[], AbstractAsyncContextManager[Place]]


@dataclass(frozen=True)
class Liar(Honest):
    """Says of every order that it is completed, and does no more than charge for it."""

    name: str = "liar"

    async def place(self, services: Services, order: PlaceOrder) -> None:
        """Charge, and be silent about the rest."""
        services.charge(order)


@dataclass(frozen=True)
class Clumsy(Honest):
    """Completes every second order, and says so."""

    name: str = "clumsy"

    async def place(self, services: Services, order: PlaceOrder) -> None:
        """Refuse orders of odd numbers."""
        if str(order.order_id)[-1] in "13579":
            raise NotCompleted("503: busy")
        await super().place(services, order)


@dataclass(frozen=True)
class Absent(Honest):
    """Cannot be installed."""

    name: str = "absent"

    def prepare(self) -> Mapping[str, str]:
        """Fail."""
        raise Unavailable("there is no <compiler> here")


@dataclass(frozen=True)
class Broken(Honest):
    """Does not come up."""

    name: str = "broken"

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[Running]:
        """Fail."""
        raise DidNotStart(f"server ended with exit code 3: see {folder.name}")
        yield


@pytest.fixture(scope="module")
async def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, list[Result]]:
    """Give two rounds of all of them."""
    plan = Plan(rounds=2, orders=4, in_flight=IN_FLIGHT, folder=tmp_path_factory.mktemp("data"))
    contestants = [Honest(), Liar(), Clumsy(), Absent(), Broken()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "SETTLE_SECONDS", 0)
        patch.setattr(rounds, "WARM_UP_ORDERS", 2)
        return plan, await run(contestants, plan, lambda _: None)


def test_who_is_in_order_has_figures(results: tuple[Plan, list[Result]]) -> None:
    """Two rounds, and an order fewer where they are placed one at a time."""
    plan, (honest, *_) = results
    line = row(honest, plan.in_flight)
    assert line.note is None
    assert {number: figures.completed for number, figures in line.summaries.items()} == {
        1: 2,
        2: 8,
    }
    assert len(line.summaries[2].rates) == 2
    assert line.summaries[1].rate > 0


def test_who_says_what_the_databases_do_not_hold_has_none(
    results: tuple[Plan, list[Result]],
) -> None:
    """However fast it was, its answers are not counted."""
    plan, (_, liar, *_) = results
    line = row(liar, plan.in_flight)
    assert "not CONFIRMED" in str(line.note)
    assert line.summaries == {}


def test_an_order_that_failed_counts_as_an_error(results: tuple[Plan, list[Result]]) -> None:
    """Not as a completed one, and it makes the others no faster."""
    plan, (_, _, clumsy, *_) = results
    figures = row(clumsy, plan.in_flight).summaries[2]
    assert (figures.completed, figures.errors) == (4, 4)


def test_who_cannot_take_part_is_named_with_the_reason(
    results: tuple[Plan, list[Result]],
) -> None:
    """Whether it cannot be installed, or does not come up."""
    plan, (*_, absent, broken_result) = results
    assert row(absent, plan.in_flight).note == "not available: there is no <compiler> here"
    assert (
        row(broken_result, plan.in_flight).note
        == "WRONG: server ended with exit code 3: see broken"
    )


def test_the_json_has_all_of_it(results: tuple[Plan, list[Result]]) -> None:
    """Parameters, versions, reasons, medians, each round, and ratios of those with figures."""
    plan, all_results = results
    rows = [row(result, plan.in_flight) for result in all_results]
    whole = json.loads(json.dumps(document(all_results, rows, plan, {"cores": 2})))
    assert whole["parameters"] == {"rounds": 2, "orders": {"1": 1, "2": 4}}
    assert whole["contestants"]["honest"]["versions"] == {"services": "1"}
    assert whole["contestants"]["honest"]["medians"]["2"]["completed"] == 8
    assert len(whole["contestants"]["honest"]["rounds"]) == 2
    assert whole["contestants"]["liar"]["medians"] == {}
    assert whole["contestants"]["absent"]["unavailable"] == "there is no <compiler> here"
    assert whole["ratios"]["2"]["rate"]["honest"].keys() == {"honest", "clumsy"}


def test_the_table_shows_figures_errors_and_reasons(results: tuple[Plan, list[Result]]) -> None:
    """One line for each contestant at each number in flight."""
    plan, all_results = results
    text = tables([row(result, plan.in_flight) for result in all_results], IN_FLIGHT, "honest")
    [_, clumsy] = [line.split() for line in text.splitlines() if line.startswith("clumsy")]
    [_, honest] = [line.split() for line in text.splitlines() if line.startswith("honest")]
    assert (clumsy[-3], honest[-3]) == ("4", "0")
    assert honest[3] == "1.00"
    assert text.count("not available: there is no <compiler> here") == 2
    assert text.count("WRONG: server ended") == 2


def test_the_chart_is_svg_for_light_and_dark_pages(results: tuple[Plan, list[Result]]) -> None:
    """Every contestant is named; only those in order have a bar and a point."""
    plan, all_results = results
    rows = [row(result, plan.in_flight) for result in all_results]
    picture = chart(rows, IN_FLIGHT, frozenset({"honest"}), "2 cores & <more>")
    root = ET.fromstring(picture)
    elements = [element.tag.rpartition("}")[2] for element in root.iter()]
    texts = [str(element.text) for element in root.iter() if element.tag.endswith("text")]
    assert {one.name for one in rows} <= set(texts)
    assert elements.count("circle") == 2 * len(IN_FLIGHT)
    assert sum(e.get("class") in {"ours", "other"} for e in root.iter() if "rect" in e.tag) == 4
    assert "not available: there is no <compiler> here" in texts
    assert "prefers-color-scheme: dark" in picture


def test_the_longest_bar_is_the_highest_rate(results: tuple[Plan, list[Result]]) -> None:
    """Lengths are in proportion to the rates."""
    plan, (honest, _, clumsy, *_) = results
    rows = [row(result, plan.in_flight) for result in (honest, clumsy)]
    root = ET.fromstring(chart(rows, (2,), frozenset({"honest"}), ""))
    widths = {e.get("class"): float(str(e.get("width"))) for e in root.iter() if "rect" in e.tag}
    rates = {one.name: one.summaries[2].rate for one in rows}
    assert widths["other"] / widths["ours"] == pytest.approx(
        rates["clumsy"] / rates["honest"], rel=0.01
    )


def test_each_round_begins_with_another() -> None:
    """So that none is always measured right after the same other one ended."""
    assert [list(turn("abc", number)) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
