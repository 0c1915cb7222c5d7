"""What supervisord is told to run: a worker for each role of the table of steps."""

from configparser import RawConfigParser
from pathlib import Path

import pytest

from contracts.steps import ROLES
from operations.up.configuration import configuration, write_configuration


def parse() -> RawConfigParser:
    """Return the configuration as supervisord reads it."""
    parser = RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(configuration())
    return parser


def test_there_is_a_program_for_each_role() -> None:
    """Alike but for their names, which supervisord itself puts into command and log."""
    parser = parse()
    names = {
        section.removeprefix("program:") for section in parser if section.startswith("program:")
    }
    assert names == {"temporal", "api", *ROLES}
    assert parser["group:workers"]["programs"].split(",") == [*ROLES]
    programs = [dict(parser[f"program:{role}"]) for role in ROLES]
    assert programs == [programs[0]] * len(ROLES)
    assert programs[0]["command"] == "python worker.py %(program_name)s"
    assert programs[0]["stdout_logfile"] == "log/%(program_name)s.log"


def test_what_is_there_already_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a full disk it is there for the next start; one of another release is replaced."""
    path = write_configuration(tmp_path)
    assert path.read_text() == configuration()
    path.write_text("of another release")
    assert write_configuration(tmp_path).read_text() == configuration()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert write_configuration(tmp_path) == path
