"""Copies and expired sagas on the real server, in a system of a few orders."""

import time
from pathlib import Path

import pytest

from bench.growth.copies import prefix
from bench.growth.retention import changed_by_reads, count_runs, expire, until_deleted
from bench.growth.sizes import build, fill
from bench.growth.stack import run_stack
from bench.growth.verification import count_closed, problems_of_audit, problems_of_copies
from bench.load import place_all
from bench.workload import open_shop, orders

REAL = 3
SIZE = 9


@pytest.mark.long
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
