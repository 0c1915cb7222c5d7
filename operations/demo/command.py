"""`make demo`: its arguments, its exit codes, and its errors as sentences.

Exit codes: 0 when the day is sound (`shop_day.py`), 1 when it is not or the stack does not start,
2 when the file is no shop day.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from config import DemoSettings
from operations.audit.invariants import CannotRead
from operations.demo.ephemeral_stack import DidNotStart, ephemeral_settings
from operations.demo.shop_day import run_day
from operations.shop.seed import SHOP_DAYS
from operations.shop.shop_days import read_days
from operations.up.preflight import CannotStart, read_settings

DAY = SHOP_DAYS / "2010-12-01.csv"

INTERRUPTED = 130
"""As a shell reports a command that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Place a day of a real shop on a stack of its own."
    )
    parser.add_argument(
        "day", nargs="?", type=Path, default=DAY, help="rows as those under data/online-retail/ are"
    )
    day: Path = parser.parse_args(arguments).day
    try:
        data = read_days([day])
    except OSError as error:
        print(f"no day to place: {day}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"no day to place: {error}", file=sys.stderr)
        return 2
    try:
        with ephemeral_settings(read_settings(DemoSettings)) as settings:
            return 0 if asyncio.run(run_day(day.absolute(), data, settings, Console())) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:  # by SIGTERM or SIGHUP
        return 1
    except DidNotStart as error:
        problem = f"the stack did not start:\n{error}"
    except CannotRead as error:
        problem = f"cannot audit: {error}"
    except (CannotStart, OSError) as error:  # OSError: no room for a folder or a process
        problem = f"cannot start: {error}"
    print(problem, file=sys.stderr)
    return 1
