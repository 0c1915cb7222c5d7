"""What `docker-compose.yml`, the `Dockerfile` and `deploy/` say is true of the code.

No container engine is needed.
"""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from temporalio.envconfig import ClientConfigProfile

from api import create_app
from config import LOOPBACK, Settings
from contracts.steps import PARTICIPANTS, ROLES
from tests.repository.compose import (
    COMPOSE_FILE,
    database_urls,
    ours,
    services,
    workers,
)
from tests.repository.sources import ROOT


def test_the_compose_file_keeps_to_the_compose_specification() -> None:
    """The Compose specification's schema accepts the file."""
    check = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE_FILE),
    ]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_command_of_ours_exists_in_the_code() -> None:
    """A container of ours runs a file, a module and roles that there are."""
    for name, service in ours().items():
        match service["command"]:
            case ["python", "worker.py", *roles]:
                assert roles, f"{name} would run every role"
                assert set(roles) <= set(ROLES), name
            case ["python", "-m", module]:
                assert importlib.util.find_spec(module), f"{name} runs {module}"
            case ["python", file]:
                assert (ROOT / file).is_file(), f"{name} runs {file}"
            case command:
                pytest.fail(f"{name} runs {command}, which this test does not know")


def test_every_worker_role_has_a_service_of_its_own() -> None:
    """Each role scales, stops and restarts alone, in the service of its name."""
    assert {name: service["command"][2:] for name, service in workers().items()} == {
        role: [role] for role in ROLES
    }


def test_every_variable_given_to_ours_is_read() -> None:
    """A container of ours is given only variables that somebody reads.

    Those are `Settings` and Temporal's own client configuration.
    """
    settings = {field.upper() for field in Settings.model_fields}
    nothing = ClientConfigProfile.load(disable_file=True, override_env_vars={})
    for name, service in ours().items():
        for variable, value in service["environment"].items():
            with_it = ClientConfigProfile.load(
                disable_file=True, override_env_vars={variable: value}
            )
            assert variable in settings or with_it != nothing, (
                f"nothing reads the {variable} of {name}"
            )


def test_every_value_given_to_ours_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of each container of ours validate.

    All are told where Temporal is but the seed and the reconciliation, which do not ask it.
    """
    for name, service in ours().items():
        with monkeypatch.context() as environment:
            for variable, value in service["environment"].items():
                environment.setenv(variable, value)
            Settings()
            assert ClientConfigProfile.load(disable_file=True).address == (
                None if name in ("seed", "reconcile") else "temporal:7233"
            )


def test_no_service_holds_the_database_of_a_participant_that_is_not_its_own() -> None:
    """A worker reaches its own participant's database only, the orchestrator none.

    The seed reaches the two that it fills. The API, which is the order service's front door, the
    audit and the reconciliation read the others as a user who can do nothing else.
    """
    own = {role: {role}.intersection(PARTICIPANTS) for role in ROLES} | {
        "api": {"order"},
        "seed": {"payment", "stock"},
        "audit": set[str](),
        "reconcile": set[str](),
    }
    read_only = {
        "api": {"payment", "stock"},
        "audit": set(PARTICIPANTS),
        "reconcile": {"order", "payment"},
    }
    for name, service in ours().items():
        users: dict[str, set[str]] = {"own": set(), "reader": set()}
        for participant, url in database_urls(service).items():
            assert (url.drivername, url.host, url.database) == (
                "postgresql+psycopg",
                "postgresql",
                participant,
            ), name
            users["own" if url.username == participant else str(url.username)].add(participant)
        assert users == {"own": own[name], "reader": read_only.get(name, set())}, name


def test_each_participant_has_a_database_and_a_user_of_its_own() -> None:
    """The script makes the databases of the URLs, with the same passwords.

    It closes them to all others.
    """
    environment = services()["postgresql"]["environment"]
    script = (ROOT / "deploy" / "databases.sql").read_text().replace('"', "")
    variables = {
        variable: environment[name]
        for variable, name in re.findall(r"^\\getenv (\w+) (\w+)$", script, re.MULTILINE)
    }
    passwords = {
        user: variables[variable]
        for user, variable in re.findall(r"CREATE ROLE (\w+) LOGIN PASSWORD :'(\w+)'", script)
    }
    urls = [url for service in ours().values() for url in database_urls(service).values()]
    temporal = services()["temporal"]["environment"]
    assert passwords == {url.username: url.password for url in urls} | {
        temporal["POSTGRES_USER"]: temporal["POSTGRES_PWD"]
    }
    for participant in PARTICIPANTS:
        assert f"CREATE DATABASE {participant} OWNER {participant};" in script
        assert f"REVOKE CONNECT ON DATABASE {participant} FROM PUBLIC;" in script


def test_ports_are_published_to_this_machine_alone() -> None:
    """Nobody on the network reaches what does not ask callers who they are."""
    ports_by_service = {
        name: port for name, service in services().items() for port in service.get("ports", ())
    }
    assert set(ports_by_service) == {"api", "temporal", "temporal-ui"}
    assert {port.rsplit(":", 2)[0] for port in ports_by_service.values()} <= LOOPBACK
    assert not [name for name, service in services().items() if service.get("network_mode")]


def test_the_health_check_asks_what_the_api_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The health check asks for a path of the API, at the port where it listens.

    That port is published.
    """
    service = services()["api"]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    health_url = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", service["healthcheck"]["test"][-1])
    assert health_url
    assert health_url[2] in create_app(settings).openapi()["paths"]
    assert {health_url[1], *(port.rsplit(":")[-1] for port in service["ports"])} == {
        str(settings.api_port)
    }


@pytest.fixture
def ready() -> Iterator[tuple[int, list[int]]]:
    """A server on loopback that answers each GET with the listed status; its port and list."""
    statuses = [200]

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, statuses
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_check_asks_past_a_proxy(status: int, ready: tuple[int, list[int]]) -> None:
    """Whatever proxies the container is told of, it is healthy exactly when the API is ready."""
    port, statuses = ready
    statuses[0] = status
    _, *command = services()["api"]["healthcheck"]["test"]
    command[-1] = command[-1].replace(":8000/", f":{port}/")
    proxies = dict.fromkeys(
        ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"), "http://127.0.0.1:9"
    )
    health_check = subprocess.run(
        [sys.executable, *command[1:]], env=proxies, capture_output=True, check=False, timeout=20
    )
    assert (health_check.returncode == 0) == (status == 200)


def test_a_worker_has_time_to_finish_its_work() -> None:
    """A stopped worker gets longer than its work may take; one that dies is started again."""
    for name, service in workers().items():
        grace = service["environment"].get(
            "WORKER_GRACE_SECONDS", Settings.model_fields["worker_grace_seconds"].default
        )
        assert float(service["stop_grace_period"].removesuffix("s")) > float(grace), name
        assert service["restart"] == "unless-stopped", name


def test_nothing_starts_before_what_it_needs() -> None:
    """Every dependency is a service; one that runs once is awaited until it has succeeded."""
    once = {name for name, service in services().items() if "restart" not in service}
    assert once == {"temporal-schema", "temporal-setup", "seed", "audit", "reconcile"}
    for name, service in services().items():
        for dependency, how in service.get("depends_on", {}).items():
            condition = (
                "service_completed_successfully" if dependency in once else "service_healthy"
            )
            assert how["condition"] == condition, f"{name} on {dependency}"
            assert dependency in once or "healthcheck" in services()[dependency], dependency
