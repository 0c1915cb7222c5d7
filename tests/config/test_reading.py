"""What a part never reads does not stop it, and where Temporal is."""

from pathlib import Path

import pytest

from config import Settings, is_on_this_machine, read_settings


@pytest.mark.parametrize(
    ("front_door", "variable"),
    [
        ("worker.py", "API_PORT"),
        ("worker.py", "TEMPORAL_PORT"),
        ("worker.py", "TEMPORAL_UI_PORT"),
        ("api.py", "TEMPORAL_PORT"),
    ],
)
def test_what_a_part_never_reads_does_not_stop_it(
    monkeypatch: pytest.MonkeyPatch, front_door: str, variable: str
) -> None:
    """Kubernetes sets such variables for every service in the namespace, whatever the part is."""
    monkeypatch.setenv(variable, "tcp://10.0.0.8:8000")
    monkeypatch.setenv("DATA_DIR", "/data")
    settings = read_settings(front_door)
    assert settings.data_dir == Path("/data")
    assert getattr(settings, variable.lower()) == Settings.model_fields[variable.lower()].default


def test_a_worker_does_not_ask_how_callers_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the API's settings taken together is the API's trouble."""
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    monkeypatch.setenv("AUTH_ISSUER", "somebody")
    assert not read_settings("worker.py").asks_for_tokens
    with pytest.raises(SystemExit, match="cannot start: "):
        read_settings("api.py")


def test_a_value_of_kubernetes_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is read, the sentence says who sets it and what to do."""
    monkeypatch.setenv("API_PORT", "tcp://10.0.0.8:8000")
    with pytest.raises(SystemExit) as error:
        read_settings("api.py")
    for words in (
        "API_PORT=tcp://10.0.0.8:8000",
        "Kubernetes",
        "a service called api,",
        "enableServiceLinks: false",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CARD_API_KEY", "sk live s3cret"),
        ("CARD_WEBHOOK_SECRET", "s3cret\u00e9"),
        ("API_TOKEN", "s3cret\n"),
        ("AUTH_SECRET", "s3cret"),
        ("WEBHOOKS", "s3cret"),
        ("ORDER_DATABASE_URL", "mysql://saga:s3cret@host/order"),
        ("ORDER_DATABASE_URL", "postgresql+psycopg://saga:s3cret@host:port/order"),
        ("CARD_API_URL", "https://ann:s3cret@pay.example.org"),
        ("CARD_API_URL", "https://ann:s3cret /@@pay.example.org"),
        ("API_URL", "ann:s3cret@orders.example.org"),
        ("API_CORS_ORIGINS", "https://a.example.org,https://ann:s3cret@b.example.org"),
        ("OIDC_ISSUER", "https://ann:s3cret@login.example.org"),
    ],
)
def test_no_secret_is_in_what_is_said_of_an_invalid_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A log or a screen has the line: it names the setting and why, not what is in it."""
    monkeypatch.setenv(variable, value)
    if variable == "AUTH_SECRET":
        monkeypatch.setenv("AUTH_ISSUER", "https://login.example.org")
        monkeypatch.setenv("AUTH_AUDIENCE", "shop")
    with pytest.raises(SystemExit) as error:
        read_settings("api.py")
    assert variable in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        *(
            ("127.0.0.1:7233", True),
            ("localhost:7233", True),
            ("[::1]:7233", True),
            ("127.0.0.2:1", True),
        ),
        *(
            ("temporal:7233", False),
            ("10.0.0.8:7233", False),
            ("localhost.example:7233", False),
            ("shop.tmprl.cloud:7233", False),
        ),
    ],
)
def test_another_machine_is_told_from_this_one(address: str, here: bool) -> None:
    """A file can be the database of all workers only where Temporal, too, is on this machine."""
    assert is_on_this_machine(address) is here
