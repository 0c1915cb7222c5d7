"""How many exports run at one time: one of each caller, and customers leave room for others."""

import pytest

from application.caller import Caller
from routes.order_export import MOST_AT_ONCE, MOST_OF_CUSTOMERS, ExportsUnderWay
from routes.problems import Problem


def test_each_caller_has_one_export() -> None:
    """Known by the token's customer or subject, or the address where nobody is asked."""
    exports = ExportsUnderWay()
    ends = [
        exports.add(Caller(subject="ann"), "10.0.0.1"),
        exports.add(Caller(), "10.0.0.1"),
        exports.add(Caller(subject="a", customer_id="ann"), "10.0.0.1"),
    ]
    for caller, address in (
        (Caller(subject="ann"), "10.0.0.2"),
        (Caller(), "10.0.0.1"),
        (Caller(subject="b", customer_id="ann"), "10.0.0.2"),
    ):
        with pytest.raises(Problem, match="of yours"):
            exports.add(caller, address)
    ends[0]()
    exports.add(Caller(subject="ann"), "10.0.0.2")
    exports.add(Caller(), "10.0.0.2")
    with pytest.raises(Problem, match="as many exports"):
        exports.add(Caller(subject="bob"), "10.0.0.1")


def test_customers_leave_room_for_those_who_run_the_shop() -> None:
    """However many customers come, and in whatever order their exports end."""
    exports = ExportsUnderWay()
    customers = [
        Caller(subject=f"s{number}", customer_id=f"c{number}")
        for number in range(MOST_OF_CUSTOMERS + 1)
    ]
    ends = [exports.add(customer, "") for customer in customers[:-1]]
    with pytest.raises(Problem, match="as many exports"):
        exports.add(customers[-1], "")
    for number in range(MOST_AT_ONCE - MOST_OF_CUSTOMERS):
        exports.add(Caller(subject=f"operator {number}"), "")
    ends[0]()
    exports.add(customers[-1], "")
