"""Pages of several lists as one page. Pure functions."""

from contracts.record import OrderEntry
from participants.order.filters import Page, Position, Sort


def merge(sort: Sort, limit: int, *pages: Page) -> Page:
    """Return the beginnings of lists as that of one; an order recorded just now may be in two.

    It ends where the first of them ends: what the others have behind that is for the next page.
    """

    def position(entry: OrderEntry) -> Position:
        return Position.of(entry, sort)

    unique = {entry.order_id: entry for page in pages for entry in page.entries}
    entries = sorted(unique.values(), key=position, reverse=sort.is_descending)
    ends = [page.end for page in pages if page.end is not None]
    end = None
    if ends:
        end = max(ends) if sort.is_descending else min(ends)
        entries = [entry for entry in entries if not sort.comes_behind(position(entry), end)]
    if len(entries) > limit:
        entries = entries[:limit]
        end = position(entries[-1])
    return Page(entries, end)
