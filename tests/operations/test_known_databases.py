"""A database file that was deleted or replaced is noticed before anything is put in its place."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from config import Settings
from contracts.steps import PARTICIPANTS
from operations.up import known_databases
from operations.up.command import main
from operations.up.known_databases import NAME, check_databases, watch_databases
from operations.up.preflight import CannotStart
from temporal_saga.database import open_database
from temporal_saga.identity import Identity, identify
from temporal_saga.registry import Registration
from tests.stack import free_port, until


def make_database(data_dir: Path, participant: str) -> Identity:
    """Make a participant's database in the data directory, and return who it is."""
    engine = open_database(f"sqlite:///{data_dir}/{participant}.db")
    identity = identify(engine, participant, "here")
    engine.dispose()
    return identity


def write_list(data_dir: Path, *participants: str) -> None:
    """Make databases, and list them as a system that was up does."""
    identities = {name: make_database(data_dir, name).id for name in participants}
    (data_dir / NAME).write_text(json.dumps(identities))


@pytest.fixture
async def registered_system(temporal: Client, tmp_path: Path) -> AsyncIterator[Settings]:
    """Make and register a database of each participant; give the settings of their system."""
    for name in PARTICIPANTS:
        identity = make_database(tmp_path, name)
        assert await Registration(temporal, name, identity).check()
    _, _, port = temporal.service_client.config.target_host.rpartition(":")
    yield Settings(data_dir=tmp_path, temporal_port=int(port))
    for name in PARTICIPANTS:
        await temporal.get_workflow_handle(f"participant-{name}").terminate()


def test_before_a_system_ran_nothing_is_missing(tmp_path: Path) -> None:
    """The first start makes the files."""
    check_databases(Settings(data_dir=tmp_path))
    assert not list(tmp_path.iterdir())


def test_files_that_are_still_there_are_no_trouble(tmp_path: Path) -> None:
    """Also in a data directory that was moved."""
    (tmp_path / "var").mkdir()
    write_list(tmp_path / "var", *PARTICIPANTS)
    check_databases(Settings(data_dir=tmp_path / "var"))
    shutil.move(tmp_path / "var", tmp_path / "moved")
    check_databases(Settings(data_dir=tmp_path / "moved"))


def test_deleted_and_replaced_files_are_named(tmp_path: Path) -> None:
    """With what was in them and how to go on without it; those that are there are not."""
    write_list(tmp_path, *PARTICIPANTS)
    (tmp_path / "payment.db").unlink()
    (tmp_path / "stock.db").unlink()
    make_database(tmp_path, "stock")
    with pytest.raises(CannotStart) as refusal:
        check_databases(Settings(data_dir=tmp_path, temporal_port=7999))
    for words in (
        f"deleted or replaced: {tmp_path}/payment.db, {tmp_path}/stock.db. ",
        "from a backup",
        "(wallets and payments, stock and reservations)",
        f"type: rm {tmp_path}/{NAME}; ",
        "--workflow-id participant-stock --namespace default --address 127.0.0.1:7999",
    ):
        assert words in str(refusal.value)
    assert "order" not in str(refusal.value).replace(str(tmp_path), "")
    assert not (tmp_path / "payment.db").exists()
    (tmp_path / NAME).unlink()
    check_databases(Settings(data_dir=tmp_path))


def test_a_database_with_a_url_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is elsewhere now; whether it is the right one is for its worker to find."""
    write_list(tmp_path, "payment")
    (tmp_path / "payment.db").unlink()
    monkeypatch.setenv("PAYMENT_DATABASE_URL", "sqlite:////elsewhere/p.db")
    check_databases(Settings(data_dir=tmp_path))


@pytest.mark.parametrize(("name", "text"), [(NAME, "[1"), (NAME, "7"), ("payment.db", "x" * 999)])
def test_what_cannot_be_read_is_named(name: str, text: str, tmp_path: Path) -> None:
    """Neither is taken for missing."""
    write_list(tmp_path, "payment")
    (tmp_path / name).write_text(text)
    with pytest.raises(CannotStart, match=f"^{tmp_path}/{name} "):
        check_databases(Settings(data_dir=tmp_path))


def test_nothing_is_loaded_into_the_place_of_a_deleted_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make up` ends with 1 at once, and makes no file."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for variable in ("TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT"):
        monkeypatch.setenv(variable, str(free_port()))
    write_list(tmp_path, *PARTICIPANTS)
    (tmp_path / "stock.db").unlink()
    assert main() == 1
    error_text = capsys.readouterr().err
    assert error_text.startswith(f"cannot start: deleted or replaced: {tmp_path}/stock.db. ")
    assert error_text.count("\n") == 1
    assert not (tmp_path / "stock.db").exists()


async def test_the_list_is_what_is_registered(
    temporal: Client, registered_system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted file is told while the system runs, until another one is registered."""
    monkeypatch.setattr(known_databases, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(known_databases, "REPEAT_SECONDS", 0.01)
    data_dir = registered_system.data_dir
    sentences: list[str] = []
    watching = asyncio.create_task(watch_databases(registered_system, sentences.append))
    await asyncio.to_thread(until, (data_dir / NAME).exists, "the list is written")
    assert set(json.loads((data_dir / NAME).read_text())) == set(PARTICIPANTS)
    check_databases(registered_system)
    assert sentences == []
    (data_dir / "payment.db").unlink()
    await asyncio.to_thread(until, lambda: sentences, "it is told")
    assert f"deleted or replaced: {data_dir}/payment.db. " in sentences[0]
    assert (
        "workflow terminate --workflow-id participant-payment --namespace default" in sentences[0]
    )
    new = make_database(data_dir, "payment")
    await temporal.get_workflow_handle("participant-payment").terminate()
    assert await Registration(temporal, "payment", new).check()
    await asyncio.to_thread(until, lambda: new.id in (data_dir / NAME).read_text(), "it is listed")
    check_databases(registered_system)
    watching.cancel()
