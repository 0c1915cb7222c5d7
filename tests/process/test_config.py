import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from config import Settings, explain, is_on_this_machine, read_settings
from contracts.steps import PARTICIPANTS
from operations.up.temporal_server import server_command, temporal_binary

DATABASE = Path("/data/temporal.db")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_defaults_serve_one_machine() -> None:
    """With nothing set, everything lies under `var/` and listens on loopback, on the ports that were promised."""
    settings = Settings()
    assert (settings.data_dir, settings.api_host, settings.api_port) == (
        Path("var"),
        "127.0.0.1",
        8000,
    )
    assert (settings.temporal_port, settings.temporal_ui_port) == (7233, 8233)
    assert settings.web_ui_url == "http://localhost:8233"


@pytest.mark.parametrize(
    ("address", "links_to"),
    [
        ("https://ui.example.org", "https://ui.example.org"),
        ("https://ui.example.org/", "https://ui.example.org"),
        ("https://ui.example.org//", "https://ui.example.org"),
        (" https://ui.example.org/temporal/ ", "https://ui.example.org/temporal"),
        ("http://[::1]:8233/", "http://[::1]:8233"),
        ("HTTPS://UI.example.org", "HTTPS://UI.example.org"),
        ("  ", "http://localhost:8233"),
        ("", "http://localhost:8233"),
    ],
)
def test_the_web_ui_is_linked_to_however_its_address_ends(
    monkeypatch: pytest.MonkeyPatch, address: str, links_to: str
) -> None:
    """A slash at its end, or a blank around it, makes no other address of it; a path is kept."""
    monkeypatch.setenv("TEMPORAL_UI_URL", address)
    assert Settings().web_ui_url == links_to


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ui.example.org:8233", "it must begin with http:// or https:// and a name"),
        ("localhost:8233", "it must begin with http:// or https:// and a name"),
        ("//ui.example.org", "it must begin with http:// or https:// and a name"),
        ("javascript:alert(1)", "it must begin with http:// or https:// and a name"),
        ("https://", "it must begin with http:// or https:// and a name"),
        ("https:///path", "it must begin with http:// or https:// and a name"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("https://ui.example.org:port", "Port could not be cast to integer value"),
        ("https://ui example.org", "it must have no blanks"),
        ("https://ui.example.org/a b", "it must have no blanks"),
        ("https://ui.example.org/?namespace=x", "it must end before any ? or #"),
        ("https://ui.example.org/#/x", "it must end before any ? or #"),
        ("https://ui.example.org/?", "it must end before any ? or #"),
        ("https://ann:secret@ui.example.org", "it must hold no name or password"),
    ],
)
def test_an_address_that_no_link_can_begin_with_is_told(
    monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    """At the start, in one line, instead of a link on every order that leads nowhere; a password is not repeated."""
    monkeypatch.setenv("TEMPORAL_UI_URL", address)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "TEMPORAL_UI_URL" in explain(refused.value)
    assert why in explain(refused.value)
    assert "secret" not in explain(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_permission(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The API may always listen where only this machine reaches it."""
    monkeypatch.setenv("API_HOST", host)
    assert Settings().api_host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "127.0.0.1.example.org"])
def test_beyond_loopback_the_network_must_be_trusted(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Anywhere else the API refuses to listen, says which setting allows it, and obeys that setting."""
    monkeypatch.setenv("API_HOST", host)
    with pytest.raises(
        ValidationError, match=f"API_HOST={host} would let anybody .* set API_TRUSTED_NETWORK=1"
    ):
        Settings()
    monkeypatch.setenv("API_TRUSTED_NETWORK", "0")
    with pytest.raises(ValidationError, match="API_TRUSTED_NETWORK=1"):
        Settings()
    monkeypatch.setenv("API_TRUSTED_NETWORK", "1")
    assert Settings().api_host == host


SECRET = "a secret that is long enough to be one"
CLAIMS = {"AUTH_ISSUER": "https://issuer.example.org", "AUTH_AUDIENCE": "order-saga"}
KEYS = {"AUTH_JWKS_URL": "https://issuer.example.org/keys"} | CLAIMS


@pytest.mark.parametrize(
    ("settings", "algorithm"),
    [
        ({"AUTH_SECRET": SECRET} | CLAIMS, "HS256"),
        ({"AUTH_SECRET": SECRET * 2, "AUTH_ALGORITHM": "HS512"} | CLAIMS, "HS512"),
        (KEYS, "RS256"),
        (KEYS | {"AUTH_ALGORITHM": "EdDSA"}, "EdDSA"),
        (KEYS | {"AUTH_JWKS_URL": "http://localhost:8080/keys", "AUTH_SECRET": ""}, "RS256"),
    ],
)
def test_authentication_opens_the_api_to_the_network(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], algorithm: str
) -> None:
    """With tokens to check, the API may listen anywhere, and believes one algorithm."""
    for name, value in {"API_HOST": "0.0.0.0", **settings}.items():
        monkeypatch.setenv(name, value)
    assert (Settings().authenticated, Settings().token_algorithm) == (True, algorithm)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            CLAIMS,
            "AUTH_ISSUER, AUTH_AUDIENCE alone authenticates nobody: set AUTH_SECRET or AUTH_JWKS_URL as well",
        ),
        ({"AUTH_ALGORITHM": "HS256"}, "AUTH_ALGORITHM alone authenticates nobody"),
        ({"AUTH_SECRET": SECRET} | KEYS, "set AUTH_SECRET or AUTH_JWKS_URL, not both"),
        ({"AUTH_SECRET": SECRET}, "with authentication, AUTH_ISSUER, AUTH_AUDIENCE must be set"),
        (KEYS | {"AUTH_AUDIENCE": ""}, "with authentication, AUTH_AUDIENCE must be set"),
        (
            {"AUTH_SECRET": "too short"} | CLAIMS,
            "AUTH_SECRET is too short to be safe: HS256 needs 32 bytes or more",
        ),
        (
            {"AUTH_SECRET": SECRET, "AUTH_ALGORITHM": "HS512"} | CLAIMS,
            "AUTH_SECRET is too short to be safe: HS512 needs 64",
        ),
        (
            {"AUTH_SECRET": SECRET, "AUTH_ALGORITHM": "RS256"} | CLAIMS,
            "AUTH_ALGORITHM=RS256 needs AUTH_JWKS_URL",
        ),
        (KEYS | {"AUTH_ALGORITHM": "HS256"}, "AUTH_ALGORITHM=HS256 needs AUTH_SECRET"),
        (
            KEYS | {"AUTH_JWKS_URL": "http://issuer.example.org/keys"},
            "AUTH_JWKS_URL must begin with https://",
        ),
        (KEYS | {"AUTH_JWKS_URL": "file:///etc/keys"}, "AUTH_JWKS_URL must begin with https://"),
        ({"AUTH_ALGORITHM": "none"}, "AUTH_ALGORITHM=none is no good setting"),
        ({"AUTH_CUSTOMER_CLAIM": ""}, "AUTH_CUSTOMER_CLAIM= is no good setting"),
        ({"AUTH_CLOCK_SKEW_SECONDS": "3600"}, "AUTH_CLOCK_SKEW_SECONDS=3600 is no good setting"),
        ({"API_RATE_LIMIT": "often"}, "API_RATE_LIMIT=often is no good setting"),
        ({"API_IN_FLIGHT_LIMIT": "0"}, "API_IN_FLIGHT_LIMIT=0 is no good setting"),
    ],
)
def test_what_cannot_keep_anybody_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], reason: str
) -> None:
    """A combination that would open more than was meant ends the start with one sentence, which tells no secret."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    said = explain(refused.value)
    assert said.startswith(reason)
    assert "\n" not in said
    assert SECRET not in said + str(refused.value)


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings can be printed, and every one of them says what it is for."""
    for name, value in {"AUTH_SECRET": SECRET, **CLAIMS}.items():
        monkeypatch.setenv(name, value)
    assert SECRET not in f"{Settings()!r}{Settings()}{Settings().model_dump()}"
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


@pytest.mark.parametrize("name", ["API_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT"])
@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", ""])
def test_a_port_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, port: str
) -> None:
    """A port is a number from 1 to 65535."""
    monkeypatch.setenv(name, port)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize("participant", PARTICIPANTS)
def test_each_participant_has_its_own_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, participant: str
) -> None:
    """A database lies under the data directory, wherever a process stands, unless a URL says otherwise for that one alone."""
    monkeypatch.chdir(tmp_path)
    assert Settings().database_url(participant) == f"sqlite:///{tmp_path}/var/{participant}.db"
    monkeypatch.setenv("DATA_DIR", "/data")
    assert Settings().database_url(participant) == f"sqlite:////data/{participant}.db"
    monkeypatch.setenv(
        f"{participant.upper()}_DATABASE_URL", "postgresql+psycopg://saga@database/own"
    )
    urls = {name: Settings().database_url(name) for name in PARTICIPANTS}
    assert urls.pop(participant) == "postgresql+psycopg://saga@database/own"
    assert urls == {name: f"sqlite:////data/{name}.db" for name in urls}


def test_the_web_ui_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links lead to the embedded Web UI's port, or to where it is said to be."""
    monkeypatch.setenv("TEMPORAL_UI_PORT", "9233")
    assert Settings().web_ui_url == "http://localhost:9233"
    monkeypatch.setenv("TEMPORAL_UI_URL", "https://temporal.example.org")
    assert Settings().web_ui_url == "https://temporal.example.org"


def test_the_embedded_server_keeps_its_state_safely() -> None:
    """The server keeps its state in the named file, with a write-ahead log and an fsync per commit, and does not dawdle."""
    command = server_command(DATABASE, 7233, 8233)
    assert command[:3] == [temporal_binary(), "server", "start-dev"]
    assert {"--db-filename=/data/temporal.db", "--port=7233", "--ip=127.0.0.1"} <= set(command)
    assert {"--sqlite-pragma=journal_mode=WAL", "--sqlite-pragma=synchronous=FULL"} <= set(command)
    assert "--dynamic-config-value=history.transferProcessorMaxPollRPS=100" in command


def test_the_embedded_server_knows_our_search_attributes() -> None:
    """Every search attribute is registered with its type, as a saga that sets an unknown one would wedge."""
    flags = [
        flag
        for flag in server_command(DATABASE, 7233, None)
        if flag.startswith("--search-attribute")
    ]
    assert flags == [
        "--search-attribute=SagaState=Keyword",
        "--search-attribute=CustomerId=Keyword",
        "--search-attribute=FailureReason=Keyword",
        "--search-attribute=NeedsAttention=Bool",
        "--search-attribute=OrderTotalMinor=Int",
    ]


@pytest.mark.parametrize(
    ("port", "shown", "hidden"),
    [(8233, "--ui-port=8233", "--headless"), (None, "--headless", "--ui-port")],
)
def test_the_embedded_server_shows_the_web_ui_where_there_is_a_port(
    port: int | None, shown: str, hidden: str
) -> None:
    """With a port for it there is a Web UI, and without one there is none."""
    command = server_command(DATABASE, 7233, port)
    assert shown in command
    assert not [flag for flag in command if flag.startswith(hidden)]


def test_the_temporal_command_is_the_one_beside_this_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command installed beside this Python goes before the PATH's, and where there is neither, the error says what to do."""
    beside, elsewhere = tmp_path / "venv" / "temporal", tmp_path / "path" / "temporal"
    for command in (beside, elsewhere):
        command.parent.mkdir()
        command.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert temporal_binary() == str(beside)
    beside.unlink()
    assert temporal_binary() == str(elsewhere)
    elsewhere.unlink()
    with pytest.raises(FileNotFoundError, match="`make` installs one"):
        temporal_binary()


DOORS = [
    ["api.py"],
    ["worker.py"],
    ["-m", "operations.up.temporal_server"],
    ["-m", "operations.shop.seed"],
    ["-m", "operations.up"],
]
each_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door[-1])


def ended(door: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Start a front door that ends by itself."""
    command = [sys.executable, *door]
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "s3cret",
            "it is not the URL of a database, like sqlite:////data/order.db or postgresql+psycopg://",
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
    """A URL that is none, or of a driver that is not here, is refused in words that tell no password."""
    monkeypatch.setenv("PAYMENT_DATABASE_URL", url)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert explain(refused.value).startswith(f"PAYMENT_DATABASE_URL is no good setting: {reason}")
    assert "s3cret" not in explain(refused.value) + str(refused.value)


@each_door
def test_a_front_door_refuses_such_a_database_at_once(door: list[str]) -> None:
    """Nobody waits for a database that can never be opened: one sentence, and the end."""
    said = ended(door, PAYMENT_DATABASE_URL="mysql://saga@host/payment")
    assert said.returncode == 1
    assert said.stderr.startswith(
        "cannot start: PAYMENT_DATABASE_URL is no good setting: there is no driver 'mysql' here"
    )
    assert said.stderr.count("\n") == 1


@each_door
def test_a_front_door_says_which_setting_is_wrong(door: list[str]) -> None:
    """A setting that is no good is named by its variable, in a sentence and without a traceback."""
    said = ended(door, REVIEW_SECONDS="abc", STUCK_ATTEMPTS="0")
    assert said.returncode == 1
    assert "REVIEW_SECONDS=abc is no good setting" in said.stderr
    assert "STUCK_ATTEMPTS=0 is no good setting" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_operators_page_has_every_setting_with_its_default() -> None:
    """`docs/OPERATING.md` lists the settings as they are, each once."""
    page = Path("docs/OPERATING.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.+?)`|–) \| .+ \|$", page, re.MULTILINE)
    unset = (None, "", (), SecretStr(""))
    defaults = [field.default for field in Settings.model_fields.values()]
    told = [
        "" if default in unset else str(int(default) if isinstance(default, bool) else default)
        for default in defaults
    ]
    assert sorted(rows) == sorted(zip(map(str.upper, Settings.model_fields), told, strict=True))


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"TEMPORAL_ADDRESS": ":::bad"}, "TEMPORAL_ADDRESS=:::bad is no good setting"),
        (
            {"TEMPORAL_PROFILE": "nobody"},
            "TEMPORAL_* or the profile is no good setting: Profile 'nobody' not found",
        ),
    ],
)
def test_a_worker_waits_for_no_temporal_that_cannot_be(setting: dict[str, str], why: str) -> None:
    """What is wrong in the settings is said at once: waiting mends none of it."""
    said = ended(["worker.py", "payment"], **setting)
    assert (said.returncode, said.stderr.startswith(f"cannot start: {why}")) == (1, True), (
        said.stderr
    )


@pytest.mark.parametrize(
    ("setting", "value", "read"),
    [
        (
            "API_HOSTS",
            "orders.example.org, API 10.1.2.3,fe80::1",
            ("orders.example.org", "api", "10.1.2.3", "fe80::1"),
        ),
        (
            "API_CORS_ORIGINS",
            "https://Shop.example.org,http://[::1]:3000",
            ("https://shop.example.org", "http://[::1]:3000"),
        ),
        (
            "API_TRUSTED_PROXIES",
            "10.0.0.0/8 192.0.2.7,2001:db8::/32",
            ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"),
        ),
        ("API_HOSTS", "", ()),
    ],
)
def test_several_values_stand_in_one_variable(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, read: tuple[str, ...]
) -> None:
    """Names, origins and proxies are listed with commas or spaces between them."""
    monkeypatch.setenv(setting, value)
    assert getattr(Settings(), setting.lower()) == read


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("API_HOSTS", "*", "no name or address of a host"),
        ("API_HOSTS", "orders.example.org:8000", "ports do not belong here"),
        ("API_HOSTS", "https://orders.example.org", "no name or address"),
        ("API_CORS_ORIGINS", "*", "name each exactly"),
        ("API_CORS_ORIGINS", "null", "no origin"),
        ("API_CORS_ORIGINS", "shop.example.org", "no origin"),
        ("API_CORS_ORIGINS", "https://*.example.org", "no origin"),
        ("API_CORS_ORIGINS", "https://shop.example.org/", "no origin"),
        ("API_CORS_ORIGINS", "https://shop.example.org:443", "without its port"),
        ("API_TRUSTED_PROXIES", "*", "does not appear to be an IPv4 or IPv6 network"),
        ("API_TRUSTED_PROXIES", "proxy.example.org", "does not appear"),
        ("API_KEEP_ALIVE_SECONDS", "0", "greater than or equal to 1"),
    ],
)
def test_a_list_that_would_mean_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, reason: str
) -> None:
    """No wildcard, no port and no path: what could not be compared exactly is no good setting."""
    monkeypatch.setenv(setting, value)
    with pytest.raises(ValidationError, match=reason) as refused:
        Settings()
    assert f"{setting}={value} is no good setting" in explain(refused.value)


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
    assert not read_settings("worker.py").authenticated
    with pytest.raises(SystemExit, match="cannot start: "):
        read_settings("api.py")


def test_a_value_of_kubernetes_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is read, the sentence says who sets it and what to do."""
    monkeypatch.setenv("API_PORT", "tcp://10.0.0.8:8000")
    with pytest.raises(SystemExit) as told:
        read_settings("api.py")
    for words in (
        "API_PORT=tcp://10.0.0.8:8000",
        "Kubernetes",
        "a service called api,",
        "enableServiceLinks: false",
    ):
        assert words in str(told.value)


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
    """A file is a database for all workers only where all of them are on this machine, as Temporal is."""
    assert is_on_this_machine(address) is here
