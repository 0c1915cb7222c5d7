"""Where each participant's database is: in the data directory, or at a URL."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, create_model, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.temporal import is_on_this_machine, temporal_address
from config.values import HomePath
from contracts.steps import PARTICIPANTS
from temporal_saga.database import check_file, check_url


class DataDirectory(BaseSettings):
    """Where the files are of databases without a URL."""

    model_config = SettingsConfigDict(
        hide_input_in_errors=True,  # URLs hold passwords
        env_ignore_empty=True,  # a variable without a value is not set
    )

    data_dir: HomePath = Field(default=Path("var"), description="where databases and logs live")


if TYPE_CHECKING:
    DatabaseUrls = DataDirectory
else:
    DatabaseUrls = create_model(
        "DatabaseUrls",
        __base__=DataDirectory,
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
    """A URL for each participant of the table of steps; read by `database_url`."""


class DatabaseSettings(DatabaseUrls):
    """Where each participant's database is."""

    @model_validator(mode="after")
    def _only_databases_that_we_can_open(self) -> Self:
        for participant in PARTICIPANTS:
            try:
                check_url(self.database_url(participant))
                check_file(self.database_url(participant))
            except ValueError as error:
                variable = f"{participant.upper()}_DATABASE_URL"
                raise ValueError(f"{variable} is invalid: {error}") from None
        return self

    def database_url(self, participant: str) -> str:
        """Return the URL of the database that a participant owns."""
        url: str = getattr(self, f"{participant}_database_url")
        return url or f"sqlite:///{self.data_dir.absolute()}/{participant}.db"

    def shared_database_url(self, participant: str) -> str:
        """Return that URL for a process that serves from it, as others on other machines may do.

        Raises:
            SystemExit: Temporal is on another machine and no URL is set: the workers there would
                not serve from a SQLite file of this machine.
        """
        address = temporal_address()
        variable = f"{participant.upper()}_DATABASE_URL"
        if not getattr(self, variable.lower()) and not is_on_this_machine(address):
            sys.exit(
                f"cannot start: {variable} must be set where Temporal is on another machine "
                f"(TEMPORAL_ADDRESS={address}): workers of {participant} elsewhere would not serve "
                "from a file in DATA_DIR of this machine. If all of them are here and a file is "
                f"meant, name it: {variable}=sqlite:////path/{participant}.db"
            )
        return self.database_url(participant)
