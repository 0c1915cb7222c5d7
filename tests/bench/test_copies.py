"""Copies of what orders left behind, on small databases of our own."""

from pathlib import Path
from uuid import UUID

import pytest

from bench.growth.copies import copy_orders, prefix, replace_in
from bench.growth.histories import id_of_copy
from bench.growth.retention import move, varint
from bench.peers.services import Services
from bench.verification import discrepancies
from bench.workload import open_shop, orders

COUNT = 3
GENERATIONS = (1, 2)
RUN_ID = UUID("01a22321-41c1-720f-b1e7-c6f6e33219a5")


def test_a_copied_order_has_all_rows_of_its_original(tmp_path: Path) -> None:
    """Under ids of its own: every invariant holds, wallets and stock are what copies leave."""
    open_shop(tmp_path)
    services = Services(tmp_path, threads=1)
    [other] = orders("x", 1)
    originals = orders(prefix(0), COUNT)
    for order in (*originals, other):
        services.register(order)
        services.charge(order)
        services.take(order)
        services.confirm(order)
    copy_orders(tmp_path, GENERATIONS)
    copies = [order for generation in GENERATIONS for order in orders(prefix(generation), COUNT)]
    every_order = [other, *originals, *copies]
    completed_ids = {order.order_id or "" for order in every_order}
    assert discrepancies(tmp_path, every_order, completed_ids) == []


def test_only_what_names_an_order_is_replaced() -> None:
    """In texts and in bytes, wherever it stands in them; numbers and nothing stay."""
    row = ("order-g000-1", b"\x0corder-g000-1\x1a", 7, None, "g0001")
    assert replace_in(row, [("g000-", "g012-")]) == (
        "order-g012-1",
        b"\x0corder-g012-1\x1a",
        7,
        None,
        "g0001",
    )


def test_a_copy_of_another_length_is_not_made() -> None:
    """What is protobuf would not remain so."""
    with pytest.raises(AssertionError):
        replace_in(("a",), [("a", "bc")])


def test_each_copy_has_a_run_id_of_its_own() -> None:
    """Of as many generations as there may be."""
    assert len({RUN_ID, *(id_of_copy(RUN_ID, generation) for generation in range(1, 1000))}) == 1000


def test_a_timer_is_moved_and_stays_as_long() -> None:
    """Only the seconds of its time are others."""
    before = 1_796_000_000
    after = 1_795_900_000
    task = b"\n\x01n\x12\x01w\x1a\x01r \x10P\xdf\x85@Z\x0c\x08%b\x10\xc0\x8e\xf7\xab\x02bL"
    assert move(task % varint(before), after) == task % varint(after)
    with pytest.raises(ValueError, match="no timer"):
        move(b"\n\x01n", after)
