"""The worker: `python -m bench.peers.temporal.worker ADDRESS DATA_DIR`, until SIGTERM.

DATA_DIR is an absolute path.

One process and one task queue for the workflow and all activities, which are the ones that this
system's own workers register; what they answer as a refusal is an error here, too. Everything else
is as the SDK has it.
"""

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.stock import StockActivities
from bench.peers.temporal.workflows import EmptyOrder, HandwrittenOrder
from contracts.steps import REFUSALS
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from temporal_saga.refusals import Refusals

QUEUE = "bench"
THREADS = 30
"""Ten for each participant, as this system's own workers have."""


async def main(address: str, data_dir: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    engines = {
        name: open_database(f"sqlite:///{data_dir}/{name}.db", only_writes=True)
        for name in ("order", "payment", "stock")
    }
    with ThreadPoolExecutor(THREADS) as threads:
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[HandwrittenOrder, EmptyOrder],
            activities=[
                *OrderActivities(OrderService.open(engines["order"])).all,
                *PaymentActivities(PaymentService.open(engines["payment"])).all,
                *StockActivities(StockService.open(engines["stock"])).all,
            ],
            activity_executor=threads,
            interceptors=[Refusals(REFUSALS)],
            max_concurrent_activities=THREADS,
        ):
            print("ready", flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
