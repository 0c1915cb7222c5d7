"""What the wheel's pytest plugin gives: a script as a fixture, and a check of effects."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from temporal_saga.plugin import SagaPlugin
from temporal_saga.pytest_plugin import SagaScript
from tests.repository.sources import ROOT
from tests.temporal_saga.parcel import (
    COMMANDS,
    QUEUE,
    REFUSALS,
    Done,
    DropParcelCommand,
    OpenParcelCommand,
    OutOfBoxes,
    PackParcelCommand,
    ParcelSaga,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
[PLUGIN] = PROJECT["entry-points"]["pytest11"].values()

WAITS = """
import time
import pytest
import sqlalchemy as sa

@pytest.mark.usefixtures("no_waiting_in_transactions")
@pytest.mark.parametrize("seconds", [0.0, None])
def test_effect(seconds):
    with sa.create_engine("sqlite://").begin():
        if seconds is not None:
            time.sleep(seconds)
"""

HEAVY = ("temporalio", "pydantic", "sqlalchemy", "asyncio")


@pytest.fixture(scope="session")
def temporal_connection(temporal: Client) -> dict[str, Any]:
    """The server of all tests."""
    return {"target_host": temporal.service_client.config.target_host}


@pytest.fixture(scope="session")
def saga_plugin() -> SagaPlugin:
    """It knows the refusals."""
    return SagaPlugin(refusals=REFUSALS)


async def test_a_script_is_a_fixture(saga_script: SagaScript) -> None:
    """Its participants refuse as real ones do, and two sagas have two ids."""
    ids = set()
    for _time in range(2):
        async with saga_script(ParcelSaga, {QUEUE: COMMANDS}) as script:
            ids.add(script.saga_id)
            await script.start("books")
            await script.expect(OpenParcelCommand)
            script.answer(Done())
            await script.expect(PackParcelCommand, parcel="books")
            script.answer(OutOfBoxes(message="no box is so large"))
            await script.expect_compensation(DropParcelCommand, of=OpenParcelCommand)
            script.answer(Done())
            assert (await script.failed()).type == "OutOfBoxes"
    assert len(ids) == 2


async def test_a_script_is_told_to_its_end(saga_script: SagaScript) -> None:
    """Otherwise the test would say nothing of what comes of the saga."""

    async def untold_test() -> None:
        async with saga_script(ParcelSaga, {QUEUE: COMMANDS}) as script:
            await script.start("books")
            await script.expect(OpenParcelCommand)

    with pytest.raises(AssertionError, match="has no end"):
        await untold_test()


def test_an_effect_that_waits_in_its_transaction_fails_its_test(tmp_path: Path) -> None:
    """Where something waits; it is told at the end as well, in case that the effect caught it."""
    file = tmp_path / "test_effect.py"
    file.write_text(WAITS)
    options = ("-q", "-p", PLUGIN, f"--rootdir={tmp_path}", "-p", "no:cacheprovider", str(file))
    output = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert "WaitsInTransaction: this sleeps in a transaction" in output
    assert "1 failed, 1 passed, 1 error" in output


def test_a_run_without_sagas_loads_nothing_heavy() -> None:
    """What the wheel's entry point names is modules in each run of pytest."""
    code = f"import pytest, sys; before = set(sys.modules); import {PLUGIN}"
    code += "; print(*set(sys.modules) - before)"
    modules = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert PLUGIN in modules
    assert [name for name in modules if name.partition(".")[0] in HEAVY] == []
