"""`make demo`: a stack of its own places one order that completes and one that is out of stock, and tells both stories.

Ends by itself: with 0 when both ended as they must and the second cost the customer nothing, else with 1.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from contracts.money import money
from contracts.order import PlaceOrder
from contracts.words import describe
from operations.seed import SHOP_DAYS, shop_of
from operations.shop_data import read_days

ROOT = Path(__file__).resolve().parent.parent
UP = "the order saga is up"
STORY_SECONDS = 60
ASK_AGAIN_SECONDS = 0.02
COLOURS = {"state": "bold cyan", "command": "default", "event": "green", "decision": "magenta", "note": "yellow"}
BAD = frozenset({"ROLLING_BACK", "FAILED"})


class DemoFailed(Exception):
    """The demo did not show what it has to show."""


@contextmanager
def stack(console: Console) -> Iterator[str]:
    """Run `make up` in a temporary folder and on free ports; give the URL of its API, and stop it at the end.

    Raises:
        DemoFailed: it does not come up.
    """
    ports = dict(zip(("TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT"), _free_ports(3), strict=True))
    with tempfile.TemporaryDirectory(prefix="order-saga-demo-") as data_dir:
        inherited = {name: value for name, value in os.environ.items() if not name.endswith("_DATABASE_URL")}
        env = inherited | {"DATA_DIR": data_dir, "API_HOST": "127.0.0.1"} | {name: str(port) for name, port in ports.items()}
        command = [sys.executable, "-m", "operations.up"]
        up = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert up.stdout is not None
        try:
            with console.status("starting Temporal, the workers and the API"):
                said = []
                for line in up.stdout:
                    said.append(line)
                    if line.startswith(UP):
                        break
                else:
                    raise DemoFailed("the system did not start:\n" + "".join(said))
            yield f"http://127.0.0.1:{ports['API_PORT']}"
        finally:
            up.terminate()
            up.communicate()


def tell(http: httpx.Client, console: Console, order: PlaceOrder) -> dict[str, Any]:
    """Place an order, print what happens to it as it happens, and return it closed.

    Raises:
        DemoFailed: it did not close in time.
    """
    console.print(f"\nPOST /orders  {describe(order)}", style="bold")
    placed = http.post("/orders", json=order.model_dump(mode="json", exclude_none=True)).raise_for_status()
    began, told = time.monotonic(), 0
    while time.monotonic() < began + STORY_SECONDS:
        view: dict[str, Any] = http.get(placed.headers["Location"]).raise_for_status().json()
        for entry in view["timeline"][told:]:
            show(console, entry)
        told = len(view["timeline"])
        if view["closed_at"]:
            if view["failure"]:
                console.print(f"  why: {view['failure']['reason']}, {view['failure']['message']}", style="red")
            return view
        time.sleep(ASK_AGAIN_SECONDS)
    raise DemoFailed(f"the order did not close within {STORY_SECONDS} s: {view['links']['temporal']}")


def show(console: Console, entry: dict[str, Any]) -> None:
    """Print one moment of a saga: when, what, by whom, and what there is to say about it."""
    detail = entry["detail"].get("summary") or entry["detail"].get("message") or ""
    refused = "reason" in entry["detail"] and entry["kind"] == "event"
    style = "red" if refused or entry["name"] in BAD else COLOURS[entry["kind"]]
    line = f"  {entry['at'][11:23]}  {entry['kind']:8} {entry['name']:26} {entry['participant'] or '':8} {detail}"
    console.print(line.rstrip(), style=style, highlight=False)


def run(console: Console) -> None:
    """Show both stories.

    Raises:
        DemoFailed: one of them did not end as it must.
    """
    example = shop_of(read_days(sorted(SHOP_DAYS.glob("*.csv")))).example
    with stack(console) as url, httpx.Client(base_url=url, trust_env=False) as http:
        wallet, sku = f"/customers/{example.customer_id}/wallet", example.lines[0].sku
        completed = tell(http, console, example)
        before = http.get(wallet).json()
        too_many = http.get(f"/stock/{sku}").json()["available"] + 1
        line = example.lines[0].model_copy(update={"quantity": too_many, "unit_price_minor": 1})
        failed = tell(http, console, example.model_copy(update={"lines": (line,)}))
        after = http.get(wallet).json()
    console.print()
    balance = money(after["balance_minor"], after["currency"])
    console.print(f"the second order cost the customer nothing: {balance} before and after", highlight=False)
    endings = completed["state"], failed["state"], (failed["failure"] or {}).get("reason")
    if endings != ("COMPLETED", "FAILED", "OUT_OF_STOCK") or before != after:
        raise DemoFailed(f"that was not to happen: {endings}, wallet before {before}, after {after}")


def main() -> int:
    """Run the demo; return the exit code."""
    console = Console(soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # as an exception, so that the stack is stopped on the way out
    try:
        run(console)
    except (DemoFailed, httpx.HTTPError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    listeners = [socket.socket() for _ in range(count)]
    for listener in listeners:
        listener.bind(("127.0.0.1", 0))
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
