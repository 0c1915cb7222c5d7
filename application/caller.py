"""Who asks, and what they may do."""

import math
from dataclasses import dataclass
from enum import StrEnum

from contracts.acts import Act
from contracts.operations import Door
from contracts.text import beginning_of

MOST_OF_A_NAME = 60
"""Characters of a given name that are shown beside the subject of a token."""


class Scope(StrEnum):
    """What a token allows."""

    WRITE = "orders:write"
    READ = "orders:read"
    OPERATE = "saga:operate"
    SHOP = "shop:manage"


@dataclass(frozen=True)
class Origin:
    """Where a call comes from, for the log of operations.

    Args:
        door: the way by which it came in.
        address: of the client, as far as proxies are trusted.
        agent: what the client says that it is.
        batch_id: the batch operation that it is part of.
    """

    door: Door = Door.HTTP
    address: str | None = None
    agent: str | None = None
    batch_id: str | None = None


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Args:
        subject: whom the token was issued to; "" where nobody is asked who they are.
        scopes: what the token allows.
        customer_id: the customer whose orders alone the caller sees and places; None for all
            customers.
        until: when the token runs out, in seconds since 1970; infinite where nobody is asked who
            they are.
        origin: where this call of theirs comes from.
    """

    subject: str = ""
    scopes: frozenset[str] = frozenset(Scope)
    customer_id: str | None = None
    until: float = math.inf
    origin: Origin = Origin()

    def acts_for(self, customer_id: str | None) -> bool:
        """Tell whether this caller may see and order what is this customer's."""
        return self.customer_id in (None, customer_id)

    def may(self, act: Act) -> bool:
        """Tell whether the token allows an act; customers may cancel what they may order."""
        is_own = self.customer_id is not None and act is Act.CANCEL
        return Scope.OPERATE in self.scopes or (is_own and Scope.WRITE in self.scopes)

    def signature_of(self, name: str) -> str:
        """Return the name that a decision is recorded under.

        A token's subject stands beside whatever the caller says.
        """
        if self.subject in ("", name):
            return name
        return f"{beginning_of(name, MOST_OF_A_NAME)} (as {self.subject})"
