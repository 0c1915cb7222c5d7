"""`make up`: checks that the system can start, loads its shop, and runs it until it is stopped.

The shop is that of the days given on the command line, by default of those under `data/`. Neither a
full disk nor a terminal that is gone or not read ends the command or makes it wait.

Exit codes: 0 when it was stopped, 1 when it cannot start, with the reason on standard error.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from config import Settings
from contracts.placing import PlaceOrder
from operations.shop.seed import SHOP_DAYS, seed, shop_of
from operations.shop.shop_days import read_days
from operations.up.card_account import with_card_provider
from operations.up.card_provider import card_provider_ready
from operations.up.data_directory import lock_data_dir
from operations.up.known_databases import check_databases
from operations.up.preflight import CannotStart, check_layout, check_ports, read_settings
from operations.up.processes import end_leftovers
from operations.up.supervision import run
from operations.up.terminal import Terminal
from temporal_saga.database import plainly

INTERRUPTED = 130
"""As a shell reports a command that Ctrl-C ended."""


def main(*days: Path) -> int:
    """Run the system with the shop of these days; return the exit code."""
    terminal = Terminal()
    try:
        settings = with_card_provider(read_settings())
        check_layout(settings)
        with lock_data_dir(settings.data_dir) as lock:
            if count := end_leftovers(settings.data_dir):
                terminal.say(f"ended {count} processes that an earlier run left behind")
            check_ports(settings)
            check_databases(settings)
            with card_provider_ready(settings) as complete_settings:
                example = load_shop(complete_settings, days)
            try:
                return asyncio.run(run(complete_settings, example, lock, terminal.say))
            finally:
                end_leftovers(settings.data_dir)
    except (CannotStart, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        terminal.close()


def load_shop(settings: Settings, days: Sequence[Path]) -> PlaceOrder | None:
    """Load what is missing of the days' shop; return an order it can serve, None with SHOP=none.

    Raises:
        CannotStart: a database does not take it.
        OSError: the card provider does not.
    """
    if settings.shop == "none" and not days:
        return None
    shop = shop_of(read_days(days or sorted(SHOP_DAYS.glob("*.csv"))))
    try:
        seed(settings, shop)
    except SQLAlchemyError as error:
        raise CannotStart(
            "the shop could not be loaded into the databases of payment and stock: "
            f"{plainly(error)}"
        ) from error
    return shop.example
