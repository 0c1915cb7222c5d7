"""Every order in which several actors can do their steps, one at a time.

An actor is a function in a thread of its own that stands still at each of its `pause`s until it is
its turn. `every_story` runs a story again and again, with another sequence of choices each time.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Choose = Callable[[int], int]
"""Gives a number below the one that it gets."""


class Killed(BaseException):
    """What an actor gets instead of its turn when its process is killed: nothing is tidied up."""


def every_story(tell: Callable[[Choose], None]) -> int:
    """Tell a story once for each sequence of choices that it can make; return how many."""
    path: list[tuple[int, int]] = []
    number = 0
    while True:
        depth = 0

        def choose(options: int) -> int:
            nonlocal depth
            if options == 1:
                return 0
            if depth == len(path):
                path.append((0, options))
            choice, options_before = path[depth]
            assert options == options_before, "the story depends on more than its choices"
            depth += 1
            return choice

        tell(choose)
        number += 1
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return number
        choice, options = path.pop()
        path.append((choice + 1, options))


@dataclass
class Actor:
    """A function that goes on when it is its turn, until its next pause."""

    name: str
    act: Callable[[], None]
    is_over: bool = False
    sleeps: bool = False
    error: BaseException | None = None
    is_dead: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)
    pauses: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin, and stand still before the first step."""
        self.turn.acquire()
        self.pauses.acquire()
        thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        thread.start()

    def step(self) -> None:
        """Let it go on until its next pause, or its end."""
        self.turn.release()
        self.pauses.acquire()
        if self.error is not None:
            raise self.error

    def kill(self) -> None:
        """End it where it stands."""
        self.is_dead = True
        self.step()

    def pause(self, *, sleeps: bool = False) -> None:
        """Stand still, in the actor's own thread.

        Args:
            sleeps: until time has passed, and not only until it is its turn.
        """
        self.sleeps = sleeps
        self.pauses.release()
        self.turn.acquire()
        if self.is_dead:
            raise Killed

    def _run(self) -> None:
        self.turn.acquire()
        try:
            if not self.is_dead:
                self.act()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again in the story
            self.error = error
        self.is_over = True
        self.pauses.release()
