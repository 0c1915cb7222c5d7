"""Scripts of steps that are taken side by side: they hold several commands, and answer the one that is meant."""

from functools import partial

import pytest

from tests.temporal_saga.conftest import Play
from tests.temporal_saga.stories import SOLD_OUT, book
from tests.temporal_saga.trip_words import (
    BookFlightCommand,
    BookHotelCommand,
    ChargeCommand,
    RefundCommand,
)
from tests.temporal_saga.words import yes


async def test_commands_are_given_in_the_order_asked(play: Play) -> None:
    """Whichever came first."""
    async with play() as script:
        await script.start()
        script.answer(yes(await script.expect(ChargeCommand)))
        hotel, flight = await script.expect_all(BookHotelCommand, BookFlightCommand)
    assert (type(hotel), type(flight)) == (BookHotelCommand, BookFlightCommand)


async def test_an_answer_must_say_which_command_it_is_for(play: Play) -> None:
    """Of several that are held; once it is answered the other is meant."""
    async with play() as script:
        flight, _hotel = await book(script)
        for ambiguous in (
            partial(script.answer, yes(flight)),
            partial(script.fail, RuntimeError()),
            script.ignore,
        ):
            with pytest.raises(AssertionError, match="several commands are held"):
                ambiguous()
        script.answer(yes(flight), to=flight)
        script.answer(SOLD_OUT)


async def test_a_command_is_answered_once(play: Play) -> None:
    """Also when another one is held."""
    async with play() as script:
        flight, _hotel = await book(script)
        script.answer(yes(flight), to=flight)
        with pytest.raises(AssertionError, match="no command is held"):
            script.answer(yes(flight), to=flight)


async def test_another_command_than_the_expected_ones_is_told(play: Play) -> None:
    """The error names one that is missing, and what came."""
    async with play() as script:
        await script.start()
        with pytest.raises(
            AssertionError,
            match=r"expected BookFlightCommand\n.*\n.*ChargeCommand came to travel, try 1",
        ):
            await script.expect_all(BookFlightCommand, BookHotelCommand)


async def test_one_command_twice_is_not_two_commands(play: Play) -> None:
    """A second try of one does not pass for the other."""
    async with play() as script:
        await script.start()
        await script.expect(ChargeCommand)
        script.fail(RuntimeError("away"))
        with pytest.raises(AssertionError, match="attempt of ChargeCommand is 2, not 1"):
            await script.expect_all(ChargeCommand, RefundCommand)


async def test_an_end_is_no_command(play: Play) -> None:
    """A saga that closes does not send what the test waits for."""
    async with play() as script:
        await script.start()
        await script.expect(ChargeCommand)
        await script.handle.terminate()
        with pytest.raises(AssertionError, match="the saga failed"):
            await script.expect_all(BookFlightCommand, BookHotelCommand)
