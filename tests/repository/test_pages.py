"""README and docs/ name paths, tests and lines of code that are there."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.sources import ROOT

IN_THE_ROOT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "llms.txt")]
PAGES = sorted([*IN_THE_ROOT, *(ROOT / "docs").rglob("*.md")])
TOP = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
MADE = {"var", "node_modules", "build", "dist"}
"""Folders that are made when something runs: a page may name what will be in them."""

MOST_COLUMNS = 100
MEDIA_TYPES = {"application/json"}

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:[\w.*-]+/)+[\w.*-]*|[\w-]+\.(?:py|md|toml|yml|conf|sql|lock)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
NEW_FILE = re.compile(r"New file `([^`]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return FENCED.sub("", page.read_text())


def paths_in_code(text: str, *, bare_names: bool = True) -> Iterator[str]:
    """Yield the paths of this repository that stand in backticks: those below a folder of its root.

    A file's bare name is one of the folder that was named before it, or one of the root.
    """
    folder = ""
    for code in CODE.findall(text):
        path = code.partition("::")[0]
        first, slash, _ = path.partition("/")
        if not PATH.fullmatch(path) or (slash and first not in TOP - MADE):
            continue
        if path in MEDIA_TYPES or (not slash and not bare_names):
            continue
        if not slash and path not in TOP:
            path = f"{folder}/{path}"
        folder = path.rpartition("/")[0] or folder
        yield path


def is_there(path: str) -> bool:
    """Tell whether a path is in the repository; wildcards may stand for parts of it.

    A test may be named as docs/FAULTS.md does, by its path below `tests/`.
    """
    folders = (ROOT, ROOT / "tests") if "test_" in path else (ROOT,)
    return any(any(folder.glob(path)) for folder in folders)


def anchor(heading: str) -> str:
    """Return the anchor that a heading has on a page."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w -]", "", words).replace(" ", "-")


each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def test_a_path_is_seen() -> None:
    """What names a file is a path; a route, a media type or an expression is none."""
    text = (
        "`workflows/order.py`, `docs/API.md`, `worker.py`, `tests/`, `participants/*/invariants/`"
    )
    assert len(list(paths_in_code(text))) == 5
    text = "`/orders/{id}`, `application/json`, `20/second`, `var/payment.db`, `a == b/c`"
    assert list(paths_in_code(text)) == []
    assert not is_there("workflows/no_such_file.py")


@each_page
def test_each_path_that_a_page_names_is_there(page: Path) -> None:
    """A reader who looks for it finds it.

    A page may announce files that its reader makes. Decisions may name tools' own files.
    """
    text = prose(page)
    paths_on_page = paths_in_code(text, bare_names=page.parent.name != "decisions")
    new_folders = {str(Path(path).parent) for path in NEW_FILE.findall(text)}
    missing = [path for path in paths_on_page if not is_there(path)]
    assert [path for path in missing if str(Path(path).parent) not in new_folders] == []


@each_page
def test_prose_is_as_wide_as_code(page: Path) -> None:
    """A line that could be broken before column 100 is; tables and pictures are as they are."""
    lines = [line for line in prose(page).splitlines() if not line.startswith(("|", "![", "- ["))]
    assert [line for line in lines if len(line) > MOST_COLUMNS and " " in line.strip()] == []


@each_page
def test_each_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it where the link names one."""
    broken_links = []
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        headings = HEADING.findall(prose(target)) if target.suffix == ".md" else []
        if not target.exists() or (fragment and fragment not in map(anchor, headings)):
            broken_links.append(link)
    assert broken_links == []


# The story's lines.

STORY = (ROOT / "workflows" / "order.py").read_text()
SHOWN = re.search(
    r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)


def statements(tree: ast.AST) -> list[str]:
    """Return each statement of a tree, with those inside, in their order, without comments.

    Of one with a body only its head is a statement; where a result is kept, that is left out.
    """
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return [_head(node) for node in sorted(nodes, key=lambda node: node.lineno)]


def _head(node: ast.stmt) -> str:
    if isinstance(node, ast.AsyncWith):
        node = ast.copy_location(ast.AsyncWith(items=node.items, body=[ast.Pass()]), node)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Await):
        return ast.unparse(node.value)
    return ast.unparse(node)


def is_run(node: ast.AST) -> bool:
    """Tell whether it is the function that tells the story."""
    return isinstance(node, ast.AsyncFunctionDef) and node.name == "run"


def test_the_lines_of_readme_stand_in_the_story() -> None:
    """Each statement of the block is one of the story's, in its order."""
    assert SHOWN, "README shows the story's code"
    block = ast.parse("async def story():\n" + textwrap.indent(SHOWN[1], "    ")).body[0]
    assert isinstance(block, ast.AsyncFunctionDef)
    lines = statements(block)[1:]
    story = statements(next(node for node in ast.walk(ast.parse(STORY)) if is_run(node)))
    assert len(lines) > 5
    assert [line for line in lines if line not in story] == []
    assert sorted(lines, key=story.index) == lines
