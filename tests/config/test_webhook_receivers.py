"""Who may be sent events; a secret is in no message."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from config import Settings, explain

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SAFE = {"url": "https://shop.example.org/orders", "secret": SECRET}


def test_receivers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one secret or two, for all types or some; this machine is reached without TLS."""
    near = {
        "url": "http://127.0.0.1:9/x",
        "secret": f"{SECRET} {SECRET}",
        "types": ["order.failed"],
    }
    monkeypatch.setenv("WEBHOOKS", json.dumps([SAFE, near]))
    far, here = Settings().webhook_receivers
    assert (far.url, far.secrets, far.types) == (SAFE["url"], (SECRET,), ())
    assert (here.url, here.secrets, here.types) == (
        near["url"],
        (SECRET, SECRET),
        ("order.failed",),
    )
    assert SECRET not in repr(Settings())


@pytest.mark.parametrize(
    ("receivers", "message"),
    [
        ("[", "WEBHOOKS is invalid: Invalid JSON"),
        (json.dumps(SAFE), "WEBHOOKS is invalid: Input should be a valid array"),
        (json.dumps([SAFE | {"url": "http://shop.example.org"}]), "0: url: it must begin with"),
        (json.dumps([SAFE | {"url": "https://"}]), "0: url: it must begin with https://"),
        (json.dumps([SAFE | {"secret": "whsec_c2hvcnQ="}]), "0: secret: it must be whsec_"),
        (json.dumps([SAFE | {"secret": f"{SECRET} no*"}]), "0: secret: it must be whsec_"),
        (json.dumps([SAFE | {"types": ["order.lost"]}]), "0: types: 0: Input should be"),
        (json.dumps([SAFE | {"kind": 1}]), "0: kind: Extra inputs are not permitted"),
        (json.dumps([SAFE, SAFE]), "WEBHOOKS is invalid: a url stands in it twice"),
    ],
)
def test_what_cannot_be_sent_to_safely_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, receivers: str, message: str
) -> None:
    """The sentence says which and why, without what it was set to."""
    monkeypatch.setenv("WEBHOOKS", receivers)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert message in explain(error.value)
    assert "MfKQ9r8G" not in explain(error.value) + str(error.value)


def test_times_between_calls_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds, minutes and hours; a blank for none."""
    monkeypatch.setenv("ATTENTION_AGAIN", "90s 15m  4h")
    assert Settings().attention_pauses == tuple(
        timedelta(seconds=seconds) for seconds in (90, 900, 14_400)
    )
    monkeypatch.setenv("ATTENTION_AGAIN", " ")
    assert Settings().attention_pauses == ()
    monkeypatch.setenv("ATTENTION_AGAIN", "1d")
    with pytest.raises(ValidationError, match="1d is no time like 90s, 15m or 4h"):
        Settings()
