"""Says what to install where a library is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Import within this what comes with an extra of the wheel.

    Raises:
        ModuleNotFoundError: with the name of what is missing, and the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error}: pip install 'temporal-saga[{extra}]'"
        raise ModuleNotFoundError(message, name=error.name) from error
