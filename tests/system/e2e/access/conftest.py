"""A system that authenticates its callers."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, workers_of
from tests.system.e2e.access.asking import ANNS
from tests.tokens import AUTHENTICATION, SCOPES, bearer


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Run a system that authenticates its callers, with two customers.

    ann has an order that is completed.
    """
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= AUTHENTICATION | {"API_TRUSTED_NETWORK": "1", "AUTH_CLOCK_SKEW_SECONDS": "0"}
    try:
        system.seed({"ann": 10**6, "bob": 10**6}, {"plenty": 10**6})
        system.start_all(*workers_of(request.module))
        answer = system.http.post(
            "/orders", json=ANNS, headers=bearer(*SCOPES) | {"Prefer": "wait=20"}
        )
        assert answer.json()["state"] == "COMPLETED"
        yield system
    finally:
        system.stop()
