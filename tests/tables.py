"""The tables of the services, created quicker than the services do it."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module

import sqlalchemy as sa

from contracts.steps import PARTICIPANTS

METADATA: dict[str, sa.MetaData] = {
    name: import_module(f"participants.{name}.tables").METADATA for name in PARTICIPANTS
}


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Create a service's tables as its `open` does, at a third of the CPU.

    Nearly every test of a participant has databases of its own.
    """
    with engine.begin() as connection:
        for statement in creation(metadata, engine.dialect.name):
            connection.exec_driver_sql(statement)


@cache
def creation(metadata: sa.MetaData, dialect: str) -> Sequence[str]:
    """Return what creates the tables and their indexes: few statements, compiled once."""
    tables = metadata.sorted_tables
    elements: list[sa.schema.ExecutableDDLElement] = [
        *(sa.schema.CreateTable(table, if_not_exists=True) for table in tables),
        *(
            sa.schema.CreateIndex(index, if_not_exists=True)
            for table in tables
            for index in table.indexes
        ),
    ]
    compiler = sa.create_mock_engine(f"{dialect}://", print).dialect
    statements = [str(element.compile(dialect=compiler)) for element in elements]
    return [";".join(statements)] if dialect == "postgresql" else statements
