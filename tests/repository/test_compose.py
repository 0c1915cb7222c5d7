"""What `docker-compose.yml`, the `Dockerfile` and `deploy/` say is true of the code.

No container engine is needed.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.envconfig import ClientConfigProfile
from temporalio.testing import WorkflowEnvironment

from api import create_app
from config import LOOPBACK, Settings
from contracts.steps import PARTICIPANTS, ROLES
from contracts.stubs import SEARCH_ATTRIBUTES
from operations.up.temporal_server import DYNAMIC_CONFIG, temporal_binary
from routes.console import FOLDER

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"


def interpolate(value: Any) -> Any:
    """Return what Compose makes of a value when the environment sets nothing.

    Every `${NAME:-default}` is its default.
    """
    if isinstance(value, dict):
        return {key: interpolate(item) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item) for item in value]
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) if isinstance(value, str) else value


def services() -> dict[str, dict[str, Any]]:
    service_table: dict[str, dict[str, Any]] = interpolate(
        yaml.safe_load(COMPOSE_FILE.read_text())["services"]
    )
    return service_table


def ours() -> dict[str, dict[str, Any]]:
    image = next(service["image"] for service in services().values() if service.get("build") == ".")
    return {name: service for name, service in services().items() if service.get("image") == image}


def workers() -> dict[str, dict[str, Any]]:
    return {
        name: service
        for name, service in ours().items()
        if service["command"][:2] == ["python", "worker.py"]
    }


def built_in(service: dict[str, Any]) -> dict[str, str]:
    """Return the files of this repository that are copied into a service's image.

    The path inside, and the path here.
    """
    build = service.get("build")
    if not isinstance(build, dict):
        return {}
    lines = re.findall(
        r"^COPY --chmod=644 (\S+) (/\S+/)$", build["dockerfile_inline"], re.MULTILINE
    )
    return {f"{folder}{name}": f"{build['context']}/{name}" for name, folder in lines}


def copy_lines() -> list[tuple[list[str], str]]:
    """Return the sources and the destination of every COPY."""
    lines = [
        line.split()[1:]
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
    ]
    return [(words[:-1], words[-1]) for words in lines]


def kept_out(directory: str, names: list[str]) -> set[str]:
    """Return which of the names in a directory of this repository `.dockerignore` keeps out."""
    patterns = [
        line.rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and line[0] != "#"
    ]
    anywhere = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    places = {name: (Path(directory) / name).relative_to(ROOT).as_posix() for name in names}
    out = {
        name
        for name, place in places.items()
        if any(fnmatch(place, pattern) for pattern in patterns)
    }
    return out | {name for name in names if any(fnmatch(name, pattern) for pattern in anywhere)}


def database_urls(service: dict[str, Any]) -> dict[str, sa.URL]:
    """Return the database URLs that a service is given, by participant."""
    variables = service["environment"].items()
    return {
        name.removesuffix("_DATABASE_URL").lower(): sa.make_url(url)
        for name, url in variables
        if "DATABASE" in name
    }


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder that the Dockerfile makes of this repository; `.dockerignore` is respected."""
    for sources, destination in copy_lines():
        for source in sources:
            assert not kept_out(str(ROOT), [source.rstrip("/")]), (
                f".dockerignore keeps out {source}"
            )
            if (ROOT / source).is_dir():
                shutil.copytree(
                    ROOT / source, tmp_path / destination, ignore=kept_out, dirs_exist_ok=True
                )
            else:
                shutil.copy(ROOT / source, tmp_path / destination)
    return tmp_path


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


def test_one_service_builds_the_image_that_all_of_ours_run() -> None:
    """Two services that build one image at once fail.

    One that neither builds nor pulls would run a stranger's image.
    """
    assert [name for name, service in ours().items() if "build" in service] == ["api"]
    policies = {name: service["pull_policy"] for name, service in ours().items()}
    assert policies == dict.fromkeys([*ROLES, "seed", "audit"], "never") | {"api": "build"}


def test_what_other_images_need_of_ours_is_copied_into_them() -> None:
    """Nothing of the checkout is mounted; what is copied, anybody can read.

    The users of other images may not be able to read the checkout.
    """
    for name, service in services().items():
        assert not [
            volume for volume in service.get("volumes", ()) if volume.startswith((".", "/"))
        ], name
        if isinstance(service.get("build"), dict):
            lines = service["build"]["dockerfile_inline"].strip().splitlines()
            assert lines[0].startswith("FROM "), name
            assert len(lines) == 1 + len(built_in(service)), (
                f"{name} has lines that this test does not know"
            )
            assert service["pull_policy"] == "build", name
    assert re.search(r"^RUN chmod -R a\+rX \. ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_admin_tools_are_of_the_servers_version() -> None:
    """The schemas that they bring are the server's."""
    builds = [
        service["build"]
        for name, service in services().items()
        if "temporal" in name and "build" in service
    ]
    versions = {build["dockerfile_inline"].split()[1].partition(":")[2] for build in builds}
    assert len(versions) == 1, versions


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

    All but the one-shot seed are told where Temporal is.
    """
    for name, service in ours().items():
        with monkeypatch.context() as environment:
            for variable, value in service["environment"].items():
                environment.setenv(variable, value)
            Settings()
            assert ClientConfigProfile.load(disable_file=True).address == (
                None if name == "seed" else "temporal:7233"
            )


def test_no_service_holds_the_database_of_a_participant_that_is_not_its_own() -> None:
    """A worker reaches its own participant's database only, the orchestrator none.

    The seed reaches the two that it fills. The API, which is the order service's front door, and
    the audit read the others as a user who can do nothing else.
    """
    own = {role: {role}.intersection(PARTICIPANTS) for role in ROLES} | {
        "api": {"order"},
        "seed": {"payment", "stock"},
        "audit": set[str](),
    }
    read = {"api": {"payment", "stock"}, "audit": set(PARTICIPANTS)}
    for name, service in ours().items():
        users: dict[str, set[str]] = {"own": set(), "reader": set()}
        for participant, url in database_urls(service).items():
            assert (url.drivername, url.host, url.database) == (
                "postgresql+psycopg",
                "postgresql",
                participant,
            ), name
            users["own" if url.username == participant else str(url.username)].add(participant)
        assert users == {"own": own[name], "reader": read.get(name, set())}, name


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


async def test_setup_registers_our_search_attributes_however_often_it_runs() -> None:
    """The one-shot creates the namespace with exactly our search attributes and their types.

    A second run changes nothing.
    """
    temporal = Path(temporal_binary())
    (script,) = built_in(services()["temporal-setup"]).values()
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal)
    ) as server:
        address = server.client.service_client.config.target_host
        namespace = "shop"
        where = {
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": namespace,
            "PATH": f"{temporal.parent}:{os.environ['PATH']}",
        }
        for _ in range(2):
            setup = await asyncio.create_subprocess_exec("sh", ROOT / script, env=where)
            assert await asyncio.wait_for(setup.wait(), timeout=30) == 0
        request = ListSearchAttributesRequest(namespace=namespace)
        attribute_types = (
            await server.client.operator_service.list_search_attributes(request)
        ).custom_attributes
    attribute_types_of_ours = {
        key.name: f"INDEXED_VALUE_TYPE_{key.indexed_value_type.name}" for key in SEARCH_ATTRIBUTES
    }
    assert {
        name: IndexedValueType.Name(value) for name, value in attribute_types.items()
    } == attribute_types_of_ours


def test_the_server_has_the_dynamic_configuration_of_the_embedded_one() -> None:
    """What makes the embedded server fast is set for the composed one as well."""
    (source,) = built_in(services()["temporal"]).values()
    values = yaml.safe_load((ROOT / source).read_text())
    assert {
        f"{key}={entry['value']}" for key, entries in values.items() for entry in entries
    } == set(DYNAMIC_CONFIG)


@pytest.mark.long
async def test_lists_alarms_and_figures_are_not_limited_to_ten_a_second() -> None:
    """With the configuration given to the server it answers 60 counts at once.

    By its own default it refuses 50 of them.
    """
    flags = [word for value in DYNAMIC_CONFIG for word in ("--dynamic-config-value", value)]
    local = WorkflowEnvironment.start_local
    async with await local(
        dev_server_existing_path=temporal_binary(), dev_server_extra_args=flags
    ) as server:
        count = CountWorkflowExecutionsRequest(namespace=server.client.namespace)
        service = server.client.workflow_service
        answers = await asyncio.gather(
            *(service.count_workflow_executions(count, retry=False) for _ in range(60)),
            return_exceptions=True,
        )
    assert not [answer for answer in answers if isinstance(answer, BaseException)]


def test_every_file_that_is_copied_exists() -> None:
    """Nothing is copied that is not there, and nothing lies in `deploy/` that no service needs."""
    needed_sources = {
        source for service in services().values() for source in built_in(service).values()
    }
    assert needed_sources == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy").iterdir()
    }
    missing = [
        source for sources, _ in copy_lines() for source in sources if not (ROOT / source).exists()
    ]
    assert not missing


def test_every_copied_file_is_named_by_the_service_that_has_it() -> None:
    """What an entry point or a setting names under /deploy is there.

    Nothing is copied for nobody.
    """
    for name, service in services().items():
        words = {*service.get("entrypoint", ()), *map(str, service.get("environment", {}).values())}
        inside = {
            path
            for path in built_in(service)
            if not path.startswith("/docker-entrypoint-initdb.d/")
        }
        assert {word for word in words if word.startswith("/deploy/")} == inside, name


def test_ports_are_published_to_this_machine_alone() -> None:
    """Nobody on the network reaches what does not ask callers who they are."""
    ports_by_service = {
        name: port for name, service in services().items() for port in service.get("ports", ())
    }
    assert set(ports_by_service) == {"api", "temporal", "temporal-ui"}
    assert {port.rsplit(":", 2)[0] for port in ports_by_service.values()} <= LOOPBACK
    assert not [name for name, service in services().items() if service.get("network_mode")]


def test_the_image_holds_all_that_its_commands_import_and_nothing_else(image: Path) -> None:
    """The front doors and the seed start from what the Dockerfile copies and installs.

    Tests and documents stay out.
    """
    modules = {
        service["command"][-1 if service["command"][1] == "-m" else 1].removesuffix(".py")
        for service in ours().values()
    }
    program = (
        f"import sys; bare = set(sys.modules); import {', '.join(modules)}; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - bare})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=image, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    lock_names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    distributions = importlib.metadata.packages_distributions()
    distribution_imports = [
        distributions[name] for name in result.stdout.split() if name in distributions
    ]
    assert distribution_imports
    distributions_in_image = {
        *lock_names,
        "grpcio",
    }  # which tests use, and Temporal's SDK takes along where it finds it
    assert not [
        names
        for names in distribution_imports
        if not {name.lower().replace("_", "-") for name in names} & distributions_in_image
    ]
    assert not {"tests", "docs", "var", ".venv", "requirements-dev.lock"} & {
        path.name for path in image.iterdir()
    }


def test_the_image_holds_the_console(image: Path) -> None:
    """All of the page that the API serves."""
    assert {path.name for path in (image / "console").iterdir()} == {
        path.name for path in FOLDER.iterdir()
    }


def test_the_image_holds_the_shop_that_the_seed_loads(image: Path) -> None:
    """The seed fills empty databases from what the Dockerfile copies."""
    command = [sys.executable, *services()["seed"]["command"][1:]]
    where = {"DATA_DIR": str(image / "databases")}
    result = subprocess.run(
        command, cwd=image, env=where, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    engine = sa.create_engine(f"sqlite:///{image}/databases/stock.db", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        assert any(
            connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))
            for table in tables
        )


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


def test_temporal_talks_past_a_proxy() -> None:
    """Temporal's Go programs are told to use no proxy of the environment.

    They would obey it for what is no loopback.
    """
    for name in ("temporal", "temporal-setup", "temporal-ui"):
        environment = services()[name]["environment"]
        assert (environment["NO_PROXY"], environment["no_proxy"]) == ("*", "*"), name


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
    assert once == {"temporal-schema", "temporal-setup", "seed", "audit"}
    for name, service in services().items():
        for dependency, how in service.get("depends_on", {}).items():
            condition = (
                "service_completed_successfully" if dependency in once else "service_healthy"
            )
            assert how["condition"] == condition, f"{name} on {dependency}"
            assert dependency in once or "healthcheck" in services()[dependency], dependency
