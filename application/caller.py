"""Who asks, and what they may do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from contracts.acts import Act
from contracts.decisions import Decision
from contracts.operations import Door
from contracts.text import beginning_of

D = TypeVar("D", bound=Decision)

MOST_OF_A_NAME = 60
"""Characters of a given name that are shown beside the subject of a token."""


class Scope(StrEnum):
    """What a token allows: one thing each, or several at once (`SUMS`)."""

    WRITE = "orders:write"
    """The sum for storefronts: placing, and for customers cancelling as well."""
    READ = "orders:read"
    """Orders, lists, events, the steps of the saga, stock, wallets."""
    OPERATE = "saga:operate"
    """The sum for operators: every act on orders and sagas, and what was done."""
    SHOP = "shop:manage"
    """The sum for the shop's own people: stock and wallets."""

    PLACE = "orders:place"
    """Placing orders at any price: for a backend that is trusted."""
    CANCEL = "orders:cancel"
    """Cancelling an order."""
    APPROVE = "orders:approve"
    """Letting an order go on that awaits review."""
    REJECT = "orders:reject"
    """Rolling back an order that awaits review."""
    RETRY = "saga:retry"
    """Trying a stuck step at once."""
    SETTLE = "saga:settle"
    """Saying that a stuck step was put right by hand."""
    PLACE_AGAIN = "orders:place-again"
    """Placing a failed order again, at its prices."""
    READ_SAGAS = "saga:read"
    """Sagas of any type, as the workflow's id names them."""
    READ_OPERATIONS = "operations:read"
    """The log of operations."""
    RUN_BATCHES = "batches:run"
    """Batch operations, of the acts that another scope allows."""
    STOCK = "stock:manage"
    """Products and stock."""
    WALLETS = "wallets:manage"
    """Customers' wallets and deposits."""


SCOPE_OF: Mapping[Act, Scope] = {act: Scope[act.name] for act in Act}
"""By act on an order: the scope that it needs, which has its name."""

SUMS: Mapping[Scope, frozenset[Scope]] = {
    Scope.WRITE: frozenset({Scope.PLACE}),
    Scope.OPERATE: frozenset(
        {*SCOPE_OF.values(), Scope.READ_SAGAS, Scope.READ_OPERATIONS, Scope.RUN_BATCHES}
    ),
    Scope.SHOP: frozenset({Scope.STOCK, Scope.WALLETS}),
}
"""By scope that allows several things: the scopes of each."""

SUMS_FOR_CUSTOMERS: Mapping[Scope, frozenset[Scope]] = {Scope.WRITE: frozenset({Scope.CANCEL})}
"""Likewise, what it allows besides those whose token names a customer: they only reach their own
orders."""

FOR_STAFF = frozenset(
    {
        *(Scope.APPROVE, Scope.REJECT, Scope.RETRY, Scope.SETTLE),
        *(Scope.STOCK, Scope.WALLETS, Scope.READ_SAGAS, Scope.READ_OPERATIONS, Scope.RUN_BATCHES),
    }
)
"""What no token of a customer allows: it decides for the shop, or is about what is everybody's."""


def scopes_for(scope: Scope, *, customer: bool) -> list[Scope]:
    """Return the scopes of which each allows what `scope` does: itself, and sums that hold it.

    Args:
        scope: what is needed.
        customer: whether the token names a customer.
    """
    tables = (SUMS, SUMS_FOR_CUSTOMERS) if customer else (SUMS,)
    return [scope, *(total for table in tables for total in table if scope in table[total])]


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
        name: what the token calls the person whom it was issued to; "" when it has no name. It
            need not be unique, and its bearer may have chosen it.
    """

    subject: str = ""
    scopes: frozenset[str] = frozenset(Scope)
    customer_id: str | None = None
    until: float = math.inf
    origin: Origin = Origin()
    name: str = ""

    @property
    def own_name(self) -> str:
        """What the caller is called without saying so: by the token; "" where there is none."""
        return self.name or self.subject

    def acts_for(self, customer_id: str | None) -> bool:
        """Tell whether this caller may see and order what is this customer's."""
        return self.customer_id in (None, customer_id)

    def has(self, scope: Scope) -> bool:
        """Tell whether the token allows what a scope stands for."""
        is_customer = self.customer_id is not None
        if is_customer and scope in FOR_STAFF:
            return False
        return not self.scopes.isdisjoint(scopes_for(scope, customer=is_customer))

    def may(self, act: Act) -> bool:
        """Tell whether the token allows an act; customers decide nothing for the shop."""
        return self.has(SCOPE_OF[act])

    def sign(self, decision: D) -> D:
        """Return a decision as it is put on record: under this caller's signature."""
        return decision.model_copy(update={"by": self.signature_of(decision.by)})

    def signature_of(self, name: str) -> str:
        """Return the name that a decision is recorded under.

        A token's subject stands at its end, whatever the caller or the token says before:
        `Ann Lee (8c1f)` for a name from the token, `ann (as 8c1f)` for another that they give.
        """
        own = self._own_signature
        if self.subject == "" or name == own:
            return name
        if name in (self.subject, self.name):
            return own
        return f"{beginning_of(name, MOST_OF_A_NAME)} (as {self.subject})"

    @property
    def _own_signature(self) -> str:
        """The name from the token with its subject, or the subject alone."""
        if self.name in ("", self.subject):
            return self.subject
        return f"{beginning_of(self.name, MOST_OF_A_NAME)} ({self.subject})"
