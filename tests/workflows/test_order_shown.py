from collections import Counter
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata

from contracts import stubs
from contracts.ids import order_id_of
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.orders import (
    AFTER_REGISTRATION,
    ORDER,
    completed,
    completed_over_http,
    obey,
    out_of_stock,
    short,
    take_back,
    yes,
)


async def search_attributes(script: Script) -> dict[str, Any]:
    """Return the search attributes as describe has them, whether or not a worker runs."""
    attributes = (await script.handle.describe()).typed_search_attributes
    ours = {key.name for key in stubs.SEARCH_ATTRIBUTES}
    return {pair.key.name: pair.value for pair in attributes if pair.key.name in ours}


async def test_searches_find_a_completing_order_by_its_state(ordinary_script: Script) -> None:
    """Each state is set before the command that follows from it is sent; the rest never changes."""
    script = ordinary_script
    always = {"CustomerId": "17850", "OrderTotalMinor": 1530, "NeedsAttention": False}
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    assert await search_attributes(script) == always | {"SagaState": "PENDING"}
    script.answer(yes(register))
    payment = await script.expect(ProcessPaymentCommand)
    assert await search_attributes(script) == always | {"SagaState": "PENDING"}
    script.answer(yes(payment))
    stock = await script.expect(DecreaseStockCommand)
    assert await search_attributes(script) == always | {"SagaState": "PAYMENT_COMPLETED"}
    script.answer(yes(stock))
    confirm = await script.expect(ConfirmOrderCommand)
    assert await search_attributes(script) == always | {"SagaState": "COMPLETED"}
    script.answer(yes(confirm))
    await script.completed()
    assert await search_attributes(script) == always | {"SagaState": "COMPLETED"}


async def test_searches_find_a_failing_order_by_its_state_and_reason(script: Script) -> None:
    """The reason is there from the moment the rollback begins."""
    always = {
        "CustomerId": "17850",
        "OrderTotalMinor": 1530,
        "NeedsAttention": False,
        "FailureReason": "OUT_OF_STOCK",
    }
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    script.answer(short(await script.expect(DecreaseStockCommand)))
    refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    assert await search_attributes(script) == always | {"SagaState": "ROLLING_BACK"}
    script.answer(yes(refund))
    await take_back(script, CancelOrderCommand)
    await script.failed()
    assert await search_attributes(script) == always | {"SagaState": "FAILED"}


async def test_an_invalid_start_is_found_by_what_it_did_give(script: Script) -> None:
    """A customer that could be read is shown, a total that could not is not."""
    await script.start({"customer_id": "17850"})
    await take_back(script, CancelOrderCommand)
    await script.failed()
    assert await search_attributes(script) == {
        "CustomerId": "17850",
        "NeedsAttention": False,
        "SagaState": "FAILED",
        "FailureReason": "INVALID_ORDER",
    }


async def test_the_status_follows_a_completing_order(script: Script) -> None:
    """The query answers at every moment, after the end too."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    status = await script.handle.query("status")
    moves = status.pop("moves")
    assert status == {
        "order_id": order_id_of(script.saga_id),
        "state": "PENDING",
        "customer_id": "17850",
        "currency": "GBP",
        "total_minor": 1530,
        "needs_attention": False,
        "failure": None,
        "compensations": [],
    }
    assert [(move["state"], move["cause"]) for move in moves] == [("PENDING", "start")]
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION)
    confirm = await script.expect(ConfirmOrderCommand)
    assert (await script.handle.query("status"))["state"] == "COMPLETED"
    script.answer(yes(confirm))
    await script.completed()
    status = await script.handle.query("status")
    assert [move["state"] for move in status["moves"]] == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "COMPLETED",
    ]


async def test_the_status_follows_a_rollback(script: Script) -> None:
    """It tells the failure, and how far each compensation has come."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    script.answer(short(await script.expect(DecreaseStockCommand)))
    refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    status = await script.handle.query("status")
    assert (status["state"], status["failure"]["reason"]) == ("ROLLING_BACK", "OUT_OF_STOCK")
    assert _progress(status) == {"ProcessPayment": "RUNNING", "RegisterOrder": "WAITING"}
    script.answer(yes(refund))
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert _progress(await script.handle.query("status")) == {
        "ProcessPayment": "DONE",
        "RegisterOrder": "RUNNING",
    }
    script.answer(yes(cancel))
    await script.failed()
    status = await script.handle.query("status")
    assert _progress(status) == {"ProcessPayment": "DONE", "RegisterOrder": "DONE"}
    assert status["state"] == "FAILED"


async def test_a_query_with_arguments_is_answered_all_the_same(script: Script) -> None:
    """A query has nothing to be told, and nothing to break."""
    await completed(script)
    assert (await script.handle.query("status", args=[{"full": True}, 7]))["state"] == "COMPLETED"


async def test_the_web_ui_lists_the_handlers_with_what_they_do(script: Script) -> None:
    """Whoever looks for a button finds its name and the body it wants."""
    await completed(script)
    definition = (
        await script.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    ).definition
    handlers = (
        *definition.signal_definitions,
        *definition.update_definitions,
        *definition.query_definitions,
    )
    descriptions = {handler.name: handler.description for handler in handlers}
    assert set(descriptions) >= {"cancel", "request_cancel", "status"}
    assert '{"by": "…", "reason": "…"}' in descriptions["cancel"]
    assert '{"by": "…", "reason": "…"}' in descriptions["request_cancel"]


async def test_the_web_ui_shows_what_others_write_as_text(script: Script) -> None:
    """A reason that is Markdown is no link, bold or heading there, and keeps its own paragraph."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    evil = {
        "by": "an**na**",
        "reason": "[pay](javascript:alert(1))\n\n# Settled ![](https://evil.example/x.png)",
    }
    await script.handle.signal("cancel", evil)
    script.answer(yes(payment))
    refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    metadata = await script.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    script.answer(yes(refund))
    await take_back(script, CancelOrderCommand)
    await script.failed()
    details = (
        "cancelled by an**na**: [pay](javascript:alert(1))  "
        "# Settled ![](https://evil.example/x.png)"
    )
    assert f"Failed: **`CANCELLED`**, `{details}`" in metadata.current_details.split("\n\n")


async def test_every_command_is_summed_up_for_the_web_ui(script: Script) -> None:
    """The history reads like the business."""
    await out_of_stock(script)
    assert script.history is not None
    summaries = [
        (
            event.activity_task_scheduled_event_attributes.activity_type.name,
            event.user_metadata.summary.data.decode(),
        )
        for event in script.history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert summaries == [
        ("RegisterOrder", '"Register the order of 17850"'),
        ("ProcessPayment", '"Charge 17850 15.30 GBP"'),
        ("DecreaseStock", '"Take 1 line from stock"'),
        ("RefundPayment", '"Refund 17850 15.30 GBP"'),
        ("CancelOrder", '"Cancel the order, with the reason"'),
    ]


async def test_a_completed_order_costs_31_events_when_its_attributes_are_given_and_32_when_not(
    play: Play,
) -> None:
    """Start and end, three per workflow task and activity, two states.

    A start without attributes needs one upsert more.
    """
    async with play(locally=None) as over_http, play(locally=None) as by_hand:
        await completed_over_http(over_http)
        await completed(by_hand)
    events_over_http = _events(over_http)
    events_by_hand = _events(by_hand)
    assert sum(events_over_http.values()) == 31
    assert events_over_http == {
        "WORKFLOW_EXECUTION_STARTED": 1,
        **dict.fromkeys(
            ("WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED"), 5
        ),
        **dict.fromkeys(
            ("ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED"), 4
        ),
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": 2,
        "WORKFLOW_EXECUTION_COMPLETED": 1,
    }
    assert events_by_hand == events_over_http + Counter({"UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": 1})


async def test_an_order_that_is_out_of_stock_costs_40_events(ordinary_script: Script) -> None:
    """Five commands instead of four, four states, and one memo that says why it rolls back."""
    await out_of_stock(ordinary_script)
    events = _events(ordinary_script)
    assert sum(events.values()) == 40
    assert events["ACTIVITY_TASK_SCHEDULED"] == 5
    assert events["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"] == 4
    assert events["WORKFLOW_PROPERTIES_MODIFIED"] == 1


def _progress(status: dict[str, Any]) -> dict[str, str]:
    return {compensation["step"]: compensation["state"] for compensation in status["compensations"]}


def _events(script: Script) -> Counter[str]:
    assert script.history is not None
    return Counter(
        EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        for event in script.history.events
    )
