"""The settings: their defaults, and the databases they name."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from config import Settings, explain


def test_the_defaults_serve_one_machine() -> None:
    """With nothing set, data is under `var/`, and the promised ports of loopback are used."""
    settings = Settings()
    assert (settings.data_dir, settings.api_host, settings.api_port) == (
        Path("var"),
        "127.0.0.1",
        8000,
    )
    assert (settings.temporal_port, settings.temporal_ui_port) == (7233, 8233)
    assert settings.web_ui_url == "http://localhost:8233"


@pytest.mark.parametrize("name", ["API_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT"])
@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_a_port_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, port: str
) -> None:
    """A port is a number from 1 to 65535."""
    monkeypatch.setenv(name, port)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize("participant", ["order", "payment", "stock"])
def test_each_participant_has_its_own_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, participant: str
) -> None:
    """Each database is in the data directory, unless a URL names another for that one alone."""
    monkeypatch.chdir(tmp_path)
    assert Settings().database_url(participant) == f"sqlite:///{tmp_path}/var/{participant}.db"
    monkeypatch.setenv("DATA_DIR", "/data")
    assert Settings().database_url(participant) == f"sqlite:////data/{participant}.db"
    monkeypatch.setenv(
        f"{participant.upper()}_DATABASE_URL", "postgresql+psycopg://saga@database/own"
    )
    urls = {name: Settings().database_url(name) for name in ("order", "payment", "stock")}
    assert urls.pop(participant) == "postgresql+psycopg://saga@database/own"
    assert urls == {name: f"sqlite:////data/{name}.db" for name in urls}


def test_the_web_ui_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links lead to the embedded Web UI's port, or to where it is said to be."""
    monkeypatch.setenv("TEMPORAL_UI_PORT", "9233")
    assert Settings().web_ui_url == "http://localhost:9233"
    monkeypatch.setenv("TEMPORAL_UI_URL", "https://temporal.example.org")
    assert Settings().web_ui_url == "https://temporal.example.org"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "s3cret",
            (
                "it is not the URL of a database, like sqlite:////data/order.db or "
                "postgresql+psycopg://"
            ),
        ),
        (
            "mysql://saga:s3cret@host/payment",
            "there is no driver 'mysql' here; use one of postgresql, ",
        ),
        (
            "postgresql+psycopg2://saga:s3cret@host/payment",
            "there is no driver 'postgresql+psycopg2' here; ",
        ),
    ],
)
def test_a_database_that_can_never_be_opened_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    """A URL that is none, or has an unknown driver, is refused without repeating its password."""
    monkeypatch.setenv("PAYMENT_DATABASE_URL", url)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert explain(error.value).startswith(f"PAYMENT_DATABASE_URL is invalid: {reason}")
    assert "s3cret" not in explain(error.value) + str(error.value)


def test_the_operators_page_has_every_setting_with_its_default() -> None:
    """`docs/OPERATING.md` lists the settings as they are, in their order."""
    page = Path("docs/OPERATING.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.+?)`|–) \| .+ \|$", page, re.MULTILINE)
    unset = (None, "", (), SecretStr(""))
    defaults = [field.default for field in Settings.model_fields.values()]
    values = [
        "" if default in unset else str(int(default) if isinstance(default, bool) else default)
        for default in defaults
    ]
    assert rows == list(zip(map(str.upper, Settings.model_fields), values, strict=True))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STUCK_ATTEMPTS", "99999999999999"),
        ("STUCK_AFTER_SECONDS", "inf"),
        ("START_TO_CLOSE_SECONDS", "1e300"),
        ("FORWARD_STEP_SECONDS", "nan"),
        ("WORKER_GRACE_SECONDS", "inf"),
        ("COMPENSATION_PAUSE_SECONDS", "9999999999"),
        ("API_RATE_LIMIT", "0/second"),
        ("API_RATE_LIMIT", "5/second;10/minute"),
        ("REVIEW_THRESHOLD_MINOR", "100.00"),
        ("REVIEW_THRESHOLD_MINOR", "1e4"),
        ("API_URL", "localhost:8000"),
        ("API_TOKEN", "é"),
        ("ORDER_DATABASE_URL", "sqlite://"),
        ("STOCK_DATABASE_URL", "sqlite:///:memory:"),
    ],
)
def test_a_value_that_would_fail_later_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Before an order is charged under it, or answered with a traceback."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as error_info:
        Settings()
    assert variable in explain(error_info.value)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_variable_without_a_value_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As a compose file or an env file leaves it; above all, DATA_DIR is not the current folder."""
    monkeypatch.setenv(name.upper(), "")
    assert Settings() == Settings.model_construct(**{name: Settings.model_fields[name].default})


def test_a_data_directory_may_be_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder is called ~."""
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("DATA_DIR", "~/shop")
    assert Settings().data_dir == Path("/home/anna/shop")


@pytest.mark.parametrize("host", ["LOCALHOST", "127.0.0.2", "::1", "[::1]"])
def test_every_name_of_this_machine_alone_is_open_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """So it needs no authentication."""
    monkeypatch.setenv("API_HOST", host)
    assert Settings().api_host == host.strip("[]")
