"""The wheel of the saga core: what is in it, and what each half of it needs."""

import json
import shutil
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.repository.sources import ROOT
from tests.wheel.environments import UV, build, environment, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

TWINE = "twine==7.0.0"
LICENSE = "licenses/LICENSE"
IN_THE_CHECKOUT = ("temporal_saga", "pyproject.toml", "LICENSE", ".gitignore")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIST_INFO = f"temporal_saga-{PROJECT['version']}.dist-info"

LIBRARIES = {
    "workflow": {"temporalio", "pydantic"},
    "participant": {"sqlalchemy"},
    "postgresql": {"sqlalchemy", "psycopg"},
}
MODULES = {
    "workflow": (
        *("temporal_saga", "temporal_saga.workflow", "temporal_saga.plugin"),
        "temporal_saga.testing",
    ),
    "participant": ("temporal_saga", "temporal_saga.participant"),
    "postgresql": ("temporal_saga", "temporal_saga.participant", "temporal_saga.postgresql"),
}
IMPORT = """
import importlib, importlib.resources, importlib.util, sys
print(*(name for name in sys.argv[1].split() if importlib.util.find_spec(name)))
for name in sys.argv[2:]:
    importlib.import_module(name)
folder = importlib.resources.files("temporal_saga")
assert "site-packages" in str(folder), folder
assert all("SELECT" in (folder / "invariants" / f"E{n}.sql").read_text() for n in (1, 2))
"""

MISSING = """
import importlib, sys
try:
    importlib.import_module(sys.argv[1])
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_the_core_alone(wheel: Path) -> None:
    """Every file of the package, its metadata, and nothing else."""
    folder = ROOT / "temporal_saga"
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", LICENSE)
    about = {f"{DIST_INFO}/{name}" for name in files}
    with ZipFile(wheel) as archive:
        assert set(archive.namelist()) == ours | about
        assert archive.read(f"{DIST_INFO}/{LICENSE}") == (ROOT / "LICENSE").read_bytes()
        entry_points = archive.read(f"{DIST_INFO}/entry_points.txt").decode()
    assert entry_points.split() == [
        *("[pytest11]", "temporal-saga", "=", "temporal_saga.pytest_plugin")
    ]
    assert {"py.typed", "README.md", "CHANGELOG.md", "invariants/E1.sql"} <= {
        name.removeprefix("temporal_saga/") for name in ours
    }


def test_the_metadata_says_what_it_is(wheel: Path) -> None:
    """Version, licence, Python, and a library only where a half is asked for."""
    with ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{DIST_INFO}/METADATA").decode())
    assert metadata["Name"] == "temporal-saga"
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload() == (ROOT / "temporal_saga" / "README.md").read_text()
    assert metadata.get_all("Provides-Extra") == sorted(LIBRARIES)
    assert all("; extra == " in line for line in metadata.get_all("Requires-Dist", []))
    changes = (ROOT / "temporal_saga" / "CHANGELOG.md").read_text()
    assert f"\n## {PROJECT['version']}\n" in changes


def test_the_same_commit_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Byte for byte, from another folder, with other times and modes of its files."""
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in IN_THE_CHECKOUT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, copy / name)
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    folder = tmp_path / "dist"
    folder.mkdir()
    assert build(copy, folder).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("extra", LIBRARIES)
def test_each_half_is_imported_without_the_libraries_of_the_other(
    wheel: Path, tmp_path: Path, extra: str
) -> None:
    """In an environment that has the wheel with one extra and nothing else."""
    python = environment(tmp_path / "venv", f"temporal-saga[{extra}] @ {wheel.as_uri()}")
    libraries = " ".join(sorted(set().union(*LIBRARIES.values())))
    output = run(python, "-W", "error", "-c", IMPORT, libraries, *MODULES[extra], cwd=tmp_path)
    assert set(output.split()) == LIBRARIES[extra]


def test_the_checkout_itself_installs_the_core(tmp_path: Path) -> None:
    """What `pip install` of a checkout gives is the wheel, with no library that is not asked for.

    Each half says what to install then. Of the checkout nothing changes.
    """
    python = environment(tmp_path / "venv", str(ROOT))
    listing = run(UV, "pip", "list", "--python", python, "--format=json", cwd=tmp_path)
    assert [package["name"] for package in json.loads(listing)] == ["temporal-saga"]
    for extra, library in (("workflow", "temporalio"), ("participant", "sqlalchemy")):
        output = run(python, "-c", MISSING, f"temporal_saga.{extra}", cwd=tmp_path)
        assert output == f"No module named '{library}': pip install 'temporal-saga[{extra}]'\n"
    assert not (ROOT / "build").exists()


def test_an_index_would_take_it(wheel: Path, tmp_path: Path) -> None:
    """Twine has nothing to say against its metadata."""
    python = environment(tmp_path / "venv", TWINE)
    assert "PASSED" in run(python, "-m", "twine", "check", "--strict", wheel, cwd=tmp_path)
