"""`docker-compose.yml` and the `Dockerfile`, read as Compose and Docker read them."""

import re
from typing import Any

import sqlalchemy as sa
import yaml

from tests.repository.sources import ROOT

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


def database_urls(service: dict[str, Any]) -> dict[str, sa.URL]:
    """Return the database URLs that a service is given, by participant."""
    variables = service["environment"].items()
    return {
        name.removesuffix("_DATABASE_URL").lower(): sa.make_url(url)
        for name, url in variables
        if "DATABASE" in name
    }
