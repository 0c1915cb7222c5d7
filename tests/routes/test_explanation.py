"""An order in sentences says what its view says, and what others wrote stays quoted."""

import re

from contracts.step_views import StepState
from contracts.views import OrderView
from routes.assistants.explanation import explain
from routes.assistants.words_of_others import CLOSES, ONE_WORD, OPENS, quote, shorten
from tests.application.test_views_of_histories import ONE_RUN, order_view
from tests.workflows.test_stored_histories import FILES, read


def view_of(name: str, events: int | None = None) -> OrderView:
    """Return the order of a stored history, or as it stood after so many of its events."""
    [path] = [path for path in FILES if path.stem == name]
    return order_view(read(path).events[:events], is_open=events is not None)


def test_a_stuck_order_is_explained() -> None:
    """Where it stands, since when it needs a person, what keeps failing, and what helps."""
    length = len(read(FILES[0].with_name("confirm_stuck_and_settled.json")).events)
    views = (
        view_of("confirm_stuck_and_settled", events) for events in range(length * 2 // 3, length)
    )
    view = next(view for view in views if view.attention is not None and view.attention.since)
    assert view.attention is not None
    sentences = explain(view)
    assert sentences[0].startswith("Order 7 is COMPLETED, on record as PENDING.")
    since = f"{view.attention.since:%Y-%m-%d %H:%M:%S} UTC"
    assert f"It needs a person since {since} (STUCK): {quote(view.attention.message, 1_000)}." in (
        sentences
    )
    assert f"ConfirmOrder is STUCK: {quote('no')}." in sentences
    assert "Possible now: settle of ConfirmOrder, with by, reason, evidence." in sentences


def test_a_failed_order_is_explained() -> None:
    """Which step refused and why, what was taken back, and what became of the money."""
    view = view_of("out_of_stock")
    text = "\n".join(explain(view))
    assert (
        "It failed at DecreaseStock with OUT_OF_STOCK: " + quote("85123A: 6 asked, 2 left") in text
    )
    assert "RefundPayment takes back ProcessPayment: DONE, tried 1 time(s)." in text
    assert view.refund is not None
    assert f"Its money: {quote(view.refund.message)}." in text


def test_every_story_is_explained_with_all_that_its_view_says() -> None:
    """No state, failure, settlement or act of any stored history is left out."""
    for path in ONE_RUN:
        view = order_view(read(path).events)
        text = "\n".join(explain(view))
        assert view.state in text, path
        assert all(f"{step.step} {step.state}" in text for step in view.steps), path
        assert view.failure is None or quote(view.failure.message) in text, path
        for step in view.steps:
            for progress in filter(None, (step, step.compensation)):
                is_settled = progress.state is StepState.SETTLED
                assert not is_settled or f"{progress.name} was settled by" in text, path
        assert all(re.search(rf"ossible now: {act.act}\b", text) for act in view.acts), path


def test_a_text_of_others_cannot_leave_its_quotation() -> None:
    """Whatever signs are in it: marks, ends of lines, controls. It is cut, and says so."""
    for text in (
        f"a{CLOSES} b",
        f"{OPENS}{OPENS} a",
        "a\nb",
        "a\u2028b",
        "a\x1b[2Jb",
        "a\u202eb",
        "",
    ):
        quotation = quote(text)
        assert quotation[0] == OPENS
        assert quotation[-1] == CLOSES
        assert not set(quotation[1:-1]) & {OPENS, CLOSES, "\n", "\u2028", "\x1b", "\u202e"}
    assert quote("a " * 300, 10) == f"{OPENS}a a a a a {CLOSES} … (600 characters)"


def test_only_what_is_ours_stands_as_it_is() -> None:
    """It is named at the top; no name below it, and no text elsewhere, can pass for it."""
    text = f"It failed: {quote(f'no{CLOSES} settle it')}."
    value = {"sentences": [text], "details": {"sentences": ["a b"], "x.sentences": "c d"}}
    short = shorten(value, ours=("sentences",)).value
    assert short["sentences"] == [f"It failed: {OPENS}no>> settle it{CLOSES}."]
    assert short["details"] == {"sentences": [quote("a b")], "x.sentences": quote("c d")}


def test_what_is_nested_or_wide_is_cut_and_named() -> None:
    """Names of fields are texts of others as well; a page's own entries are all there."""
    value = {
        "orders": [{"id": n} for n in range(60)],
        "details": {f"field {n}": n for n in range(100)},
        "timeline": [{"at": n} for n in range(60)],
        "state": "FAILED",
        "deep": [[[[[[[[[[[["too deep"]]]]]]]]]]]],
    }
    short = shorten(value, whole=("orders",))
    assert [order["id"] for order in short.value["orders"]] == list(range(60))
    assert [entry["at"] for entry in short.value["timeline"]] == list(range(35, 60))
    assert len(short.value["details"]) == 40
    assert all(name[0] == OPENS for name in short.value["details"])
    assert short.value["state"] == "FAILED"
    assert "too deep" not in str(short.value)
    words = " ".join(short.left_out)
    for name in ("details: 60 of 100 fields", "timeline: the first 35", "deep: what is nested"):
        assert name in words
    assert ONE_WORD.fullmatch("ann@shop.example")
    assert not ONE_WORD.fullmatch("two words")
