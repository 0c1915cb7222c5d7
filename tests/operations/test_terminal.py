"""A terminal that nobody waits for."""

import os
import time

import pytest

from operations.up import terminal
from operations.up.terminal import MOST_LINES, Terminal


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> int:
    """The reading end of what stands for the terminal."""
    reading, writing = os.pipe()
    monkeypatch.setattr(terminal, "STDOUT", writing)
    monkeypatch.setattr(terminal, "LAST_SECONDS", 0.1)
    return reading


def test_a_terminal_that_is_not_read_is_not_waited_for(pipe: int) -> None:
    """More lines than anybody takes are dropped at once; what was taken in stays in order."""
    screen = Terminal()
    for number in range(3 * MOST_LINES):
        screen.say(f"{number:0100}")
    start = time.monotonic()
    screen.close()
    assert time.monotonic() - start < 5
    assert os.read(pipe, 101) == f"{0:0100}\n".encode()
    assert os.read(pipe, 101) == f"{1:0100}\n".encode()
    os.close(pipe)


def test_a_terminal_that_is_gone_ends_nobody(pipe: int) -> None:
    """What is said to nobody is dropped."""
    screen = Terminal()
    os.close(pipe)
    for _ in range(10):
        screen.say("is anybody there?")
    screen.close()
    assert not screen._writer.is_alive()
