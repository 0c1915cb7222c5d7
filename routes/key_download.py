"""Downloading the keys that an issuer of tokens publishes, within a time, whatever hangs."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from config import LOOPBACK

DOWNLOAD_SECONDS = 3
"""What has not come in full within this is given up."""

MOST_BYTES = 2 * 1024 * 1024

T = TypeVar("T")

HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "order-saga",
}


async def download(url: str, parse: Callable[[bytes], T]) -> T:
    """Return what `parse` makes of a document, on a thread.

    Raises:
        Exception: it cannot be had or parsed, is elsewhere, or is too large.
    """
    try:
        async with asyncio.timeout(DOWNLOAD_SECONDS):
            return await asyncio.to_thread(parse, await _read(url))
    except TimeoutError:
        raise TimeoutError(f"no full answer within {DOWNLOAD_SECONDS} s") from None


async def _read(url: str) -> bytes:
    """Return what is published at a URL, as it is: keys are there, and nowhere else."""
    document = bytearray()
    # What is on this machine is not asked for through a proxy, whatever the environment names.
    is_near = urlsplit(url).hostname in LOOPBACK
    tls = ssl.create_default_context()
    no_limit = httpx.Timeout(None)  # the whole has a limit
    async with (
        httpx.AsyncClient(verify=tls, trust_env=not is_near, timeout=no_limit) as client,
        client.stream("GET", url, headers=HEADERS) as answer,
    ):
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            document += piece
            if len(document) > MOST_BYTES:
                raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
    return bytes(document)
