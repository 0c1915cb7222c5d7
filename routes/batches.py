"""Batch operations: one act on many orders."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import ConfigDict

from application.batch_queries import BatchesQuery, ResultsQuery
from application.batch_selection import BatchRequest, BatchSelection
from application.caller import SCOPE_OF
from contracts.acts import Act
from contracts.base import IDENTIFIER, IN_WORDS
from contracts.batches import BatchList, BatchPreview, BatchResults, BatchView
from contracts.text import Name
from routes import examples
from routes.access import require
from routes.acts import DecisionBody, author_of, decision_of
from routes.dependencies import AppOrders, RequestCaller, refuse_doubles
from routes.orders import RequestKey, location
from routes.problems import ABSENT, INVALID, problem_responses

router = APIRouter(
    prefix="/batch-operations", tags=["batch operations"], dependencies=[Depends(refuse_doubles)]
)

BatchId = Annotated[
    str, Path(pattern=IDENTIFIER, description=IN_WORDS[IDENTIFIER], examples=[examples.BATCH_ID])
]
ACCEPTED: dict[str, Any] = {
    "description": "It is on record, and begins.",
    **location("batch operation"),
}


class PreviewBody(BatchSelection):
    """Which orders an act would be done to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.PREVIEW]})


class BatchBody(BatchRequest):
    """An act on all orders that a filter finds, with the number of them that a person has seen."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.BATCH]})

    by: Name | None = None  # type: ignore[assignment]  # it is filled in before it goes on


@router.post("/preview", responses={**INVALID, **problem_responses(HTTPStatus.CONFLICT)})
async def preview_batch(
    selection: PreviewBody, orders: AppOrders, caller: RequestCaller
) -> BatchPreview:
    """Return how many orders a batch operation would act on now, and the newest of them.

    Where the filter says nothing of how orders stand, those are meant that the act is for:
    approve and reject, AWAITING_REVIEW; retry and settle, what needs attention; cancel, what is
    not closed. With a `step`, retry and settle mean what is stuck there. Place-again means what
    failed and was not placed again; none that was cancelled or rejected, unless the filter says
    why.
    """
    _check(caller, selection.act)
    return await orders.batches.preview(selection)


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        **INVALID,
        **problem_responses(HTTPStatus.CONFLICT),
        HTTPStatus.ACCEPTED: ACCEPTED,
    },
)
async def start_batch(
    body: BatchBody,
    orders: AppOrders,
    caller: RequestCaller,
    response: Response,
    idempotency_key: Annotated[RequestKey | None, Header(description="names it")] = None,
) -> BatchView:
    """Do one act to all orders that a filter finds now, a few at a time.

    Its identity is `batch_id` if given, else that of your `Idempotency-Key`, else new. Starting the
    same again under the same identity returns it as it stands; another one under it is refused.
    `count` is what the preview showed: where many more are found by now, nothing begins.
    """
    _check(caller, body.act)
    request = body.model_copy(update={"by": author_of(body.by, caller)})
    view = await orders.batches.start(request, idempotency_key, caller)
    response.headers["Location"] = view.links.self
    return view


@router.get("", responses=ABSENT)
async def list_batches(
    query: Annotated[BatchesQuery, Query()], orders: AppOrders, caller: RequestCaller
) -> BatchList:
    """Return the batch operations, newest first; follow `next` for more.

    Beside them stands what the token may do to many orders.
    """
    return await orders.batches.page(query, caller)


@router.get("/{batch_id}", responses=ABSENT)
async def read_batch(batch_id: BatchId, orders: AppOrders) -> BatchView:
    """Return a batch operation, and how far it has come."""
    return await orders.batches.view(batch_id)


@router.get("/{batch_id}/results", responses=ABSENT)
async def read_batch_results(
    batch_id: BatchId, query: Annotated[ResultsQuery, Query()], orders: AppOrders
) -> BatchResults:
    """Return what came of it at each order; follow `next` for more."""
    return await orders.batches.results(batch_id, query)


@router.post("/{batch_id}/stop", status_code=HTTPStatus.ACCEPTED, responses=ABSENT)
async def stop_batch(
    batch_id: BatchId, body: DecisionBody, orders: AppOrders, caller: RequestCaller
) -> BatchView:
    """Let it stop once the acts under way have ended; orders that had no turn are SKIPPED.

    What was done is not taken back. Of one that is over nothing changes.
    """
    _check(caller, (await orders.batches.view(batch_id)).act)
    return await orders.batches.stop(batch_id, decision_of(body, caller), caller)


def _check(caller: RequestCaller, act: Act) -> None:
    """Find that a caller may do an act to orders.

    Raises:
        Problem: 403, they may not.
    """
    require(caller, SCOPE_OF[act], f"a batch operation of {act}")
