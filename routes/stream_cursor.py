"""How far the listener of a stream of events has come, and the ids that say so."""

from collections.abc import Iterable

from fastapi.sse import ServerSentEvent

from application.orders import BEGINNING, Place
from contracts.base import digest
from contracts.views import TimelineEntry

Entry = tuple[Place, TimelineEntry]

MARK_LENGTH = 8


class StreamCursor:
    """How far one stream has come, so that it repeats nothing, and shows what a reset brought.

    A run that goes on after a reset repeats the story of the one before up to there; then its own
    entries stand in the places of the others.
    """

    def __init__(self, last: Place = BEGINNING) -> None:
        """Begin behind `last`, which another stream sent to the same listener."""
        self.last = last
        self._contents: dict[Place, int] = {}

    @property
    def is_at_start(self) -> bool:
        """Whether nothing came by yet."""
        return not self._contents

    def is_new(self, place: Place, event: ServerSentEvent) -> bool:
        """Note an event, and tell whether the listener has not had it."""
        content = hash(event.raw_data)
        if self._contents.get(place) == content:
            return False
        if place in self._contents:
            self._contents = {
                earlier: at for earlier, at in self._contents.items() if earlier < place
            }
            self.last = BEGINNING
        self._contents[place] = content
        return place > self.last


def event_id(place: Place, entry: TimelineEntry) -> str:
    """Return the id of the event that tells an entry."""
    number, part = place
    return f"{number}-{part}-{_mark(entry)}"


def place_of(last_event_id: str | None, entries: Iterable[Entry]) -> Place:
    """Return the place of the entry that has this id; the beginning when none of them has it."""
    places = (place for place, entry in entries if event_id(place, entry) == last_event_id)
    return next(places, BEGINNING)


def _mark(entry: TimelineEntry) -> str:
    """Return what tells an entry from other orders', and from the one in its place after a reset.

    A try under way changes what is shown of its command, so an entry is known by when and what it
    is; of several steps with one command, by its step, too.
    """
    own_name = [] if entry.step is None else [entry.step]
    return digest([entry.at.isoformat(), entry.kind, entry.name, *own_name])[:MARK_LENGTH]
