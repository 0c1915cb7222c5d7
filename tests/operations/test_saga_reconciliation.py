"""O3 against a real Temporal server: contradictions of sagas and records, and what is none."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.order import OrderActivities
from contracts import stubs
from contracts.order import ConfirmOrderCommand, OrderConfirmedEvent, OrderRejectedEvent
from operations.audit.audit import audit
from process import connect
from tests import temporal_server
from tests.operations.order_sagas import (
    ALL,
    at_work,
    forget_all,
    is_registered,
    place,
    until,
    until_closed,
)
from tests.operations.violations import violations_by_id
from tests.shop import CAP, MUG, Shop, order_of
from tests.stack import free_port
from tests.temporal_server import QUICK_DELETE


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    async with temporal_server.running(*QUICK_DELETE) as client:
        yield client


@pytest.fixture
async def temporal(server: Client) -> AsyncIterator[Client]:
    """A server that knows of no saga but the test's own."""
    yield server
    await forget_all(server)


async def test_sagas_and_records_of_honest_orders_agree(temporal: Client, empty_shop: Shop) -> None:
    """Orders that completed, failed or are under way are counted, and are no violation."""
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(await place(temporal, "done", MUG, CAP, MUG))
        await until_closed(await place(temporal, "short", CAP.model_copy(update={"quantity": 21})))
        await until_closed(await place(temporal, "poor", CAP, customer_id="zoe"))
    await place(temporal, "open", CAP)
    await place(temporal, "stuck", CAP, attention=True)
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert [check.skip_reason for check in report.checks] == [None] * 10
    assert report.orders == {"CONFIRMED": 1, "CANCELLED": 2, "open": 1, "needs attention": 1}


async def test_an_order_that_is_paid_and_under_way_is_left_in_peace(
    temporal: Client, empty_shop: Shop
) -> None:
    """An open saga owes nothing yet, though it keeps money and has taken nothing."""
    async with at_work(temporal, empty_shop, stubs.ORDER_QUEUE, stubs.PAYMENT_QUEUE):
        await place(temporal, "open", CAP)

        async def is_paid() -> bool:
            wallet = await asyncio.to_thread(empty_shop.payment.wallet, "ann")
            return wallet is not None and wallet.balance_minor < 10_000

        await until(is_paid, "the order is paid")
        report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.orders == {"open": 1}


async def test_closed_orders_that_temporal_forgot_are_left_in_peace(
    temporal: Client, empty_shop: Shop
) -> None:
    """After retention the record of a closed order speaks for itself."""
    for order_id in ("done", "back"):
        empty_shop.pay(order_id, CAP)
        empty_shop.take(order_id)
    empty_shop.confirm("done")
    empty_shop.cancel("back")
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.orders == {"CONFIRMED": 1, "CANCELLED": 1}


async def test_a_saga_that_was_refused_the_id_of_another_order_is_no_orders(
    temporal: Client, empty_shop: Shop
) -> None:
    """A saga that failed because its id belongs to another order says nothing about that order."""
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(await place(temporal, "done", CAP))
        await until_closed(await place(temporal, "done", MUG))
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.orders == {"CONFIRMED": 1}


async def test_a_workflow_whose_id_names_no_order_is_no_orders(
    temporal: Client, empty_shop: Shop
) -> None:
    """What was started by hand under a wrong id fails, and owes no record."""
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(await place(temporal, "no order", CAP))
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.orders == {}


async def test_an_order_that_was_reset_counts_as_its_last_run_stands(
    temporal: Client, empty_shop: Shop
) -> None:
    """While a saga runs anew its order is open, and then it is as the last run ended."""
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(await place(temporal, "again", CAP))
    handle = await place(temporal, "again", CAP)
    assert (await audit(empty_shop.settings, temporal)).orders == {"open": 1}
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(handle)
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.orders == {"CONFIRMED": 1}


async def test_a_terminated_saga_is_told(temporal: Client, empty_shop: Shop) -> None:
    """An order whose saga was terminated needs a person in every view, and violates nothing."""
    async with at_work(temporal, empty_shop, stubs.ORDER_QUEUE):
        handle = await place(temporal, "ended", CAP)
        await until(is_registered(empty_shop, "ended"), "the order is registered")
        await handle.terminate()
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.left_open == ("order ended is PENDING, and its saga TERMINATED",)
    assert report.orders == {"left open": 1}


async def test_a_terminated_saga_that_keeps_money_is_told_by_o2(
    temporal: Client, empty_shop: Shop
) -> None:
    """An order that nobody goes on with is no longer open: what is kept of it is owed."""
    async with at_work(temporal, empty_shop, stubs.ORDER_QUEUE):
        handle = await place(temporal, "ended", CAP)
        await until(is_registered(empty_shop, "ended"), "the order is registered")
        await handle.terminate()
    empty_shop.pay("ended", CAP)
    assert violations_by_id(await audit(empty_shop.settings, temporal)) == {
        "O2": (
            "order ended is PENDING: 0.00 GBP of customer ann due, 4.50 GBP of customer ann kept",
        ),
    }


async def test_an_open_order_without_a_saga_is_told(temporal: Client, empty_shop: Shop) -> None:
    """An open order that Temporal knows no saga of will never end."""
    empty_shop.register("lost", CAP)
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.left_open == ("order lost is open, and Temporal has no saga of it",)
    assert report.orders == {"left open": 1}


async def test_a_record_that_contradicts_its_saga_is_told(
    temporal: Client, empty_shop: Shop
) -> None:
    """An order that was cancelled behind the back of its completed saga is reported by O3 alone."""
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(await place(temporal, "done", CAP))
    empty_shop.orders_placed["done"] = order_of(CAP)
    empty_shop.cancel("done")
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {"O3": ("order done is CANCELLED, and its saga COMPLETED",)}


async def test_an_order_whose_confirm_a_person_settled_is_listed(
    temporal: Client, empty_shop: Shop
) -> None:
    """The order service, once well, closes the record, and the audit names who settled."""
    settlement = {
        "step": "ConfirmOrder",
        "by": "otto",
        "reason": "put right",
        "evidence": "ticket 12",
    }
    service = OrderActivities(empty_shop.order)
    breakage = [True]

    @activity.defn(name="ConfirmOrder")
    def confirm(command: ConfirmOrderCommand) -> OrderConfirmedEvent | OrderRejectedEvent:
        if breakage:
            raise ApplicationError("the order service is broken", non_retryable=True)
        return service.confirm(command)

    async with at_work(temporal, empty_shop, stubs.PAYMENT_QUEUE, stubs.STOCK_QUEUE):
        with ThreadPoolExecutor(1) as threads:
            activities: list[Any] = [service.register, service.cancel, confirm]
            async with Worker(
                temporal,
                task_queue=stubs.ORDER_QUEUE,
                activities=activities,
                activity_executor=threads,
            ):
                saga = await place(temporal, "settled", CAP)

                async def is_stuck() -> bool:
                    return bool((await saga.query("status"))["needs_attention"])

                await until(is_stuck, "the Confirm is stuck")
                assert (await audit(empty_shop.settings, temporal)).settlements == ()
                breakage.clear()
                await saga.execute_update("request_settle_step", settlement)
                await until_closed(saga)
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {}
    assert report.orders == {"CONFIRMED": 1}
    (line,) = report.settlements
    assert line.startswith("order settled was closed: otto settled ConfirmOrderCommand, ")
    assert line.endswith(" UTC: put right; evidence: ticket 12")


async def test_a_saga_without_a_record_is_told(temporal: Client, empty_shop: Shop) -> None:
    """A saga that ended without a record, as after restoring an older backup, is reported."""
    async with at_work(temporal, empty_shop, *ALL):
        await until_closed(await place(temporal, "poor", CAP, customer_id="zoe"))
    empty_shop.corrupt(
        "order", *(f"DELETE FROM {table}" for table in ("lines", "moves", "orders", "fence"))
    )
    report = await audit(empty_shop.settings, temporal)
    assert violations_by_id(report) == {"O3": ("order poor is not on record, and its saga FAILED",)}


async def test_with_temporal_away_the_rest_is_looked_at(shop: Shop) -> None:
    """What needs Temporal is left out, and said to be; what does not is looked at."""
    client = await connect(lazy=True, port=free_port())
    report = await audit(shop.settings, client)
    assert report.holds
    assert {check.id: check.skip_reason for check in report.checks if check.skip_reason} == {
        "O3": "Temporal does not answer, so nothing is known of sagas"
    }
    shop.close("open")
    assert violations_by_id(await audit(shop.settings, client)).keys() == {"O2"}
