"""The control API: faults, clock, limits, deliveries, and what the books say."""

from typing import Annotated, Any, Protocol

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from card_provider.books import Books
from card_provider.deliveries import Deliveries, Disturbance
from card_provider.errors import ApiError
from card_provider.faults import Faults, NewFault, Pause
from card_provider.payments import release_overdue

LONGEST_WAIT_SECONDS = 60


class Door(Protocol):
    """What callers come in by."""

    def close(self, for_seconds: float | None) -> None:
        """Refuse connections, and cut those that there are; for a time, or until it is opened."""

    async def open(self) -> None:
        """Take connections again."""


class Settings(BaseModel):
    """What outlives the process; only what is given is changed.

    `clock_offset_seconds` is how far its clock is ahead of the machine's, `created_shift_seconds`
    how much `created` lies beside that clock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clock_offset_seconds: float | None = None
    created_shift_seconds: float | None = None
    search_lag_seconds: float | None = Field(default=None, ge=0)
    requests_per_second: float | None = Field(default=None, ge=0)


class Release(BaseModel):
    """Which call goes on: one, or all that are held; `drop` closes the connection instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = None
    drop: bool = False


class Closing(BaseModel):
    """For how long the door is closed; null is until it is opened."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    for_seconds: float | None = Field(default=None, gt=0)


class Sending(BaseModel):
    """Events that are sent now, in this order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    events: list[str]


def control_app(books: Books, faults: Faults, deliveries: Deliveries, door: Door) -> FastAPI:
    """Return the control API of a provider."""
    app = FastAPI(title="Card provider, control", openapi_url=None)
    _add_faults(app, faults, door)
    _add_books(app, books)

    @app.put("/deliveries")
    async def disturb(disturbance: Disturbance) -> Disturbance:
        """Send deliveries so from now on."""
        deliveries.disturb(disturbance)
        return disturbance

    @app.post("/deliveries")
    async def send(sending: Sending) -> list[dict[str, int]]:
        """Send events; return the status of each endpoint for each."""
        return [await deliveries.send(event) for event in sending.events]

    @app.exception_handler(ApiError)
    async def explain(_: Request, error: ApiError) -> Response:
        return JSONResponse(error.body, error.status)

    return app


def _add_faults(app: FastAPI, faults: Faults, door: Door) -> None:
    @app.post("/faults")
    async def add_fault(fault: NewFault) -> list[dict[str, Any]]:
        """Let calls meet a fault; return all that wait."""
        faults.add(fault)
        return faults.all()

    @app.get("/faults")
    async def show_faults() -> list[dict[str, Any]]:
        """Return the faults that wait for calls."""
        return faults.all()

    @app.delete("/faults")
    async def clear_faults() -> None:
        """Forget all faults, let all calls go on that are held, and open the door."""
        faults.clear()
        faults.release(None, drop=False)
        await door.open()

    @app.get("/pauses")
    async def wait_for_pauses(
        seconds: Annotated[float, Query(ge=0, le=LONGEST_WAIT_SECONDS)] = 0,
    ) -> list[dict[str, str]]:
        """Return the calls that are held, as soon as there is one, or none in time."""
        return [_pause_view(pause) for pause in await faults.wait_for_pause(seconds)]

    @app.post("/pauses/release")
    async def release(order: Release) -> list[str]:
        """Let calls go on; return their ids."""
        return faults.release(order.id, drop=order.drop)

    @app.post("/door/close")
    async def close(closing: Closing) -> None:
        """Be down: refuse connections."""
        door.close(closing.for_seconds)

    @app.post("/door/open")
    async def open_again() -> None:
        """Be there again."""
        await door.open()


def _add_books(app: FastAPI, books: Books) -> None:
    @app.patch("/settings")
    async def change(settings: Settings) -> dict[str, float]:
        """Change settings; return the provider's time."""
        with books.transaction():
            for name, value in settings.model_dump(exclude_none=True).items():
                books.set(name, value)
            release_overdue(books)
        return {"now": books.now()}

    @app.get("/books")
    async def show_books(order_id: str | None = None) -> list[dict[str, Any]]:
        """Return what was authorised, captured, voided and refunded for each order, or for one."""
        rows = books.query(
            "SELECT * FROM order_amounts WHERE :order_id IS NULL OR order_id = :order_id",
            order_id=order_id,
        )
        return [dict(row) for row in rows]


def _pause_view(pause: Pause) -> dict[str, str]:
    return {"id": pause.id, "call": pause.call, "point": pause.point.value}
