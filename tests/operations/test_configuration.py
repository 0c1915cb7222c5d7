"""What supervisord is told to run: one worker with all roles, or one for each role."""

from configparser import RawConfigParser
from pathlib import Path

import pytest

from config import Settings
from contracts.steps import ROLES
from operations.up.card_account import with_card_provider
from operations.up.configuration import configuration, write_configuration
from operations.up.parts import part_of, parts

WORKERS: dict[str, dict[str, tuple[str, ...]]] = {
    "one": {"workers": ROLES},
    "per_role": {role: (role,) for role in ROLES},
}

each_layout = pytest.mark.parametrize("processes", WORKERS)


def settings(processes: str, folder: Path = Path("var")) -> Settings:
    return Settings.model_validate({"worker_processes": processes, "data_dir": folder})


def parse(processes: str) -> RawConfigParser:
    """Return the configuration as supervisord reads it."""
    parser = RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(configuration(settings(processes)))
    return parser


@each_layout
def test_there_is_a_program_for_each_part(processes: str) -> None:
    """Workers are alike but for their roles; supervisord itself puts their names into the logs."""
    parser = parse(processes)
    workers = WORKERS[processes]
    names = {
        section.removeprefix("program:") for section in parser if section.startswith("program:")
    }
    assert names == {"temporal", "api", *workers} == parts(settings(processes))
    assert parser["group:workers"]["programs"].split(",") == [*workers]
    programs = [dict(parser[f"program:{name}"]) for name in workers]
    commands = [program.pop("command") for program in programs]
    assert commands == [f"python worker.py {' '.join(roles)}" for roles in workers.values()]
    assert programs == [programs[0]] * len(workers)
    assert programs[0]["stdout_logfile"] == "log/%(program_name)s.log"


def test_a_card_provider_is_a_part_where_a_system_runs_its_own() -> None:
    """It starts before the workers, and is told of like the others."""
    with_cards = with_card_provider(Settings.model_validate({"payment": "cards"}))
    parser = RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(configuration(with_cards))
    assert parts(with_cards) == parts(Settings()) | {"cards"}
    priorities = {name: int(parser[f"program:{name}"]["priority"]) for name in ("cards", "api")}
    assert priorities["cards"] < int(parser["group:workers"]["priority"]) < priorities["api"]
    assert parser["program:cards"]["command"] == "python -m operations.up.card_provider"
    assert "cards" not in configuration(Settings())


@each_layout
def test_each_role_is_one_parts(processes: str) -> None:
    """The part that has it."""
    for name, roles in WORKERS[processes].items():
        assert {part_of(role, settings(processes)) for role in roles} == {name}


def test_the_workers_are_one_process_by_default() -> None:
    """As measured: decision 30."""
    assert parts(Settings()) == {"temporal", "api", "workers"}


def test_what_is_there_already_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a full disk it is there for the next start; another is replaced."""
    path = write_configuration(settings("one", tmp_path))
    assert path.read_text() == configuration(settings("one"))
    path.write_text("of another release")
    assert write_configuration(settings("one", tmp_path)).read_text() == configuration(
        settings("one")
    )
    assert write_configuration(settings("per_role", tmp_path)).read_text() == configuration(
        settings("per_role")
    )

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert write_configuration(settings("per_role", tmp_path)) == path
