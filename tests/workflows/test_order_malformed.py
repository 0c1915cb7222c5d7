import json
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue

from contracts.ids import order_id_of
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.orders import AFTER_REGISTRATION, DECISION, ORDER, obey, take_back, yes


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    """Return a payload as no well-behaved client would send it."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


LINE = ORDER["lines"][0]
KLINGON = raw(b"\x00\xff", b"binary/klingon")

STARTS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no argument": ((), "give the order as one JSON object; 0 arguments came"),
    "two arguments": ((ORDER, ORDER), "give the order as one JSON object; 2 arguments came"),
    "null": ((None,), "order: "),
    "a string": (("order",), "order: "),
    "a list": (([ORDER],), "order: "),
    "an empty object": (({},), "customer_id: is missing; currency: is missing; lines: is missing"),
    "an unknown name": ((ORDER | {"lines": None, "linez": []},), "lines: "),
    "no lines": ((ORDER | {"lines": []},), "lines: "),
    "a fractional quantity": (
        (ORDER | {"lines": [LINE | {"quantity": 1.5}]},),
        "lines.0.quantity: ",
    ),
    "a negative price": (
        (ORDER | {"lines": [LINE | {"unit_price_minor": -1}]},),
        "lines.0.unit_price_minor: ",
    ),
    "a total past 2^53": (
        (ORDER | {"lines": [LINE | {"quantity": 1_000_000, "unit_price_minor": 10**9}] * 10},),
        "lines: ",
    ),
    "a deadline of zero": ((ORDER | {"deadline_seconds": 0},), "deadline_seconds: "),
    "another order's id": (
        (ORDER | {"order_id": "another"},),
        "the order_id 'another' and the workflow id",
    ),
    "an unknown encoding": ((KLINGON,), "the argument cannot be read"),
    "no encoding": ((RawValue(Payload(data=b"x")),), "the argument cannot be read"),
    "no JSON": ((raw(b"{customer_id:"),), "the argument cannot be read"),
    "no UTF-8": ((raw(b'{"customer_id": "\xff"}'),), "the argument cannot be read"),
    "a lone surrogate": ((raw(b'{"customer_id": "\\ud800"}'),), "the argument cannot be read"),
    "a deep nesting": ((raw(b"[" * 10_000),), "the argument cannot be read"),
    "not a number": (
        (raw(json.dumps(ORDER | {"deadline_seconds": float("nan")}).encode()),),
        "deadline_seconds: ",
    ),
}

CANCELS: dict[str, tuple[Any, ...]] = {
    "no argument": (),
    "two arguments": (DECISION, DECISION),
    "null": (None,),
    "a string": ("anna",),
    "a number": (1.9,),
    "a list": ([DECISION],),
    "an empty object": ({},),
    "no reason": ({"by": "anna"},),
    "an empty reason": (DECISION | {"reason": ""},),
    "a wrong type": (DECISION | {"by": 7},),
    "too many words": (DECISION | {"reason": "x" * 1_001},),
    "a name that nobody sees": (DECISION | {"by": "\u200b"},),
    "a reason that acts on a terminal": (DECISION | {"reason": "\x1b[2J"},),
    "a reason that reads backwards": (DECISION | {"reason": "\u202edrawkcab"},),
    "an unknown encoding": (KLINGON,),
    "no JSON": (raw(b"{by:"),),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_a_start_that_is_no_order_closes_with_a_readable_error(
    script: Script, start: tuple[tuple[Any, ...], str]
) -> None:
    """No step begins, and the order service is told to close the record.

    The error says what is wrong, field by field.
    """
    arguments, message = start
    await script.start(*arguments)
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(yes(cancel))
    error = await script.failed()
    assert (error.type, error.details[0]["reason"]) == ("OrderFailed", "INVALID_ORDER")
    assert error.message.startswith(f"INVALID_ORDER: {message}")
    for problem in error.details[0]["details"].get("problems", []):
        assert f"{problem['field']}: {problem['message']}" in error.message
    assert cancel.order_id == order_id_of(script.saga_id)
    assert [move.state for move in cancel.moves] == ["PENDING", "ROLLING_BACK"]


async def test_what_an_invalid_start_did_give_is_recorded(script: Script) -> None:
    """The closed record names the customer and the lines; what was wrong or missing is None."""
    await script.start(ORDER | {"currency": "pounds"})
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(yes(cancel))
    await script.failed()
    assert (cancel.order.customer_id, cancel.order.currency, cancel.order.total_minor) == (
        "17850",
        None,
        1530,
    )


async def test_a_start_with_another_workflow_type_closes_at_once(script: Script) -> None:
    """A typo in `--type` ends with an error naming the right one; nobody is asked anything."""
    await script.start(ORDER, workflow_type="OrdrSaga")
    assert (
        "there is no workflow type 'OrdrSaga' here; start 'OrderSaga'"
        in (await script.failed()).message
    )


@pytest.mark.parametrize(
    "saga_id", ["shop-7", "order-", "order-a b", "order-ü", "order-7/8", "order-" + "x" * 65]
)
async def test_a_start_with_a_workflow_id_that_names_no_order_closes_at_once(
    play: Play, saga_id: str
) -> None:
    """There is no order to record it under, so nobody is asked for anything.

    The error says how an id looks.
    """
    async with play(saga_id) as script:
        await script.start(ORDER)
        error = await script.failed()
    assert error.details[0]["reason"] == "INVALID_ORDER"
    assert "names no order; use order-{order_id}" in error.message


@pytest.mark.parametrize("key", [7, None, ["a"], "", "k" * 256, "a\0b", KLINGON, raw(b"{")])
async def test_a_request_key_that_is_none_is_ignored(script: Script, key: Any) -> None:
    """Whatever stands in the memo, the order goes its way."""
    await script.start(ORDER, memo={"request_key": key})
    register = await script.expect(RegisterOrderCommand, request_key=None)
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


async def test_cancel_signals_that_cannot_be_read_change_nothing(script: Script) -> None:
    """They stand in the history, wedge nothing, and the order completes."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    for arguments in CANCELS.values():
        await script.handle.signal("cancel", args=arguments)
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()
    assert script.history is not None
    signals = [
        e
        for e in script.history.events
        if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]
    assert len(signals) == len(CANCELS)


async def test_an_unknown_signal_changes_nothing(script: Script) -> None:
    """A typo in `--name` is no cancel."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await script.handle.signal("cancle", DECISION)
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


async def test_a_good_cancel_after_many_bad_ones_is_obeyed(script: Script) -> None:
    """Bad messages do not stand in the way of a good one."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    for arguments in CANCELS.values():
        await script.handle.signal("cancel", args=arguments)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(register))
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["details"] == DECISION


async def test_a_cancel_update_that_cannot_be_read_is_refused(script: Script) -> None:
    """Each is told so, none is written into the history, and the order completes."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    for arguments in CANCELS.values():
        with pytest.raises(WorkflowUpdateFailedError):
            await script.handle.execute_update("request_cancel", args=arguments)
    with pytest.raises(WorkflowUpdateFailedError):
        await script.handle.execute_update("request_cancle", DECISION)
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()
    assert script.history is not None
    assert not [
        e
        for e in script.history.events
        if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    ]


async def test_a_start_with_thousands_of_bad_lines_closes_too(script: Script) -> None:
    """A huge start is refused for its size.

    It does not occupy the orchestrator until Temporal takes it for deadlocked.
    """
    await script.start(
        ORDER | {"lines": [{"sku": "!", "quantity": 0, "unit_price_minor": -1}] * 12_000}
    )
    await take_back(script, CancelOrderCommand)
    assert "must be at most 1000 lines, not 12000" in (await script.failed()).message
