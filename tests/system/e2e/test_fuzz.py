"""The OpenAPI document is true, and no request makes the API fail: schemathesis asks it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routes.examples import CUSTOMER_ID, SKU
from tests.stack import Stack
from tests.tokens import AUTHENTICATION, SCOPES, bearer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""For each call; `make fuzz` sets it. Without it the run is short, and the same every time."""

HOW = (
    ["--max-examples", str(EXAMPLES)]
    if EXAMPLES
    else ["--max-examples", "4", "--generation-deterministic", "--no-shrink"]
)
LIMIT_SECONDS = 240 + 20 * EXAMPLES


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system that asks callers who they are, and in which the document's own examples succeed."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= AUTHENTICATION | {"REVIEW_THRESHOLD_MINOR": "100000"}
    system.env |= {"CARD_WEBHOOK_SECRET": "whsec_of_a_test"}
    try:
        system.seed({CUSTOMER_ID: 10**9}, {SKU: 10**6})
        system.start_all()
        yield system
    finally:
        system.stop()


@pytest.mark.long
@pytest.mark.timeout(LIMIT_SECONDS)
def test_the_api_does_what_its_document_says(stack: Stack, tmp_path: Path) -> None:
    """Every request, valid or not, in any order of calls, is answered as documented.

    The answer is never an error of ours.
    """
    config = str(Path(__file__).with_name("schemathesis.toml"))
    schemathesis = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", config]
    command = [*schemathesis, "run", f"http://127.0.0.1:{stack.api_port}/openapi.json"]
    token = bearer(*SCOPES, exp=4_000_000_000)["Authorization"]
    checks = [
        "--checks",
        "all",
        "--continue-on-failure",
        "--warnings",
        "off",
        "--header",
        f"Authorization: {token}",
    ]
    process = subprocess.run(
        [*command, *checks, *HOW], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    sys.stdout.write(process.stdout)
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in stack.log_text("api")
