"""The page on deploying, run from top to bottom on its own PostgreSQL and Temporal servers."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bench.postgresql import SUPERUSER
from contracts.steps import ROLES
from tests import postgresql
from tests.stack import ROOT, Stack, until
from tests.system.e2e.test_operating import PART, shows

PAGE = ROOT / "docs" / "DEPLOYING.md"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BLOCK_SECONDS = 60


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A system whose databases are what the page makes on an empty PostgreSQL server."""
    with postgresql.running() as server:
        system = Stack(tmp_path)
        system.env |= {
            "PGHOST": str(server.directory),
            "PGUSER": SUPERUSER,
            "BACKUPS": str(tmp_path),
            "API": f"http://127.0.0.1:{system.api_port}",
            "PATH": f"{Path(sys.executable).parent}:{system.env['PATH']}",
        }
        try:
            yield system
        finally:
            system.stop()


def temporal_runs(stack: Stack) -> None:
    """Use the server of `make up`, whose search attributes the script leaves as they are."""
    stack.start_temporal()
    until(
        lambda: "SERVING" in stack.temporal("operator", "cluster", "health", check=False),
        "Temporal serves",
    )


def everything_runs(stack: Stack) -> None:
    """Each worker with its own database, the API as in the compose file: it reads the others'."""
    whole_env = dict(stack.env)
    for role in ROLES:
        own = f"{role.upper()}_DATABASE_URL"
        stack.env = {
            name: value
            for name, value in whole_env.items()
            if not name.endswith("_DATABASE_URL") or name == own
        }
        stack.start_worker(role)
    stack.env = dict(whole_env)
    for other in ("payment", "stock"):
        stack.env[f"{other.upper()}_DATABASE_URL"] = whole_env[
            f"{other.upper()}_DATABASE_URL"
        ].replace(f"//{other}:", "//reader:")
    stack.start("api", "api.py")
    stack.env = whole_env
    for role in ROLES:
        stack.ready(role)
    until(lambda: stack.status("/readyz") == 200, "the API is ready")


STAGES = {"Temporal runs": temporal_runs, "everything runs": everything_runs}


def run(stack: Stack, script: str) -> tuple[int, str]:
    """Run a block as a person would type it into one shell; return its exit code and output."""
    env_file = stack.data_dir / "environment"
    process = subprocess.run(
        ["sh", "-e", "-c", f"{script}\nenv -0 > {env_file}"],
        cwd=ROOT,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BLOCK_SECONDS,
        check=False,
    )
    if process.returncode == 0:
        stack.env = dict(entry.split("=", 1) for entry in env_file.read_text().split("\0") if entry)
    return process.returncode, process.stdout


@pytest.mark.long
@pytest.mark.timeout(240)
def test_the_page_on_deploying_tells_what_happens(stack: Stack) -> None:
    """Each block prints what stands behind it, with the exit code 0, in the order of the page."""
    for part in PART.finditer(PAGE.read_text()):
        if part["stage"]:
            STAGES[part["stage"]](stack)
            continue
        status, output = run(stack, part["script"])
        output_on_page = part["shown"] or ""
        assert (status, shows(output_on_page, output)) == (0, True), (
            f"{part['script']}\nis to show:\n{output_on_page}\nbut prints:\n{output}"
        )
    assert {path.name for path in stack.data_dir.glob("*.db")} == {"temporal.db"}, (
        "nothing is kept in SQLite"
    )


def test_what_the_page_says_of_compose_is_there() -> None:
    """Services, variables and passwords that the page names are the compose file's."""
    block = PAGE.read_text().partition("## 5. Compose")[2].partition("```\n")[2].partition("```")[0]
    commands = [
        line.partition("#")[0].split() for line in block.splitlines() if "docker compose" in line
    ]
    services = {word.partition("=")[0] for words in commands for word in words} & set(
        COMPOSE["services"]
    )
    assert services >= {"orchestrator", "stock", "audit", "payment", "api"}
    variables = set(re.findall(r"\$\{(\w+):-", (ROOT / "docker-compose.yml").read_text()))
    assert set(re.findall(r"([A-Z_]+)=", block)) <= variables
    assert {name for name in variables if name.endswith("PASSWORD")} == set(
        re.findall(r"(\w+PASSWORD)=", block)
    )
