import pytest

from routes.orders import wait_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 0),
        (["wait=5"], 5),
        (["WAIT=5"], 5),
        (['wait="5"'], 5),
        ([" wait = 5 "], 5),
        (["wait=5; foo"], 5),
        (["respond-async, wait=5;x=1"], 5),
        (["respond-async", "wait=5"], 5),
        (["wait=5, wait=7"], 5),
        (["wait=0"], 0),
        (["wait=007"], 7),
        (["wait=31"], 30),
        (["wait=" + "9" * 5_000], 30),
        (["wait=-1", "wait=1.5", "wait", "wait=", "wait=x", "wait=\u0665", "awaits=5"], 0),
    ],
)
def test_how_long_a_caller_prefers_to_wait(headers: list[str], seconds: int) -> None:
    """As RFC 7240 spells preferences; what is none is ignored, and the first counts."""
    assert wait_seconds(headers) == seconds
