"""The documentation, for programs: `llms.txt` and the pages that it names.

Its links are relative, and lead to the same pages in a checkout and here.
"""

import re
from functools import cache
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

FOLDER = Path(__file__).parent.parent
INDEX = "llms.txt"
ENTRY = re.compile(r"^- \[[^\]]+\]\(docs/([\w-]+\.(?:md|json))\): (.+)$", re.MULTILINE)
MEDIA_TYPES = {".txt": "text/plain", ".md": "text/markdown", ".json": "application/json"}

router = APIRouter(include_in_schema=False)


@cache
def pages() -> dict[str, str]:
    """Return what each page is about, by its name in `docs/`; no other file is served."""
    return dict(ENTRY.findall((FOLDER / INDEX).read_text()))


def media_type(name: str) -> str:
    """Return what kind of text a page is."""
    return MEDIA_TYPES[Path(name).suffix]


def read_page(name: str) -> str:
    """Return the text of one of these pages."""
    return (FOLDER / "docs" / name).read_text()


@router.get("/llms.txt")
def read_llms_index() -> Response:
    """Return what there is to read, for language models (llmstxt.org)."""
    return _file((FOLDER / INDEX).read_text(), INDEX)


@router.get("/docs/{name}")
def read_docs_page(name: str) -> Response:
    """Return one of the pages that the index names."""
    if name not in pages():
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _file(read_page(name), name)


def _file(text: str, name: str) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return Response(text, headers=headers, media_type=media_type(name))
