"""O3 against a real Temporal server: what sagas and records contradict each other in is told, what goes its way is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.stock import StockActivities
from contracts import stubs
from contracts.order import ConfirmOrderCommand, OrderConfirmedEvent
from contracts.placing import OrderLine
from contracts.states import OrderStatus
from operations.audit.audit import Report, audit
from operations.audit.saga_reconciliation import discrepancy
from operations.audit.sagas import Run, Sagas
from process import connect
from tests import temporal_server
from tests.shop import CAP, MUG, Shop, order_of
from tests.stack import free_port
from worker import orchestrator

UNTIL_SECONDS = 60
ALL = (stubs.ORDER_QUEUE, stubs.PAYMENT_QUEUE, stubs.STOCK_QUEUE)


@pytest.fixture
async def temporal() -> AsyncIterator[Client]:
    """A server of the test's own."""
    async with temporal_server.running() as client:
        yield client


@asynccontextmanager
async def at_work(client: Client, shop: Shop, *queues: str) -> AsyncIterator[None]:
    """Run the orchestrator and the real participants of these queues, on the shop's databases."""
    activities = {
        stubs.ORDER_QUEUE: OrderActivities(shop.order).all,
        stubs.PAYMENT_QUEUE: PaymentActivities(shop.payment).all,
        stubs.STOCK_QUEUE: StockActivities(shop.stock).all,
    }
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(len(ALL)))
        await stack.enter_async_context(orchestrator(client, shop.settings))
        for queue in queues:
            worker = Worker(
                client, task_queue=queue, activities=activities[queue], activity_executor=threads
            )
            await stack.enter_async_context(worker)
        yield


async def place(
    client: Client, order_id: str, *lines: OrderLine, attention: bool = False, **changed: Any
) -> WorkflowHandle[Any, Any]:
    """Start the saga of an order of ann's."""
    order = {
        "customer_id": "ann",
        "currency": "GBP",
        "lines": [line.model_dump() for line in lines],
    } | changed
    shown = TypedSearchAttributes([SearchAttributePair(stubs.NEEDS_ATTENTION, attention)])
    queue = stubs.ORCHESTRATOR_QUEUE
    return await client.start_workflow(
        stubs.WORKFLOW_TYPE,
        order,
        id=f"order-{order_id}",
        task_queue=queue,
        search_attributes=shown,
    )


async def ended(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a saga has closed, however."""
    try:
        await handle.result()
    except WorkflowFailureError:
        return


async def until(ask: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again and again until it is so."""
    end = asyncio.get_running_loop().time() + UNTIL_SECONDS
    while not await ask():
        assert asyncio.get_running_loop().time() < end, f"not within {UNTIL_SECONDS} s: {what}"
        await asyncio.sleep(0.05)


def violated(report: Report) -> dict[str, tuple[str, ...]]:
    """Return the violations by the ids of their invariants."""
    return {check.id: check.violations for check in report.checks if check.violations}


def is_registered(shop: Shop, order_id: str) -> Callable[[], Awaitable[bool]]:
    """Return the question whether an order is on record."""

    async def ask() -> bool:
        return await asyncio.to_thread(shop.order.find, order_id) is not None

    return ask


async def test_sagas_and_records_of_honest_orders_agree(temporal: Client, empty_shop: Shop) -> None:
    """Orders that completed, failed or are under way are counted as they stand; nothing is held against them."""
    async with at_work(temporal, empty_shop, *ALL):
        await ended(await place(temporal, "done", MUG, CAP, MUG))
        await ended(await place(temporal, "short", CAP.model_copy(update={"quantity": 21})))
        await ended(await place(temporal, "poor", CAP, customer_id="zoe"))
    await place(temporal, "open", CAP)
    await place(temporal, "stuck", CAP, attention=True)
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {}
    assert [check.skipped for check in report.checks] == [None] * 8
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
    assert violated(report) == {}
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
    assert violated(report) == {}
    assert report.orders == {"CONFIRMED": 1, "CANCELLED": 1}


async def test_a_saga_that_was_refused_the_id_of_another_order_is_no_orders(
    temporal: Client, empty_shop: Shop
) -> None:
    """A saga that failed because its id belongs to another order says nothing of that one, which stands as it stood."""
    async with at_work(temporal, empty_shop, *ALL):
        await ended(await place(temporal, "done", CAP))
        await ended(await place(temporal, "done", MUG))
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {}
    assert report.orders == {"CONFIRMED": 1}


async def test_a_workflow_whose_id_names_no_order_is_no_orders(
    temporal: Client, empty_shop: Shop
) -> None:
    """What was started by hand under a wrong id fails, and owes no record."""
    async with at_work(temporal, empty_shop, *ALL):
        await ended(await place(temporal, "no order", CAP))
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {}
    assert report.orders == {}


async def test_an_order_that_was_reset_counts_as_its_last_run_stands(
    temporal: Client, empty_shop: Shop
) -> None:
    """While a saga runs anew its order is open, whatever its first run ended as; and then as the last run ended."""
    async with at_work(temporal, empty_shop, *ALL):
        await ended(await place(temporal, "again", CAP))
    handle = await place(temporal, "again", CAP)
    assert (await audit(empty_shop.settings, temporal)).orders == {"open": 1}
    async with at_work(temporal, empty_shop, *ALL):
        await ended(handle)
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {}
    assert report.orders == {"CONFIRMED": 1}


async def test_a_terminated_saga_is_told(temporal: Client, empty_shop: Shop) -> None:
    """An order whose saga was terminated before it took anything is told by O3 alone."""
    async with at_work(temporal, empty_shop, stubs.ORDER_QUEUE):
        handle = await place(temporal, "ended", CAP)
        await until(is_registered(empty_shop, "ended"), "the order is registered")
        await handle.terminate()
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {"O3": ("order ended is PENDING, and its saga TERMINATED",)}
    assert report.orders == {"PENDING": 1}


async def test_a_terminated_saga_that_keeps_money_is_told_by_o2_too(
    temporal: Client, empty_shop: Shop
) -> None:
    """An order that nobody goes on with is no longer open: what is kept of it is owed."""
    async with at_work(temporal, empty_shop, stubs.ORDER_QUEUE):
        handle = await place(temporal, "ended", CAP)
        await until(is_registered(empty_shop, "ended"), "the order is registered")
        await handle.terminate()
    empty_shop.pay("ended", CAP)
    assert violated(await audit(empty_shop.settings, temporal)) == {
        "O2": (
            "order ended is PENDING: 0.00 GBP of customer ann due, 4.50 GBP of customer ann kept",
        ),
        "O3": ("order ended is PENDING, and its saga TERMINATED",),
    }


async def test_an_open_order_without_a_saga_is_told(temporal: Client, empty_shop: Shop) -> None:
    """An open order that Temporal knows no saga of will never end."""
    empty_shop.register("lost", CAP)
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {"O3": ("order lost is open, and Temporal has no saga of it",)}


async def test_a_record_that_contradicts_its_saga_is_told(
    temporal: Client, empty_shop: Shop
) -> None:
    """An order that was cancelled behind the back of its saga, which had completed, is told by O3 alone."""
    async with at_work(temporal, empty_shop, *ALL):
        await ended(await place(temporal, "done", CAP))
    empty_shop.ordered["done"] = order_of(CAP)
    empty_shop.cancel("done")
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {"O3": ("order done is CANCELLED, and its saga COMPLETED",)}


async def test_an_order_whose_confirm_a_person_settled_is_listed(
    temporal: Client, empty_shop: Shop
) -> None:
    """Its record is closed by that person's word as soon as the order service is well again, and the audit tells who."""
    told = {"step": "ConfirmOrder", "by": "otto", "reason": "put right", "evidence": "ticket 12"}
    service, broken = OrderActivities(empty_shop.order), [True]

    @activity.defn(name="ConfirmOrder")
    def confirm(command: ConfirmOrderCommand) -> OrderConfirmedEvent:
        if broken:
            raise ApplicationError("the order service is broken", non_retryable=True)
        return service.confirm(command)

    async with at_work(temporal, empty_shop, stubs.PAYMENT_QUEUE, stubs.STOCK_QUEUE):
        with ThreadPoolExecutor(1) as threads:
            served: list[Any] = [service.register, service.cancel, confirm]
            async with Worker(
                temporal, task_queue=stubs.ORDER_QUEUE, activities=served, activity_executor=threads
            ):
                saga = await place(temporal, "settled", CAP)

                async def is_stuck() -> bool:
                    return bool((await saga.query("status"))["needs_attention"])

                await until(is_stuck, "the Confirm is stuck")
                assert (await audit(empty_shop.settings, temporal)).settlements == ()
                broken.clear()
                await saga.execute_update("request_settle_step", told)
                await ended(saga)
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {}
    assert report.orders == {"CONFIRMED": 1}
    (line,) = report.settlements
    assert line.startswith("order settled was closed: otto settled ConfirmOrderCommand, ")
    assert line.endswith(" UTC: put right; evidence: ticket 12")


async def test_a_saga_without_a_record_is_told(temporal: Client, empty_shop: Shop) -> None:
    """An order that Temporal ended and the order service does not know, as after restoring an older backup, is told by O3."""
    async with at_work(temporal, empty_shop, *ALL):
        await ended(await place(temporal, "poor", CAP, customer_id="zoe"))
    empty_shop.corrupt(
        "order", *(f"DELETE FROM {table}" for table in ("lines", "moves", "orders", "fence"))
    )
    report = await audit(empty_shop.settings, temporal)
    assert violated(report) == {"O3": ("order poor is not on record, and its saga FAILED",)}


@workflow.defn(name=stubs.WORKFLOW_TYPE)
class Defective:
    """A release of the saga that cannot go on."""

    @workflow.run
    async def run(self, order: dict[str, Any]) -> None:
        """Fail as a defect does: the task is tried again and again."""
        raise RuntimeError(f"a defect, for {len(order)} fields")


@pytest.mark.long
@pytest.mark.parametrize(
    "new_database", ["sqlite"], indirect=True
)  # ten seconds, and not about databases
async def test_a_wedged_saga_is_told(temporal: Client, empty_shop: Shop) -> None:
    """A workflow task at its third attempt is told by O3 alone, however much its order is still open."""
    queue = stubs.ORCHESTRATOR_QUEUE
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[Defective],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await place(temporal, "wedged", CAP)

        async def is_wedged() -> bool:
            run = await Sagas(temporal).run(handle.id)
            return run is not None and run.attempt >= 3

        await until(is_wedged, "the workflow task is tried for the third time")
        report = await audit(empty_shop.settings, temporal)
    (told,) = violated(report)["O3"]
    assert told.startswith("order wedged has a workflow task at attempt ")
    assert violated(report).keys() == {"O3"}
    assert report.orders == {"open": 1}


async def test_with_temporal_away_the_rest_is_looked_at(shop: Shop) -> None:
    """What needs Temporal is left out, and said to be; what does not is looked at."""
    client = await connect(lazy=True, port=free_port())
    report = await audit(shop.settings, client)
    assert report.holds
    assert {check.id: check.skipped for check in report.checks if check.skipped} == {
        "O3": "Temporal does not answer, so nothing is known of sagas"
    }
    shop.close("open")
    assert violated(await audit(shop.settings, client)).keys() == {"O2"}


RUNNING = WorkflowExecutionStatus.RUNNING


@pytest.mark.parametrize("status", [None, *OrderStatus])
@pytest.mark.parametrize("saga", [None, *WorkflowExecutionStatus])
def test_a_record_and_a_saga_agree_only_when_both_are_open_or_ended_alike(
    status: OrderStatus | None, saga: WorkflowExecutionStatus | None
) -> None:
    """Of all pairs, those that agree are: any record beside a running saga, the two endings, and no saga of a closed order."""
    ends_alike = {
        (OrderStatus.CONFIRMED, WorkflowExecutionStatus.COMPLETED),
        (OrderStatus.CANCELLED, WorkflowExecutionStatus.FAILED),
    }
    agree = (
        saga is RUNNING
        or (status, saga) in ends_alike
        or (saga is None and status is not OrderStatus.PENDING)
    )
    assert (discrepancy(status, Run(saga) if saga else None) is None) == agree


@pytest.mark.parametrize(
    ("attempt", "told"), [(0, None), (2, None), (3, "has a workflow task at attempt 3")]
)
def test_a_workflow_task_may_be_tried_twice(attempt: int, told: str | None) -> None:
    """A task may fail once, with its worker; at the third attempt something is wrong with the saga."""
    assert discrepancy(None, Run(RUNNING, attempt=attempt)) == told
