"""Scripts of steps that are taken side by side: they hold several commands, and answer each."""

from functools import partial

import pytest

from examples.trip_steps import (
    BookCarCommand,
    BookFlightCommand,
    BookHotelCommand,
    RefundPaymentCommand,
    SendTicketCommand,
    SendVoucherCommand,
    TakePaymentCommand,
)
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trips import (
    ORDER,
    all_succeed,
    begin_booking,
    begin_paying,
    is_opened,
    yes,
)


async def test_commands_are_given_in_the_order_asked(play: Play) -> None:
    """Whichever came first."""
    async with play() as script:
        await script.start(ORDER)
        await is_opened(script)
        kinds = [BookCarCommand, BookHotelCommand, BookFlightCommand]
        bookings = await script.expect_all(*kinds)
    assert [type(command) for command in bookings] == kinds


async def test_an_answer_must_say_which_command_it_is_for(play: Play) -> None:
    """Of several that are held; once only one is left, that one is meant."""
    async with play() as script:
        flight, hotel, car = await begin_booking(script)
        for ambiguous in (
            partial(script.answer, yes(flight)),
            partial(script.fail, RuntimeError()),
            script.ignore,
        ):
            with pytest.raises(AssertionError, match="several commands are held"):
                ambiguous()
        all_succeed(script, flight, hotel)
        script.answer(yes(car))


async def test_a_command_is_answered_once(play: Play) -> None:
    """Also when another one is held."""
    async with play() as script:
        flight, _hotel, _car = await begin_booking(script)
        all_succeed(script, flight)
        with pytest.raises(AssertionError, match="no command is held"):
            all_succeed(script, flight)


async def test_another_command_than_the_expected_ones_is_named(play: Play) -> None:
    """The error names one that is missing, and what came."""
    async with play() as script:
        await script.start(ORDER)
        with pytest.raises(
            AssertionError,
            match=r"expected TakePaymentCommand\n.*\n.*OpenTripCommand came to archive, try 1",
        ):
            await script.expect_all(TakePaymentCommand, RefundPaymentCommand)


async def test_one_command_twice_is_not_two_commands(play: Play) -> None:
    """A second try of one does not pass for the other."""
    async with play() as script:
        await begin_paying(script)
        script.fail(RuntimeError("away"))
        with pytest.raises(AssertionError, match="attempt of TakePaymentCommand is 2, not 1"):
            await script.expect_all(TakePaymentCommand, RefundPaymentCommand)


async def test_an_end_is_no_command(play: Play) -> None:
    """A saga that closes does not send what the test waits for."""
    async with play() as script:
        await begin_paying(script)
        await script.handle.terminate()
        with pytest.raises(AssertionError, match="the saga failed"):
            await script.expect_all(SendTicketCommand, SendVoucherCommand)


async def test_what_was_put_back_comes_next(play: Play) -> None:
    """Once more, and once only; then what came after it."""
    async with play() as script:
        await script.start(ORDER)
        await is_opened(script)
        first = await script.next()
        script.put_back(first)
        assert script.has_more
        assert await script.next() is first
        assert await script.next() is not first
