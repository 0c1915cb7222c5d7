"""Settings from the environment; nothing else reads our environment variables.

Temporal's own `TEMPORAL_*` variables and profiles are read by `temporalio.envconfig`, as for every Temporal client.
"""

import logging
import os
import sys
from pathlib import Path
from typing import NoReturn, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfigProfile

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """What can be set, each by the environment variable of its name in capitals."""

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
