"""How many exports run at one time: one of each caller, and customers leave room for others."""

from contextlib import ExitStack

import pytest

from application.caller import Caller
from routes.order_export import MOST_AT_ONCE, MOST_OF_CUSTOMERS, ExportsUnderWay
from routes.problems import Problem


def test_each_caller_has_one_export() -> None:
    """Known by the token's customer or subject, or the address where nobody is asked."""
    exports = ExportsUnderWay()
    with ExitStack() as others:
        with exports.one_of(Caller(subject="ann"), "10.0.0.1"):
            others.enter_context(exports.one_of(Caller(), "10.0.0.1"))
            others.enter_context(exports.one_of(Caller(subject="a", customer_id="ann"), "10.0.0.1"))
            for caller, address in (
                (Caller(subject="ann"), "10.0.0.2"),
                (Caller(), "10.0.0.1"),
                (Caller(subject="b", customer_id="ann"), "10.0.0.2"),
            ):
                with pytest.raises(Problem, match="of yours"), exports.one_of(caller, address):
                    pass
        others.enter_context(exports.one_of(Caller(subject="ann"), "10.0.0.2"))
        others.enter_context(exports.one_of(Caller(), "10.0.0.2"))
        bob = Caller(subject="bob")
        with pytest.raises(Problem, match="as many exports"), exports.one_of(bob, "10.0.0.1"):
            pass


def test_customers_leave_room_for_those_who_run_the_shop() -> None:
    """However many customers come, and in whatever order their exports end."""
    exports = ExportsUnderWay()
    first, *customers, last = [
        Caller(subject=f"s{number}", customer_id=f"c{number}")
        for number in range(MOST_OF_CUSTOMERS + 1)
    ]
    with ExitStack() as others:
        with exports.one_of(first, ""):
            for customer in customers:
                others.enter_context(exports.one_of(customer, ""))
            with pytest.raises(Problem, match="as many exports"), exports.one_of(last, ""):
                pass
            for number in range(MOST_AT_ONCE - MOST_OF_CUSTOMERS):
                others.enter_context(exports.one_of(Caller(subject=f"operator {number}"), ""))
        others.enter_context(exports.one_of(last, ""))
