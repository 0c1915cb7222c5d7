"""Waiting for a saga that needs a person."""

from temporal_saga.testing import Script


async def until_stuck(script: Script) -> None:
    """Wait until the saga says that it needs a person."""

    async def needs_attention() -> None:
        while not (await script.handle.query("status"))["needs_attention"]:
            pass

    await script.within_patience(needs_attention(), "the saga to be stuck")
