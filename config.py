"""Settings from the environment; nothing else reads our environment variables.

Temporal's own `TEMPORAL_*` variables and profiles are read by `temporalio.envconfig`, as for every Temporal client.
"""

import logging
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfigProfile

from temporal_saga.database import check_url
from temporal_saga.policy import Policy

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """What can be set, each by the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)  # URLs hold passwords

    data_dir: Path = Field(default=Path("var"), description="where databases and logs live")

    order_database_url: str = Field(default="", description="the order service's database; SQLite in data_dir when empty")
    payment_database_url: str = Field(default="", description="the payment service's; likewise")
    stock_database_url: str = Field(default="", description="the stock service's; likewise")

    temporal_port: int = Field(default=7233, ge=1, le=65_535, description="the embedded Temporal server's port")
    temporal_ui_port: int = Field(default=8233, ge=1, le=65_535, description="its Web UI's port")
    temporal_ui_url: str = Field(default="", description="where people reach the Web UI; the embedded one's when empty")

    api_host: str = Field(default="127.0.0.1", description="the address that the API binds to")
    api_port: int = Field(default=8000, ge=1, le=65_535, description="the API's port")
    api_trusted_network: bool = Field(default=False, description="allow the API to bind beyond loopback, unauthenticated")

    review_threshold_minor: int | None = Field(
        default=None, ge=0, description="orders of this total (minor units) or more wait for a person's approval; none when unset"
    )
    review_seconds: int = Field(default=86_400, ge=1, le=30 * 86_400, description="how long they wait for it")

    start_to_close_seconds: float = Field(default=10, gt=0, description="one try of one command")
    forward_step_seconds: float = Field(default=60, gt=0, description="a forward step with all its tries")
    compensation_pause_seconds: float = Field(default=60, gt=0, description="the longest pause between tries of what must happen")
    stuck_attempts: int = Field(default=10, ge=1, description="what must happen is stuck after so many failed tries")
    stuck_after_seconds: float = Field(default=600, gt=0, description="or after so long")

    worker_threads: int = Field(default=10, ge=1, le=200, description="commands that one participant's worker takes at once")
    worker_grace_seconds: float = Field(default=30, gt=0, description="how long a stopping worker lets its work finish")

    @model_validator(mode="after")
    def _only_loopback_without_authentication(self) -> Self:
        if self.api_host not in LOOPBACK and not self.api_trusted_network:
            raise ValueError(
                f"API_HOST={self.api_host} would let anybody who reaches this machine place and cancel orders: the API does not "
                "authenticate. Bind to 127.0.0.1, or set API_TRUSTED_NETWORK=1 where only trusted clients reach it"
            )
        return self

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
        for participant in ("order", "payment", "stock"):
            try:
                check_url(self.database_url(participant))
            except ValueError as error:
                raise ValueError(f"{participant.upper()}_DATABASE_URL is no good setting: {error}") from None
        return self

    def database_url(self, participant: str) -> str:
        """Return the URL of the database that `participant` (order, payment or stock) owns."""
        url: str = getattr(self, f"{participant}_database_url")
        return url or f"sqlite:///{self.data_dir.absolute()}/{participant}.db"

    @property
    def web_ui_url(self) -> str:
        """Where people reach the Temporal Web UI."""
        return self.temporal_ui_url or f"http://localhost:{self.temporal_ui_port}"


def explain(error: ValidationError) -> str:
    """Return in one line which settings are wrong, by their variables, and how."""
    told = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        told.append(f"{name}={problem['input']} is no good setting: {message}" if name else message)
    return "; ".join(told)


def read_settings() -> Settings:
    """Return the settings of the environment, or end this process with a sentence that says which are wrong."""
    try:
        return Settings()
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


async def connect(*, lazy: bool = False, port: int = 7233) -> Client:
    """Connect to the Temporal of the `TEMPORAL_*` variables and profile, to this machine's when they name none.

    Args:
        port: this machine's Temporal's.
        lazy: connect at the first call instead, so that a process can start while Temporal is away.

    Raises:
        RuntimeError: Temporal does not answer.
    """
    options = ClientConfigProfile.load().to_client_connect_config()
    options.setdefault("target_host", f"localhost:{port}")
    return await Client.connect(**options, data_converter=pydantic_data_converter, lazy=lazy)
