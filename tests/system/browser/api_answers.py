"""Answers in the API's place, for what no stack of ours comes to by itself."""

from typing import Any

from playwright.async_api import Page

from application.order_view import view_of_run
from contracts.steps import OPENING, STEPS
from temporal_saga.call_state import Settlement
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import FAILURE, LINKS, STARTED, retriable, run
from tests.stack import Stack, order
from tests.system.browser.looks import open_order

STATES = (
    "PENDING",
    "AWAITING_REVIEW",
    "PAYMENT_COMPLETED",
    "COMPLETED",
    "ROLLING_BACK",
    "ROLLBACK_STUCK",
    "FAILED",
)

CALM: dict[str, Any] = {
    "states": dict.fromkeys(STATES, 0),
    "reasons": {},
    "needs_attention": {
        "count": 0,
        "by_cause": {"STUCK": 0, "WEDGED": 0, "LEFT_OPEN": 0},
        "since": None,
        "at_stake_minor": {},
    },
    "as_of": "2026-01-05T09:30:00Z",
    "warning": None,
}

TROUBLE = CALM | {
    "states": CALM["states"] | {"COMPLETED": 1_234_567, "ROLLBACK_STUCK": 40, "FAILED": 1_000},
    "reasons": {"INSUFFICIENT_FUNDS": 900, "OUT_OF_STOCK": 60, "DEADLINE_EXCEEDED": 40},
    "needs_attention": {
        "count": 42,
        "by_cause": {"STUCK": 40, "WEDGED": 0, "LEFT_OPEN": 2},
        "since": "2026-01-05T07:25:00Z",
        "at_stake_minor": {"GBP": 153_000, "JPY": 1_530, "CLF": 1_530},
        "groups": [
            {
                "cause": "STUCK",
                "step": "ProcessPayment",
                "command": "RefundPaymentCommand",
                "message": "the bank is away" + "y" * 90,
                "count": 40,
                "since": "2026-01-05T07:25:00Z",
                "within_hour": 3,
                "within_day": 7,
                "older": 30,
            },
            {
                "cause": "LEFT_OPEN",
                "step": None,
                "command": None,
                "message": None,
                "count": 2,
                "since": None,
                "within_hour": 0,
                "within_day": 0,
                "older": 0,
            },
        ],
    },
    "roles": [
        {
            "role": "payment",
            "task_queue": "payment",
            "workers": 0,
            "last_seen": None,
            "waiting": 12_345,
            "waiting_seconds": 4_000.0,
        }
    ],
}

NOT_KNOWN = CALM | {
    "states": dict.fromkeys(STATES) | {"COMPLETED": 7, "FAILED": 2},
    "needs_attention": {
        "count": None,
        "by_cause": dict.fromkeys(("STUCK", "WEDGED", "LEFT_OPEN")),
        "since": None,
        "at_stake_minor": {},
    },
    "warning": "Temporal gives no answer: how open orders stand is not known",
}


async def answer_with(
    page: Page, path: str, body: Any, *, status: int = 200, after: str = "0"
) -> None:
    """Answer the page's requests at `path` in the API's place."""
    await page.unroute(path)
    headers = {"Retry-After": after}
    await page.route(path, lambda route: route.fulfill(status=status, json=body, headers=headers))


async def open_order_as(page: Page, stack: Stack, **fields: Any) -> None:
    """Open the page of an order as the API might show it: open and in need of a person."""
    view = stack.place(order(order_id="shown"), Prefer="wait=20").json()
    nothing: dict[str, Any] = {
        "failure": None,
        "compensations": [],
        "timeline": [],
        "closed_at": None,
        "needs_attention": True,
        "acts": [],
    }
    await answer_with(page, "**/orders/shown", view | {"status": "PENDING"} | nothing | fields)
    await answer_with(page, "**/orders/shown/events", {"detail": "none"}, status=404)
    await open_order(page, "shown", fields["state"])


def steps_with(command: str, state: str, **settlement: str) -> list[dict[str, Any]]:
    """Return the steps of an order as the API shows them: one command is in `state`.

    It may have been settled. The saga has not come to any other command.
    """
    settlement_on_record = settlement | {"at": "2026-01-01T00:00:00Z"} if settlement else None
    progress = {"state": state, "attempts": 20, "message": None, "paused": None}
    here = progress | {"settled": settlement_on_record}
    ahead = progress | {"state": "AHEAD", "attempts": None, "settled": None}
    steps = []
    for step in (step for step in STEPS if not step.is_optional):
        names = [
            {"name": one.name, "label": one.label, "participant": step.participant}
            for one in step.activities
        ]
        own = here if step.command == command else ahead
        is_back = step.compensation is not None and step.compensation.command == command
        steps.append(
            names[0]
            | own
            | {"step": step.name, "after_pivot": step.after_pivot, "opens_record": step is OPENING}
            | {"compensation": names[1] | here if is_back else None}
        )
    return steps


def offers(state: str, step: str, **settlement: str) -> list[dict[str, Any]]:
    """Return the acts on an order whose step is stuck, as the API shows them."""
    word = None
    if settlement:
        word = Settlement(settlement["by"], settlement["reason"], settlement["evidence"], STARTED)
    stuck_step = retriable(step, step, "STUCK", settlement=word)
    failure = None if state == "COMPLETED" else FAILURE
    stuck_run = run(state, is_stuck=True, memo=SagaMemo(failure, (stuck_step,)))
    return [act.model_dump(mode="json") for act in view_of_run("7", stuck_run, LINKS).acts]
