"""Processes that are killed or stopped in the middle of a command at a provider, and come back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from temporal_saga.provider import StillInDoubt
from tests.temporal_saga.bank import Kind
from tests.temporal_saga.card_charge import Charged, MoneyBack
from tests.temporal_saga.charging_participant import Till
from tests.temporal_saga.charging_process import LIMIT_SECONDS, BankOnFile
from tests.temporal_saga.fenced_participant import Ask

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
BACK = Ask().taken_back()
PATIENCE = 30


class Delivery:
    """A process that delivers a command, boundary by boundary."""

    def __init__(self, url: str, books: Path, kind: Kind, act: str) -> None:
        command = [sys.executable, "-m", "tests.temporal_saga.charging_process"]
        self._process = subprocess.Popen(
            [*command, url, str(books), kind, act],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def goes_to(self, boundary: int) -> bool:
        """Let it go to the boundary of this number; False when it ended before."""
        assert self._process.stdout is not None
        for number in range(boundary + 1):
            if number > 0:
                self._go()
            if not self._process.stdout.readline():
                self._process.wait(PATIENCE)
                return False
        return True

    def kill(self) -> None:
        """End it where it stands."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)

    def stop(self) -> None:
        """Let it stand still, whatever it is told."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def end(self) -> str:
        """Let it go on to its end; return what it failed with."""
        os.kill(self._process.pid, signal.SIGCONT)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._go()
        while self._process.stdout.readline():
            self._go()
        self._process.wait(PATIENCE)
        return self._process.stderr.read()

    def _go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()


class World:
    """A till, its bank's books, and processes that use both."""

    def __init__(self, engine: sa.Engine, url: str, folder: Path, stack: ExitStack) -> None:
        self._url = url
        self._folder = folder
        self._stack = stack
        self._numbers = count()
        self._engine = engine

    def begin(self, kind: Kind) -> None:
        """Begin with nothing on record and nothing in the books."""
        self._books = self._folder / f"books-{next(self._numbers)}.json"
        self._kind = kind
        self.bank = BankOnFile(self._books, kind, lambda: None)
        self.till = Till(
            self._engine,
            self.bank,
            call_seconds=LIMIT_SECONDS,
            margin_seconds=LIMIT_SECONDS,
        )
        self.till.create_tables()
        self.till.lose_database()

    def delivery(self, act: str) -> Delivery:
        """Start a process that delivers a command."""
        delivery = Delivery(self._url, self._books, self._kind, act)
        self._stack.callback(delivery.kill)
        return delivery

    def net(self) -> int:
        """What the books say."""
        self.bank.read()
        return self.bank.net


@pytest.fixture
def world(
    request: pytest.FixtureRequest, engine: sa.Engine, database_url: str, tmp_path: Path
) -> Iterator[World]:
    """Give a world without processes, and end those that the test starts."""
    is_asked_for = engine.dialect.name == "sqlite" and "plain" not in request.node.name
    if not is_asked_for and not os.environ.get("EVERY_STORY"):
        pytest.skip("EVERY_STORY=1 kills them on PostgreSQL and at a plain provider, too")
    with ExitStack() as stack:
        yield World(engine, database_url, tmp_path, stack)


def until_done(act: Callable[[Ask], Any], command: Ask) -> Any:
    """Deliver a command until its outcome is known, as a saga does."""
    while True:
        try:
            return act(command)
        except StillInDoubt as error:
            time.sleep(error.retry_in_seconds)


@pytest.mark.parametrize("then", ["charge", "refund"])
@pytest.mark.parametrize("kind", [Kind.PLAIN, Kind.TWO_PHASE])
def test_a_process_killed_at_any_boundary_of_a_charge(world: World, kind: Kind, then: str) -> None:
    """What it left is recorded, or taken back, from what the books say."""
    for boundary in count():
        world.begin(kind)
        delivery = world.delivery("charge")
        if not delivery.goes_to(boundary):
            break
        delivery.kill()
        if then == "charge":
            assert isinstance(until_done(world.till.charge, Ask()), Charged)
            assert (world.net(), world.till.receipts) == (7, [7])
        else:
            assert isinstance(until_done(world.till.refund, BACK), MoneyBack)
            assert (world.net(), sum(world.till.receipts)) == (0, 0)
    assert boundary >= 8


def test_a_process_killed_at_any_boundary_of_a_refund(world: World) -> None:
    """The next one gives the money back, once."""
    for boundary in count():
        world.begin(Kind.PLAIN)
        world.till.charge(Ask())
        delivery = world.delivery("refund")
        if not delivery.goes_to(boundary):
            break
        delivery.kill()
        assert until_done(world.till.refund, BACK) == MoneyBack(amount=7)
        assert (world.net(), world.till.receipts) == (0, [7, -7])
    assert boundary >= 8


@pytest.mark.parametrize("kind", Kind)
def test_a_process_that_is_stopped_and_wakes_when_the_refund_is_done(
    world: World, kind: Kind
) -> None:
    """Wherever it stood, it leaves nothing: it does not call, is not let in, or takes it back."""
    for boundary in count():
        world.begin(kind)
        delivery = world.delivery("charge")
        if not delivery.goes_to(boundary):
            break
        delivery.stop()
        assert isinstance(until_done(world.till.refund, BACK), MoneyBack)
        error = delivery.end()
        assert world.net() == 0, boundary
        # It ended well if it stood behind its last commit, and else was turned away.
        assert world.till.receipts == ([] if error else [7, -7]), error
    assert boundary >= 8
