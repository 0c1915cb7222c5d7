"""What the image holds, by the `Dockerfile`: all that its commands need, and nothing else."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import sqlalchemy as sa

from routes.console import FOLDER
from routes.pages import INDEX, pages
from tests.repository.compose import (
    built_in,
    copy_lines,
    ours,
    services,
    workers,
)
from tests.repository.sources import ROOT


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


def test_one_service_builds_the_image_that_all_of_ours_run() -> None:
    """Two services that build one image at once fail.

    One that neither builds nor pulls would run a stranger's image.
    """
    assert [name for name, service in ours().items() if "build" in service] == ["api"]
    policies = {name: service["pull_policy"] for name, service in ours().items()}
    assert policies == dict.fromkeys([*workers(), "seed", "audit", "reconcile"], "never") | {
        "api": "build"
    }


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
    assert not {"tests", "var", ".venv", "requirements-dev.lock"} & {
        path.name for path in image.iterdir()
    }


def test_the_image_holds_the_console(image: Path) -> None:
    """All of the page that the API serves."""
    assert {path.name for path in (image / "console").iterdir()} == {
        path.name for path in FOLDER.iterdir()
    }


def test_the_image_holds_the_pages_that_the_api_serves(image: Path) -> None:
    """The index, and each page that it names; no picture and no decision."""
    assert (image / INDEX).is_file()
    assert pages().keys() <= {path.name for path in (image / "docs").iterdir()}
    assert not [path for path in (image / "docs").iterdir() if path.is_dir()]


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
