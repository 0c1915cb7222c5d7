"""Every setting: its environment variable is its name in capitals."""

from datetime import timedelta
from typing import ClassVar, Literal, Self, cast

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from config.access import AccessSettings
from config.authentication import problems
from config.batches import BatchSettings
from config.cards import CardSettings
from config.databases import DatabaseSettings
from config.events import EventSettings
from config.values import (
    BindAddress,
    Hosts,
    Networks,
    Origins,
    RateLimit,
    Seconds,
    Token,
    WebAddress,
    WholeMinor,
    is_loopback,
)
from temporal_saga.policy import Policy


class Settings(AccessSettings, BatchSettings, EventSettings, CardSettings, DatabaseSettings):
    """What can be set, each by the environment variable of its name in capitals."""

    shop: Literal["sample", "none"] = Field(
        default="sample", description="what `make up` fills an empty shop with"
    )

    temporal_port: int = Field(
        default=7233, ge=1, le=65_535, description="the embedded Temporal server's port"
    )
    temporal_ui_port: int = Field(default=8233, ge=1, le=65_535, description="its Web UI's port")
    temporal_ui_url: WebAddress = Field(
        default="", description="where people reach the Web UI; the embedded one's when empty"
    )

    api_host: BindAddress = Field(
        default="127.0.0.1", description="the address that the API binds to"
    )
    api_port: int = Field(default=8000, ge=1, le=65_535, description="the API's port")
    api_trusted_network: bool = Field(
        default=False, description="allow the API to bind beyond loopback, unauthenticated"
    )

    api_hosts: Hosts = Field(
        default=(), description="further names under which callers reach the API, without ports"
    )
    api_cors_origins: Origins = Field(
        default=(),
        description="pages of these origins may use the API from a browser, "
        "like https://shop.example.org",
    )
    api_trusted_proxies: Networks = Field(
        default=(), description="addresses or networks of proxies whose X-Forwarded-For is believed"
    )
    api_keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=3_600,
        description="how long an idle connection is kept; longer than a proxy keeps it",
    )
    api_url: WebAddress = Field(
        default="", description="where `make shop` finds the API; on this machine when empty"
    )
    api_token: Token = Field(
        default=SecretStr(""),
        description="the token that `make shop` sends, where one is asked for",
    )

    api_rate_limit: RateLimit = Field(
        default="",
        description="requests of one caller, like 20/second or 600/minute; no limit when empty",
    )
    api_in_flight_limit: int | None = Field(
        default=None, ge=1, description="requests served at one time; no limit when unset"
    )

    review_threshold_minor: WholeMinor | None = Field(
        default=None,
        ge=0,
        description="orders of this total (minor units) or more wait for a person's approval; "
        "none when unset",
    )
    review_seconds: int = Field(
        default=86_400, ge=1, le=30 * 86_400, description="how long they wait for it"
    )

    order_prices: Literal["caller", "at_least_list", "list"] = Field(
        default="caller",
        description="who decides what a line costs that is placed over HTTP: the caller, the list "
        "price as a lower bound, or the list price alone",
    )

    start_to_close_seconds: Seconds = Field(default=10, description="one try of one command")
    forward_step_seconds: Seconds = Field(
        default=60, description="a forward step with all its tries"
    )
    compensation_pause_seconds: Seconds = Field(
        default=60, description="the longest pause between tries of what must happen"
    )
    stuck_attempts: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="what must happen is stuck after so many failed tries",
    )
    stuck_after_seconds: Seconds = Field(default=600, description="or after so long")

    workflow_sandbox: Literal["off", "on"] = Field(
        default="off", description="run the sagas' code in Temporal's sandbox, as the tests do"
    )
    worker_processes: Literal["one", "per_role"] = Field(
        default="one", description="in how many processes `make up` runs the workers"
    )
    local_activities: Literal["off", "on"] = Field(
        default="off",
        description="try each step in the orchestrator's own process first, as a local activity",
    )
    worker_threads: int = Field(
        default=10, ge=1, le=200, description="commands that one participant's worker takes at once"
    )
    worker_pollers: int = Field(
        default=5, ge=2, le=100, description="polls of one worker for each kind of task"
    )
    workflow_cache: int = Field(
        default=1_000, ge=0, le=100_000, description="sagas that an orchestrator keeps in memory"
    )
    worker_grace_seconds: Seconds = Field(
        default=30, description="how long a stopping worker lets its work finish"
    )

    @model_validator(mode="after")
    def _tokens_can_be_checked(self) -> Self:
        for problem in problems(self):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _only_loopback_without_authentication(self) -> Self:
        is_open = not self.asks_for_tokens and not self.api_trusted_network
        if not is_loopback(self.api_host) and is_open:
            raise ValueError(
                f"API_HOST={self.api_host} would let anybody who reaches this machine place and "
                "cancel orders. Ask callers for tokens by setting AUTH_SECRET or AUTH_JWKS_URL, "
                "bind to 127.0.0.1, or set API_TRUSTED_NETWORK=1 where only trusted clients reach "
                "it"
            )
        return self

    @property
    def asks_for_tokens(self) -> bool:
        """Whether callers must bring a token."""
        return bool(self.auth_secret.get_secret_value() or self.auth_jwks_url)

    @property
    def checks_hosts(self) -> bool:
        """Whether callers must name one of our hosts.

        Where each must bring a token they need not: no browser sends one unasked.
        """
        return bool(self.api_hosts) or not self.asks_for_tokens

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

    @property
    def web_ui_url(self) -> str:
        """Where people reach the Temporal Web UI."""
        return self.temporal_ui_url or f"http://localhost:{self.temporal_ui_port}"


class EphemeralStackSettings(Settings):
    """Those of a stack that lives for one command: it reads DATA_DIR from the environment alone."""

    variables: ClassVar[frozenset[str]] = frozenset({"data_dir"})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the arguments, and these variables."""
        return init_settings, cast(
            "PydanticBaseSettingsSource",  # any callable serves
            lambda: {
                name: value for name, value in env_settings().items() if name in cls.variables
            },
        )


class DemoSettings(EphemeralStackSettings):
    """Those of the stack of `make demo`: PAYMENT says what its customers pay with."""

    variables = frozenset({"data_dir", "payment"})
