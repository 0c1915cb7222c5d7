"""Copies and expired sagas on the real server, in a system of a few orders."""

import time
from pathlib import Path

import pytest

from bench.growth.batch_operation import approve_by_batch
from bench.growth.copies import prefix
from bench.growth.retention import changed_by_reads, count_runs, expire, until_deleted
from bench.growth.reviews import fill_reviews, open_reviews
from bench.growth.sizes import build, fill
from bench.growth.stack import run_stack
from bench.growth.tables import of_batches
from bench.growth.verification import count_closed, problems_of_audit, problems_of_copies
from bench.load import place_all
from bench.workload import open_shop, orders
from tests.every_story import only_with_every_story

REAL = 3
SIZE = 9


@pytest.mark.long
@only_with_every_story
@pytest.mark.timeout(400)
async def test_copies_are_orders_and_sagas_like_their_originals(tmp_path: Path) -> None:
    """All that shows an order shows a copy; reading writes nothing; retention deletes copies."""
    open_shop(tmp_path)
    assert await build(tmp_path, REAL, {}) == []
    fill(tmp_path, REAL, REAL, SIZE)
    async with run_stack(tmp_path, {}) as stack:
        assert await problems_of_copies(stack, [1, 2], range(REAL)) == []
        assert await count_closed(stack.client) == SIZE
        assert (await problems_of_audit(stack))[0] == []
        assert (await stack.get("/overview"))[0].body["states"]["COMPLETED"] == SIZE
        assert await changed_by_reads(stack) == []
        load = await place_all(stack.running.door, orders("new", 2), 1)
        assert load.errors == ()
        again = await place_all(stack.running.door, orders(prefix(1), 1), 1)
        assert again.errors == ()  # an order that is there is answered as it stands
        assert (await stack.get("/overview"))[0].body["states"]["COMPLETED"] >= SIZE
    assert expire(tmp_path, time.time()) == SIZE + 2
    async with run_stack(tmp_path, {}) as stack:
        assert await until_deleted(tmp_path) == 0
        assert (await problems_of_audit(stack))[0] == []
        assert (await stack.get(f"/orders/{prefix(2)}-0"))[0].body["state"] == "COMPLETED"
    assert count_runs(tmp_path) == 0


@pytest.mark.long
@only_with_every_story
@pytest.mark.timeout(400)
async def test_a_batch_operation_is_measured_to_its_end(tmp_path: Path) -> None:
    """Also through a kill of everything; each order is approved once."""
    open_shop(tmp_path)
    assert await open_reviews(tmp_path, REAL, {}) == []
    fill_reviews(tmp_path, REAL, SIZE)
    figures = await approve_by_batch(tmp_path, SIZE, {}, kill_at=1)
    assert figures["problems"] == []
    assert (figures["outcomes"], figures["approved_twice"]) == ({"DONE": SIZE}, 0)
    assert f"| approved; twice | {SIZE}; 0 |" in of_batches({"killed": figures})
