"""The program: `python -m bench.peers.dbos.app PORT DATA_DIR SYSTEM_DATABASE_URL`, until SIGTERM.

As DBOS's starter: one process, in which FastAPI calls the workflow. Its settings are as they come.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import uvicorn
from dbos import DBOS, DBOSConfig, SetWorkflowID
from fastapi import FastAPI, HTTPException

from bench.peers.services import Refused, Services
from contracts.placing import PlaceOrder

THREADS = 40
"""As many as FastAPI serves requests with."""

TRIES = 10


def is_worth_retrying(error: BaseException) -> bool:
    """Tell whether a step may succeed when it is tried again."""
    return not isinstance(error, Refused)


step = DBOS.step(
    retries_allowed=True,
    interval_seconds=0.2,
    max_attempts=TRIES,
    should_retry=is_worth_retrying,
)


class Steps:
    """Every call of a service is a step: its result is recorded, and not asked for twice."""

    services: Services

    @staticmethod
    @step
    def register(order: PlaceOrder) -> None:
        """Open the order's record."""
        Steps.services.register(order)

    @staticmethod
    @step
    def cancel(order: PlaceOrder, reason: str) -> None:
        """Close the order's record as CANCELLED."""
        Steps.services.cancel(order, reason)

    @staticmethod
    @step
    def charge(order: PlaceOrder) -> None:
        """Take the price from the customer's wallet."""
        Steps.services.charge(order)

    @staticmethod
    @step
    def refund(order: PlaceOrder) -> None:
        """Give the price back."""
        Steps.services.refund(order)

    @staticmethod
    @step
    def take(order: PlaceOrder) -> None:
        """Take the lines from stock."""
        Steps.services.take(order)

    @staticmethod
    @step
    def put_back(order: PlaceOrder) -> None:
        """Put the lines back into stock."""
        Steps.services.put_back(order)

    @staticmethod
    @step
    def confirm(order: PlaceOrder) -> None:
        """Close the order's record as CONFIRMED."""
        Steps.services.confirm(order)


@DBOS.workflow()
def order_workflow(order: PlaceOrder) -> str:
    """Register, charge, take from stock and confirm; or take all of it back."""
    compensations: list[Callable[[], None]] = []
    try:
        compensations.append(lambda: Steps.cancel(order, "a step failed"))
        Steps.register(order)
        compensations.append(lambda: Steps.refund(order))
        Steps.charge(order)
        compensations.append(lambda: Steps.put_back(order))
        Steps.take(order)
    except Exception:
        for compensation in reversed(compensations):
            compensation()
        raise
    Steps.confirm(order)
    return "COMPLETED"


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Run DBOS as long as the application runs."""
    DBOS.launch()
    yield
    DBOS.destroy()


def application() -> FastAPI:
    """Return the application: a route that runs an order's workflow to its end."""
    app = FastAPI(lifespan=lifespan)

    @app.post("/orders")
    def place_order(order: PlaceOrder) -> dict[str, str]:
        """Run the order's workflow; its id makes it run once."""
        try:
            with SetWorkflowID(f"order-{order.order_id}"):
                return {"state": order_workflow(order)}
        except Refused as refusal:
            raise HTTPException(409, str(refusal)) from refusal

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        """Say that requests are served."""
        return {"status": "ready"}

    return app


def main(port: int, data_dir: Path, system_database_url: str) -> None:
    """Serve until SIGTERM."""
    with closing(Services(data_dir, THREADS)) as services:
        Steps.services = services
        config: DBOSConfig = {"name": "bench", "system_database_url": system_database_url}
        DBOS(config=config)
        uvicorn.run(application(), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
