"""Each invariant of a participant is proven.

What is corrupted on purpose, its own query and no other tells.
"""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from contracts.states import LEGAL_MOVES
from contracts.steps import PARTICIPANTS as ROOMS
from operations.audit.invariants import OF_THE_FENCE, PARTICIPANTS, invariants_of, violations_by_id
from participants.stock import tables as stock_tables
from temporal_saga.intents import intent_table
from tests.participants.corruptions import PLANTED, Corruption, spend
from tests.shop import Shop


def name(plant: Corruption) -> str:
    return f"{plant.participant}-{plant.id}-{plant.problem}"


def violations_of(shop: Shop) -> dict[str, dict[str, list[str]]]:
    """Return the violations of each participant by id."""
    return {name: violations_by_id(engine, name) for name, engine in shop.engines.items()}


def test_an_honest_shop_breaks_no_invariant(shop: Shop) -> None:
    """Orders of every kind leave every invariant of every participant true."""
    assert violations_of(shop) == {name: {} for name in ROOMS}


def test_participants_that_share_a_database_break_no_invariant(
    database_url: str, open_engine: Callable[[str], sa.Engine]
) -> None:
    """In a fence that others use too, a participant's invariants look at its own commands alone."""
    shop = Shop(lambda: database_url, open_engine)
    shop.trade()
    assert violations_of(shop) == {name: {} for name in ROOMS}


@pytest.mark.parametrize("plant", PLANTED, ids=name)
def test_a_planted_corruption_is_told_by_its_own_invariant(shop: Shop, plant: Corruption) -> None:
    """What is corrupted, the query of its own invariant finds, and says what is wrong.

    All others still hold.
    """
    shop.corrupt(plant.participant, *plant.statements)
    broken_invariants = violations_by_id(shop.engines[plant.participant], plant.participant)
    assert list(broken_invariants) == [plant.id]
    assert any(
        sentence.startswith(f"{plant.problem}: ") for sentence in broken_invariants[plant.id]
    ), broken_invariants


def test_every_query_is_proven() -> None:
    """There is no query of which no planted corruption shows that it finds something.

    P1 is proven where the fence of providers is tested.
    """
    queries = {
        (participant.name, invariant.id, problem)
        for participant in (folder.parent for folder in PARTICIPANTS.glob("*/invariants"))
        for invariant in invariants_of(participant.name)
        if invariant.id != "P1"
        for statement in invariant.statements
        for problem in re.findall(r"'([^']*)' AS problem", statement)
    }
    assert queries == {(plant.participant, plant.id, plant.problem) for plant in PLANTED}


def test_a_participant_with_effects_at_a_provider_is_asked_what_its_fence_promises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its table of intents says that it has some; nobody keeps a list of who does."""
    assert "P1" in {invariant.id for invariant in invariants_of("payment")}
    assert "P1" not in {invariant.id for invariant in invariants_of("stock")}
    metadata = sa.MetaData()
    intent_table(metadata)
    monkeypatch.setattr(stock_tables, "METADATA", metadata)
    assert "P1" in {invariant.id for invariant in invariants_of("stock")}


def test_a_violation_tells_what_is_wrong_and_where(shop: Shop) -> None:
    """A violation is a sentence and the values that show it."""
    shop.corrupt("payment", spend("ann", 1))
    assert violations_by_id(shop.engines["payment"], "payment")["M1"][0] == (
        "a wallet is not what the ledger makes it: "
        "customer_id ann, currency GBP, balance_minor 5449, ledger_minor 5450"
    )


def test_the_moves_of_o1_are_the_legal_moves() -> None:
    """O1's table of moves is that of the contract, word for word."""
    invariant = (PARTICIPANTS / "order" / "invariants" / "O1.sql").read_text()
    pairs = set(re.findall(r"^ +\('(\w+)', '(\w+)'\)", invariant, re.MULTILINE))
    assert pairs == {
        (before or "start", after) for before, afters in LEGAL_MOVES.items() for after in afters
    }


def test_every_file_tells_its_claim() -> None:
    """A file is named for its invariant and begins with its claim, worded the same everywhere."""
    claims: dict[str, set[str]] = {}
    for path in (*OF_THE_FENCE.glob("*"), *PARTICIPANTS.glob("*/invariants/*")):
        text = path.read_text()
        assert re.match(rf"-- {path.stem}: [^\n]+(\n-- [^\n]+)?\.\n\n", text), path
        assert path.suffix == ".sql"
        claims.setdefault(path.stem, set()).add(text.partition("\n\n")[0])
    assert claims.keys() >= {"M1", "M2", "M3", "S1", "E1", "E2", "O1"}
    assert not [id_ for id_, wordings in claims.items() if len(wordings) > 1]


def test_what_the_fence_promises_is_asked_once_of_every_participant() -> None:
    """The fence's own queries stand in its room alone.

    They are part of each participant's E1 and E2.
    """
    general = {path.stem: path.read_text() for path in OF_THE_FENCE.glob("*.sql")}
    for participant in ("order", "payment", "stock"):
        statements = {i.id: i.statements for i in invariants_of(participant)}
        for id_, text in general.items():
            problems = re.findall(r"'([^']*)' AS problem", text)
            own = (PARTICIPANTS / participant / "invariants" / f"{id_}.sql").read_text()
            assert problems
            assert not [problem for problem in problems if problem in own]
            assert all("\n".join(statements[id_]).count(problem) == 1 for problem in problems)
