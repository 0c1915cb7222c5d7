"""`python -m card_provider`: the provider as a process, until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from card_provider.provider import Provider


def main() -> None:
    """Serve, and say first where."""
    parser = argparse.ArgumentParser("card_provider", description=__doc__)
    parser.add_argument("books", type=Path, help="the SQLite file of its books")
    parser.add_argument("--port", type=int, default=0, help="of the API; a free one if not given")
    parser.add_argument("--control-port", type=int, default=0, help="of faults, clock and books")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.books, arguments.port, arguments.control_port))


async def _serve(books: Path, port: int, control_port: int) -> None:
    provider = Provider(books, port, control_port)
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, provider.stop)
    sys.stdout.write(f"card provider: {provider.url} control: {provider.control_url}\n")
    sys.stdout.flush()
    await provider.run()


main()
