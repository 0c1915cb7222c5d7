"""Debian's Chromium, without a window."""

import os
import shutil

from playwright.async_api import Browser, Playwright

FLAGS = [
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
MISSING = "there is no `chromium` command; `make verify`, run as root on Debian, installs it"


def chromium() -> str | None:
    """Return where the `chromium` command is, or None."""
    return shutil.which("chromium")


async def launch(playwright: Playwright, command: str) -> Browser:
    """Start it; whoever asks for it closes it."""
    return await playwright.chromium.launch(executable_path=command, headless=True, args=FLAGS)
