"""The console's files: who gets them, and what they may do."""

import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from api import create_app
from config import Settings
from contracts.money import MINOR_DIGITS, UNUSUAL
from contracts.states import OrderStatus, SagaState
from contracts.steps import STEPS
from contracts.views import AttentionCause
from routes.console import FOLDER, TABLE_MODULES, console_for
from tests.tokens import AUTHENTICATION

FILES = sorted(path.name for path in FOLDER.iterdir() if path.is_file())
VENDORED = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*"))
MADE = console_for(Settings.model_validate({})).modules
MODULES = sorted(FOLDER.glob("*.js"))


POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SIGN_IN = AUTHENTICATION | {
    "OIDC_CLIENT_ID": "console",
    "OIDC_ISSUER": "https://login.example.org/realms/shop",
    "OIDC_ORIGINS": "https://tokens.example.org",
}


def client(**settings: str) -> httpx.AsyncClient:
    """Return a client of an API that reaches for nothing else."""
    values = {name.lower(): value for name, value in settings.items()}
    app = create_app(Settings.model_validate(values))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize(
    "path", ["/", *(f"/console/{name}" for name in [*FILES, *VENDORED, *MADE])]
)
async def test_a_file_is_served_to_everybody(path: str) -> None:
    """With or without a token; as what it is, under the policy, and again only if changed."""
    kinds = {
        "": "text/html",
        "html": "text/html",
        "css": "text/css",
        "js": "text/javascript",
        "svg": "image/svg+xml",
    }
    async with client(**AUTHENTICATION) as http:
        answer = await http.get(path, headers={"Authorization": "Bearer nonsense"})
        name = path[9:] or "index.html"
        assert (answer.status_code, answer.text) == (
            200,
            MADE.get(name) or (FOLDER / name).read_text(),
        )
        headers = answer.headers
        assert (
            headers["Content-Type"].partition(";")[0] == kinds[path.rpartition(".")[2].lstrip("/")]
        )
        assert headers["Content-Security-Policy"] == POLICY
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == (
            "nosniff",
            "no-referrer",
        )
        again = await http.get(path, headers={"If-None-Match": headers["ETag"]})
        assert (again.status_code, again.content, again.headers["ETag"]) == (
            304,
            b"",
            headers["ETag"],
        )
        assert (await http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
        head = await http.head(path)
        assert (head.status_code, head.content, head.headers["Content-Length"]) == (
            200,
            b"",
            headers["Content-Length"],
        )


@pytest.mark.parametrize(
    "name",
    [
        "none.js",
        "index",
        ".",
        "INDEX.HTML",
        "main.js.map",
        "..%2Fapi.py",
        "%2e%2e%2fworker.py",
        "%00.js",
    ],
)
async def test_what_is_not_there_is_a_problem(name: str) -> None:
    """As everywhere else; nothing beside the console's own files is served."""
    async with client() as http:
        answer = await http.get(f"/console/{name}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            404,
            "application/problem+json",
        )


async def test_the_files_are_for_reading() -> None:
    """And are no part of the API's contract."""
    async with client() as http:
        answer = await http.post("/", json={})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert not [
            path
            for path in (await http.get("/openapi.json")).json()["paths"]
            if path == "/" or "console" in path
        ]


async def test_the_files_count_among_requests() -> None:
    """The limits on requests are the page's, too."""
    async with client(API_RATE_LIMIT="2/minute") as http:
        assert [(await http.get("/")).status_code for _ in range(3)] == [200, 200, 429]


async def test_the_page_reaches_who_signs_people_in_and_nobody_else() -> None:
    """The policy names the origins exactly; the page is told no secret, and all that it needs."""
    async with client(**SIGN_IN) as http:
        answer = await http.get("/")
        module = (await http.get("/console/provider.js")).text
    origins = "https://login.example.org https://tokens.example.org"
    assert answer.headers["Content-Security-Policy"] == POLICY.replace(
        "connect-src 'self'", f"connect-src 'self' {origins}"
    )
    constants = dict(re.findall(r"export const (\w+) = (.*);", module))
    assert json.loads(constants["PROVIDER"]) == {
        "issuer": "https://login.example.org/realms/shop",
        "clientId": "console",
        "scope": "openid profile",
        "audience": "",
        "resource": "",
        "origins": origins.split(),
    }
    assert AUTHENTICATION["AUTH_SECRET"] not in module
    assert "export const PROVIDER = null;" in MADE["provider.js"]


PUBLISHED = {
    "vendor/oauth4webapi.js": "72a5f6d84416e92b659c6b8fd837c5fa38d44b7f2e18f91daa1fe57da677c7ad"
}
"""By vendored file: the SHA-256 of what its author published."""


@pytest.mark.parametrize("name", VENDORED)
def test_what_others_wrote_is_as_they_published_it(name: str) -> None:
    """Behind a comment of ours with its version and its licence."""
    head, end, code = (FOLDER / name).read_text().partition("// @ts-nocheck\n")
    assert end
    assert re.search(r"^ \* \w+ \d+\.\d+\.\d+ by .+ as published: https://", head, re.MULTILINE)
    assert "Permission is hereby granted, free of charge" in head
    assert sha256(code.encode()).hexdigest() == PUBLISHED[name]


def test_there_is_one_table_of_currencies() -> None:
    """The console is served what the services reckon with, and has no list of its own."""
    constants = re.findall(r"export const (\w+) = (.*);", TABLE_MODULES["currencies.js"])
    assert {name: json.loads(value) for name, value in constants} == {
        "UNUSUAL": dict(UNUSUAL),
        "MOST_CURRENCIES_HAVE": 2,
        "IN_USE": sorted(MINOR_DIGITS),
    }
    assert not [module.name for module in MODULES if re.search("JPY|KWD|CLF", module.read_text())]


def test_the_page_loads_its_own_files_alone() -> None:
    """Every address in the page and every import of a module names a file that is there.

    No file is left over.
    """
    page = (FOLDER / "index.html").read_text()
    file_names = re.findall(r'(?:src|href)="/console/([^"]+)"', page)
    assert re.findall(r'(?:src|href)="(?!/console/)([^"]+)"', page) == [
        *("#page", "/", "/?place=", "/?batch=", "/?operations=", "/docs")
    ]
    for module in MODULES:
        file_names += re.findall(r'(?:from |import\()"\./([^"]+)"', module.read_text())
        assert not re.findall(r'from "(?!\./)', module.read_text()), module.name
    assert {*file_names, "index.html"} == {*FILES, *VENDORED, *MADE}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_parses_no_text(module: Path) -> None:
    """Nothing in it makes markup or code out of text, and it says at its top what it shows."""
    source = module.read_text()
    doors = (
        "innerHTML|outerHTML|insertAdjacentHTML|document.write|DOMParser|srcdoc|eval\\(|"
        "new Function|createContextualFragment"
    )
    assert not re.findall(doors, source)
    assert source.startswith("/**\n")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_short_and_narrow(name: str) -> None:
    """At most 250 lines of at most 100 columns, as everywhere in this repository."""
    lines = (FOLDER / name).read_text().splitlines()
    assert len(lines) <= 250
    assert [number for number, line in enumerate(lines, 1) if len(line) > 100] == []


def test_the_console_knows_the_sagas_states() -> None:
    """A state more, or by another name, has to be told in words as well."""
    words = (FOLDER / "words.js").read_text()
    assert {*re.findall(r"^  ([A-Z_]+):", words, re.MULTILINE)} == {
        *SagaState,
        *OrderStatus,
        *AttentionCause,
    }


def test_the_console_has_no_table_of_steps() -> None:
    """It draws what an order's `steps` say: a step more needs no line of the console."""
    source = "".join(module.read_text() for module in MODULES)
    for step in STEPS:
        for activity in step.activities:
            assert activity.name not in source
            assert activity.event not in source


async def test_the_steps_are_served() -> None:
    """Each row of the table as it is, in order."""
    async with client() as http:
        answer = await http.get("/steps")
    step_rows = answer.json()["steps"]
    assert answer.status_code == 200
    assert [(row["name"], row["participant"], row["after_pivot"]) for row in step_rows] == [
        (step.name, step.participant, step.after_pivot) for step in STEPS
    ]
    assert step_rows[1] == {
        "name": "ProcessPayment",
        "label": "Pay",
        "command": "ProcessPaymentCommand",
        "event": "PaymentCompletedEvent",
        "participant": "payment",
        "refusal": "PaymentFailedEvent",
        "compensation": {
            "name": "RefundPayment",
            "label": "Refund",
            "command": "RefundPaymentCommand",
            "event": "PaymentRefundedEvent",
        },
        "after_pivot": False,
        "opens_record": False,
    }
    assert (step_rows[-1]["compensation"], step_rows[-1]["refusal"]) == (None, None)
