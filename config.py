"""Settings from the environment; nothing else reads our environment variables.

Temporal's own `TEMPORAL_*` variables and profiles are read by `temporalio.envconfig`, as for every Temporal client.
"""

import asyncio
import ipaddress
import logging
import os
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Self, cast
from urllib.parse import urlsplit

from limits import parse
from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfigProfile, ClientConnectConfig
from temporalio.service import RetryConfig

from contracts.steps import PARTICIPANTS
from temporal_saga.database import check_url
from temporal_saga.policy import Policy

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

PASSWORD = re.compile(r"//[^/\s]*@")
"""The name and the password in an address."""

RENEWAL_SECONDS = 5
"""A client with a new certificate or key gets this long to connect, before the next look."""

SHORTEST_SECRET = {"HS256": 32, "HS384": 48, "HS512": 64}
"""By algorithm of a shared secret: the bytes that it needs at least (RFC 7518, 3.2)."""

HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
ORIGIN = re.compile(rf"(https?)://({HOST_NAME.pattern}|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?")


def _words(given: Any) -> Any:
    """Return what stands between commas and spaces."""
    return tuple(given.replace(",", " ").lower().split()) if isinstance(given, str) else given


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
"""Several values in one variable, with commas between them."""


if TYPE_CHECKING:
    DatabaseSettings = BaseSettings
else:
    DatabaseSettings = create_model(
        "DatabaseSettings",
        __base__=BaseSettings,
        **{
            f"{name}_database_url": (
                str,
                Field(
                    default="",
                    description=f"the {name} service's database; SQLite in data_dir when empty",
                ),
            )
            for name in PARTICIPANTS
        },
    )
    """Each participant's database URL; read by `Settings.database_url`."""


class Settings(DatabaseSettings):
    """What can be set, each by the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)  # URLs hold passwords

    data_dir: Path = Field(default=Path("var"), description="where databases and logs live")
    shop: Literal["sample", "none"] = Field(
        default="sample", description="what `make up` fills an empty shop with"
    )

    temporal_port: int = Field(
        default=7233, ge=1, le=65_535, description="the embedded Temporal server's port"
    )
    temporal_ui_port: int = Field(default=8233, ge=1, le=65_535, description="its Web UI's port")
    temporal_ui_url: str = Field(
        default="", description="where people reach the Web UI; the embedded one's when empty"
    )

    api_host: str = Field(default="127.0.0.1", description="the address that the API binds to")
    api_port: int = Field(default=8000, ge=1, le=65_535, description="the API's port")
    api_trusted_network: bool = Field(
        default=False, description="allow the API to bind beyond loopback, unauthenticated"
    )

    api_hosts: Words = Field(
        default=(), description="further names under which callers reach the API, without ports"
    )
    api_cors_origins: Words = Field(
        default=(),
        description="pages of these origins may use the API from a browser, like https://shop.example.org",
    )
    api_trusted_proxies: Words = Field(
        default=(), description="addresses or networks of proxies whose X-Forwarded-For is believed"
    )
    api_keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=3_600,
        description="how long an idle connection is kept; longer than a proxy keeps it",
    )
    api_url: str = Field(
        default="", description="where `make shop` finds the API; on this machine when empty"
    )
    api_token: SecretStr = Field(
        default=SecretStr(""),
        description="the token that `make shop` sends, where one is asked for",
    )

    auth_secret: SecretStr = Field(
        default=SecretStr(""), description="callers' tokens are signed with this shared secret"
    )
    auth_jwks_url: str = Field(default="", description="or with one of the keys published here")
    auth_algorithm: (
        Literal["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"] | None
    ) = Field(
        default=None,
        description="and by this algorithm alone; HS256 with a secret, RS256 with published keys when unset",
    )
    auth_issuer: str = Field(default="", description="who must have issued them")
    auth_audience: str = Field(default="", description="for whom")
    auth_customer_claim: str = Field(
        default="customer_id",
        min_length=1,
        description="the claim that names the caller's customer",
    )
    auth_clock_skew_seconds: int = Field(
        default=30, ge=0, le=300, description="how far the issuer's clock may be off"
    )

    api_rate_limit: str = Field(
        default="",
        description="requests of one caller, like 20/second or 600/minute; no limit when empty",
    )
    api_in_flight_limit: int | None = Field(
        default=None, ge=1, description="requests served at one time; no limit when unset"
    )

    review_threshold_minor: int | None = Field(
        default=None,
        ge=0,
        description="orders of this total (minor units) or more wait for a person's approval; none when unset",
    )
    review_seconds: int = Field(
        default=86_400, ge=1, le=30 * 86_400, description="how long they wait for it"
    )

    order_prices: Literal["caller", "at_least_list", "list"] = Field(
        default="caller",
        description="who decides what a line costs that is placed over HTTP: the caller, the list "
        "price as a lower bound, or the list price alone",
    )

    start_to_close_seconds: float = Field(default=10, gt=0, description="one try of one command")
    forward_step_seconds: float = Field(
        default=60, gt=0, description="a forward step with all its tries"
    )
    compensation_pause_seconds: float = Field(
        default=60, gt=0, description="the longest pause between tries of what must happen"
    )
    stuck_attempts: int = Field(
        default=10, ge=1, description="what must happen is stuck after so many failed tries"
    )
    stuck_after_seconds: float = Field(default=600, gt=0, description="or after so long")

    worker_threads: int = Field(
        default=10, ge=1, le=200, description="commands that one participant's worker takes at once"
    )
    worker_grace_seconds: float = Field(
        default=30, gt=0, description="how long a stopping worker lets its work finish"
    )

    @field_validator("temporal_ui_url")
    @classmethod
    def _a_web_address(cls, address: str) -> str:
        """Return it as links go on behind it: without blanks around it and slashes at its end; a path it may have."""
        address = address.strip()
        where = urlsplit(address)
        if address and not (where.scheme in ("http", "https") and where.hostname):
            raise ValueError(
                "it must begin with http:// or https:// and a name, as a browser's address does"
            )
        if re.search(r"[\s\\<>\"`{}|^]", address):
            raise ValueError("it must have no blanks, backslashes, quotes or brackets in it")
        if where.query or where.fragment or address.endswith(("?", "#")):
            raise ValueError("it must end before any ? or #, as links go on behind it")
        if where.username is not None:
            raise ValueError("it must hold no name or password, as every order shows it")
        if where.port == 0:  # and whoever reads a port that is no number hears so
            raise ValueError("its port must be 1 to 65535")
        return address.rstrip("/")

    @field_validator("api_rate_limit")
    @classmethod
    def _a_rate(cls, rate: str) -> str:
        if rate:
            parse(rate)
        return rate

    @field_validator("api_hosts")
    @classmethod
    def _names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not (HOST_NAME.fullmatch(host) or _is_address(host)):
                raise ValueError(
                    f"{host} is no name or address of a host; ports do not belong here"
                )
        return hosts

    @field_validator("api_cors_origins")
    @classmethod
    def _exact_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not (told := ORIGIN.fullmatch(origin)):
                raise ValueError(
                    f"{origin} is no origin: name each exactly, like https://shop.example.org or http://localhost:3000"
                )
            if told[3] == {"http": ":80", "https": ":443"}[told[1]]:
                raise ValueError(
                    f"{origin} is written without its port by browsers, as that is the usual one"
                )
        return origins

    @field_validator("api_trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy)
        return proxies

    @model_validator(mode="after")
    def _tokens_that_can_be_checked(self) -> Self:
        for problem in self._keyed_problems() if self.authenticated else self._keyless_problems():
            raise ValueError(problem)
        return self

    def _keyless_problems(self) -> Iterator[str]:
        """Say what is set for authentication although there is no key to check tokens with."""
        named = ("auth_algorithm", "auth_issuer", "auth_audience")
        if alone := ", ".join(name.upper() for name in named if getattr(self, name)):
            yield f"{alone} alone authenticates nobody: set AUTH_SECRET or AUTH_JWKS_URL as well"

    def _keyed_problems(self) -> Iterator[str]:
        """Say why tokens could not be checked safely."""
        secret, keys, algorithm = (
            self.auth_secret.get_secret_value(),
            self.auth_jwks_url,
            self.token_algorithm,
        )
        if secret and keys:
            yield "set AUTH_SECRET or AUTH_JWKS_URL, not both: tokens are signed in one way"
        if missing := ", ".join(
            name.upper() for name in ("auth_issuer", "auth_audience") if not getattr(self, name)
        ):
            yield f"with authentication, {missing} must be set: a token issued by or for somebody else opens nothing here"
        if secret and algorithm not in SHORTEST_SECRET:
            yield f"AUTH_ALGORITHM={algorithm} needs AUTH_JWKS_URL: a shared secret goes with {', '.join(SHORTEST_SECRET)}"
        if keys and algorithm in SHORTEST_SECRET:
            yield f"AUTH_ALGORITHM={algorithm} needs AUTH_SECRET: published keys go with RS256, PS256, ES256 or EdDSA"
        if secret and len(secret.encode()) < (least := SHORTEST_SECRET.get(algorithm, 0)):
            yield f"AUTH_SECRET is too short to be safe: {algorithm} needs {least} bytes or more"
        if keys and not _is_safe(keys):
            yield "AUTH_JWKS_URL must begin with https://, or anybody on the way could put in keys of their own"

    @model_validator(mode="after")
    def _only_loopback_without_authentication(self) -> Self:
        if (
            self.api_host not in LOOPBACK
            and not self.authenticated
            and not self.api_trusted_network
        ):
            raise ValueError(
                f"API_HOST={self.api_host} would let anybody who reaches this machine place and cancel orders. Ask callers for "
                "tokens by setting AUTH_SECRET or AUTH_JWKS_URL, bind to 127.0.0.1, or set API_TRUSTED_NETWORK=1 where only "
                "trusted clients reach it"
            )
        return self

    @property
    def authenticated(self) -> bool:
        """Whether callers are asked who they are."""
        return bool(self.auth_secret.get_secret_value() or self.auth_jwks_url)

    @property
    def checks_hosts(self) -> bool:
        """Whether callers must ask for a host of ours; who must bring a token need not, as no browser sends one unasked."""
        return bool(self.api_hosts) or not self.authenticated

    @property
    def token_algorithm(self) -> str:
        """The one algorithm by which tokens are signed."""
        return self.auth_algorithm or ("RS256" if self.auth_jwks_url else "HS256")

    @property
    def policy(self) -> Policy:
        """The limits of the sagas."""
        return Policy(
            start_to_close=timedelta(seconds=self.start_to_close_seconds),
            forward_step=timedelta(seconds=self.forward_step_seconds),
            longest_pause=timedelta(seconds=self.compensation_pause_seconds),
            stuck_attempts=self.stuck_attempts,
            stuck_after=timedelta(seconds=self.stuck_after_seconds),
        )

    @model_validator(mode="after")
    def _only_databases_that_we_can_open(self) -> Self:
        for participant in PARTICIPANTS:
            try:
                check_url(self.database_url(participant))
            except ValueError as error:
                raise ValueError(
                    f"{participant.upper()}_DATABASE_URL is no good setting: {error}"
                ) from None
        return self

    def database_url(self, participant: str) -> str:
        """Return the URL of the database that a participant owns."""
        url: str = getattr(self, f"{participant}_database_url")
        return url or f"sqlite:///{self.data_dir.absolute()}/{participant}.db"

    def shared_database_url(self, participant: str) -> str:
        """Return that URL for a process that serves from it, beside others that may be on other machines.

        Raises:
            SystemExit: Temporal is on another machine and no URL is set: a SQLite file of this machine would be another truth
                than that of the workers there.
        """
        address, variable = temporal_address(), f"{participant.upper()}_DATABASE_URL"
        if not getattr(self, f"{participant}_database_url") and not is_on_this_machine(address):
            sys.exit(
                f"cannot start: {variable} must be set where Temporal is on another machine (TEMPORAL_ADDRESS={address}): "
                f"workers of {participant} elsewhere would not serve from a file in DATA_DIR of this machine. "
                f"If all of them are here and a file is meant, name it: {variable}=sqlite:////path/{participant}.db"
            )
        return self.database_url(participant)

    @property
    def web_ui_url(self) -> str:
        """Where people reach the Temporal Web UI."""
        return self.temporal_ui_url or f"http://localhost:{self.temporal_ui_port}"


class OwnStackSettings(Settings):
    """Those of a stack of its own beside whatever else this shell is set up for: but for DATA_DIR, none of the environment's."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is given, and one variable."""
        return init_settings, cast(
            "PydanticBaseSettingsSource",  # any callable serves
            lambda: {name: value for name, value in env_settings().items() if name == "data_dir"},
        )


def _is_address(host: str) -> bool:
    """Tell whether this is the address of a host."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_safe(url: str) -> bool:
    """Tell whether nobody on the way can change what is read from a URL: it is encrypted, or goes nowhere."""
    where = urlsplit(url)
    return bool(where.hostname) and (
        where.scheme == "https" or (where.scheme == "http" and where.hostname in LOOPBACK)
    )


SET_BY_KUBERNETES = ("tcp://", "udp://", "sctp://")
"""How the values of the variables begin that Kubernetes sets for every service in the namespace, like API_PORT for `api`."""


def explain(error: ValidationError) -> str:
    """Return in one line which settings are wrong, by their variables, and how."""
    told = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        if str(problem["input"]).startswith(SET_BY_KUBERNETES):
            service = name.lower().removesuffix("_port").replace("_", "-")
            message = (
                f"Kubernetes sets it for a service called {service}, and means the service: call it otherwise, "
                "or set enableServiceLinks: false for this pod"
            )
        given = PASSWORD.sub("//…@", str(problem["input"]))
        told.append(f"{name}={given} is no good setting: {message}" if name else message)
    return "; ".join(told)


NOT_READ = {
    "api.py": ("worker_", "temporal_port"),
    "worker.py": ("api_", "auth_", "temporal_port", "temporal_ui_"),
}
"""By front door: how the settings begin that it never reads. Whatever is set there, and by whom, does not stop it."""


def read_settings(front_door: str = "") -> Settings:
    """Return the settings of the environment, or end this process with a sentence that says which are wrong.

    Args:
        front_door: `api.py` or `worker.py`: what it never reads is as if it were not set.
    """
    others = NOT_READ.get(front_door, ())
    unset = (
        {
            name: field.default
            for name, field in Settings.model_fields.items()
            if name.startswith(others)
        }
        if others
        else {}
    )
    try:
        return Settings(**unset)
    except ValidationError as error:
        sys.exit(f"cannot start: {explain(error)}")


def leave(status: int = 0) -> NoReturn:
    """End this process, whose work is done, without the interpreter's own teardown.

    Threads of the Temporal SDK may still be delivering to Python then, which aborts the process (`Fatal Python error:
    PyGILState_Release`, github.com/temporalio/sdk-python/issues/300) and makes a clean stop look like a crash.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _options(port: int) -> ClientConnectConfig:
    """Return what the `TEMPORAL_*` variables and the profile say now, with the contents of the files that they name."""
    options = ClientConfigProfile.load().to_client_connect_config()
    options.setdefault("target_host", f"localhost:{port}")
    return options


def temporal_address(port: int = 7233) -> str:
    """Return where Temporal is, as the `TEMPORAL_*` variables and the profile say, or this machine's port.

    Raises:
        SystemExit: they are no good, with a sentence that says why.
    """
    try:
        return _options(port)["target_host"]
    except Exception as error:  # noqa: BLE001  # whatever the file or the variables are, waiting mends none of it
        sys.exit(f"cannot start: TEMPORAL_* or the profile is no good setting: {error}")


async def connect(*, lazy: bool = False, port: int = 7233) -> Client:
    """Connect to the Temporal of the `TEMPORAL_*` variables and profile, to this machine's when they name none.

    Args:
        port: this machine's Temporal's.
        lazy: connect at the first call instead, so that a process can start while Temporal is away.

    Raises:
        RuntimeError: Temporal does not answer.
        SystemExit: the variables or the profile are no good, with a sentence that says why.
    """
    return await Connection(port).open(lazy=lazy)


class Connection:
    """The way to Temporal; it is made anew when a certificate or key that it was made of has changed on disk."""

    def __init__(self, port: int = 7233, retries: RetryConfig | None = None) -> None:
        """Lead to the Temporal of the `TEMPORAL_*` variables and profile.

        Args:
            port: of this machine's Temporal, when they name none.
            retries: how long the client tries a call again and again by itself; the SDK's own 10 s when None.
        """
        self._port = port
        self._rest: dict[str, Any] = {
            "data_converter": pydantic_data_converter,
            "retry_config": retries,
        }
        self._options: ClientConnectConfig = {}

    async def open(self, *, lazy: bool = False) -> Client:
        """Connect, as `connect` does."""
        address = temporal_address(self._port)
        self._options = _options(self._port)
        try:
            return await Client.connect(**self._options, **self._rest, lazy=lazy)
        except ValueError as error:
            sys.exit(f"cannot start: TEMPORAL_ADDRESS={address} is no good setting: {error}")

    async def renewed(self) -> Client | None:
        """Return a new client, connected, if what it is made of has changed; None if not, or if it does not connect (yet).

        A file may be half written, or a key not fit its certificate for a moment: the next time tells.
        """
        try:
            options = _options(self._port)
            if options == self._options:
                return None
            connecting = Client.connect(**options, **self._rest)
            client = await asyncio.wait_for(connecting, RENEWAL_SECONDS)
        except Exception:  # noqa: BLE001  # whatever is wrong with what is there now, the client that there is stays
            return None
        self._options = options
        return client


def is_on_this_machine(address: str) -> bool:
    """Tell whether a host and port lead to no other machine: they are this one's, or name none, as connecting then says."""
    try:
        host = urlsplit(f"//{address}").hostname
    except ValueError:
        return True
    return not host or host in LOOPBACK or host.startswith("127.")
