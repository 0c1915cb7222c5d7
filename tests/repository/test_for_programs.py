"""`llms.txt`, AGENTS.md and docs/ASSISTANTS.md, for language models, say what is there."""

import re

from routes.assistants.tools import TOOLS
from routes.assistants.words_of_others import CLOSES, MOST_CHARACTERS, OPENS, STAGES
from routes.pages import pages
from tests.repository.sources import ALL, ROOT, name_of

INDEX = (ROOT / "llms.txt").read_text()
AGENTS = (ROOT / "AGENTS.md").read_text()
ASSISTANTS = (ROOT / "docs" / "ASSISTANTS.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_index_has_the_form_of_llmstxt_org() -> None:
    """A title, a summary, prose without headings, then sections that hold nothing but links."""
    title, summary, *rest = INDEX.split("\n\n")
    assert re.fullmatch(r"# [^\n]+", title)
    assert all(line.startswith("> ") for line in summary.splitlines())
    first_section = next(number for number, part in enumerate(rest) if part.startswith("#"))
    sections = rest[first_section:]
    for heading, links in zip(sections[::2], sections[1::2], strict=True):
        assert re.fullmatch(r"## [^\n]+", heading)
        assert all(
            re.fullmatch(r"- \[[^\]]+\]\([^)\s]+\): .+", line) for line in links.splitlines()
        )


def test_the_index_names_every_page() -> None:
    """And each is served: an assistant finds whatever there is to read."""
    names = {path.name for path in (ROOT / "docs").glob("*.md")} | {"openapi.json"}
    assert pages().keys() == names


def test_the_commands_for_agents_are_there() -> None:
    """Each target is one of the Makefile's, and each rule's test is a file (test_pages.py)."""
    targets = set(re.findall(r"`make ([a-z-]+)`", AGENTS))
    assert {"install", "format", "check", "test", "verify"} <= targets
    assert [name for name in targets if not re.search(f"^{name}:", MAKEFILE, re.MULTILINE)] == []


def test_the_rooms_for_agents_are_all_rooms_that_run() -> None:
    """Who looks for code finds it in the table; what is started beside the system is not in it."""
    rooms = set(re.findall(r"^\| `(\w+)/`", AGENTS, re.MULTILINE))
    folders = {name_of(path).partition("/")[0] for path in ALL if "/" in name_of(path)}
    beside_the_system = {"bench", "card_provider", "clients", "config", "examples"}
    assert rooms - {"console"} == folders - beside_the_system


def test_every_tool_is_told_with_its_call() -> None:
    """The page has the tools in their order, each with a route that it calls."""
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", ASSISTANTS, re.MULTILINE)
    assert [name for name, _ in rows] == list(TOOLS)
    for name, route in rows:
        assert route.replace("{act}", "cancel") in TOOLS[name].routes


def test_the_bounds_are_told_as_they_are() -> None:
    """The marks and the figures of the page are those of the code."""
    words = " ".join(ASSISTANTS.split())
    assert f"between {OPENS} and {CLOSES}" in words
    assert f"{STAGES[0].characters} characters, {STAGES[0].entries} entries" in words
    assert f"{MOST_CHARACTERS:,} characters" in words
