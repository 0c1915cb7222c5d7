"""What users of the wheel may build on: few names, each with all that its user must know."""

import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from types import ModuleType
from typing import Any

import pytest

from tests.repository.sources import ROOT

MODULES = (
    "temporal_saga.workflow",
    "temporal_saga.participant",
    "temporal_saga.plugin",
    "temporal_saga.testing",
)
MOST_NAMES = 15
PARTS = ("Units: ", "Errors: ", "Source: ")
"""What a docstring says behind its promise, each in a paragraph of its own."""

ROW = re.compile(r"^\| `(temporal_saga\.\w+)` \|(.+)\|$", re.MULTILINE)
PAGES = ("docs/decisions/0034-the-wheel.md", "temporal_saga/README.md")


def module(name: str) -> ModuleType:
    """Return one of the public modules."""
    return importlib.import_module(name)


NAMES = {name: list(module(name).__all__) for name in MODULES}
EACH = [getattr(module(name), public) for name in MODULES for public in NAMES[name]]


def test_there_are_fifteen_names_at_most() -> None:
    """All modules together, and no name twice."""
    names = [public for name in MODULES for public in NAMES[name]]
    assert len(set(names)) == len(names) <= MOST_NAMES


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_have_the_same_names(page: str) -> None:
    """A reader is told all of them, with the module that has them."""
    rows = {name: re.findall(r"`(\w+)`", names) for name, names in ROW.findall(_read(page))}
    assert {name: sorted(names) for name, names in rows.items()} == NAMES


@pytest.mark.parametrize("public", EACH, ids=lambda public: public.__name__)
def test_a_docstring_says_all_that_a_user_must_know(public: Any) -> None:
    """The promise first; then units, errors and source, in this order."""
    text = inspect.getdoc(public) or ""
    assert not text.startswith(PARTS)
    places = [text.find(f"\n{part}") for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("public", EACH, ids=lambda public: public.__name__)
def test_each_public_method_says_what_it_does(public: Any) -> None:
    """Also those that it has from a base class of ours."""
    methods = [
        value
        for name, value in inspect.getmembers(public, callable)
        if not name.startswith("_")
        and (getattr(value, "__module__", None) or "").startswith("temporal_saga.")
    ]
    assert [method.__qualname__ for method in methods if not inspect.getdoc(method)] == []


def test_the_halves_need_what_the_application_has() -> None:
    """What an extra asks for is what the tests run with, line by line."""
    project = tomllib.loads(_read("pyproject.toml"))
    extras = project["project"]["optional-dependencies"]
    libraries = {line for lines in extras.values() for line in lines}
    assert libraries - set(project["dependency-groups"]["app"]) == {"temporal-saga[participant]"}
    assert "dependencies" not in project["project"]


@pytest.mark.parametrize(
    ("name", "extra", "library"),
    [
        ("temporal_saga.workflow", "workflow", "temporalio"),
        ("temporal_saga.workflow", "workflow", "pydantic"),
        ("temporal_saga.participant", "participant", "sqlalchemy"),
        ("temporal_saga.plugin", "workflow", "temporalio"),
        ("temporal_saga.testing", "workflow", "temporalio"),
    ],
)
def test_a_library_that_is_missing_is_told_with_what_installs_it(
    name: str, extra: str, library: str
) -> None:
    """The error has the library's name, as programs read it, and a sentence for people."""
    code = f"""
import sys
sys.modules["{library}"] = None
try:
    import {name}
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    words = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert words.startswith(library)
    assert words.endswith(f": pip install 'temporal-saga[{extra}]'\n")


def _read(page: str) -> str:
    return (ROOT / page).read_text()
