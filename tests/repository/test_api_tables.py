"""The tables and lists of docs/API.md hold what the code knows.

No reason, state, status or event is left out, none is invented.
"""

import re
from pathlib import Path
from typing import Any, get_args

from api import create_app
from application.caller import FOR_STAFF, SUMS, SUMS_FOR_CUSTOMERS, Scope
from config import Settings
from contracts.acts import FIELDS, Act
from contracts.placing import DEADLINE_SECONDS, PlaceOrder
from contracts.prose import FOR_CUSTOMERS
from contracts.states import CLOSED, FailureReason, OrderStatus, SagaState
from contracts.views import Closed, TimelineEntry
from routes import examples

PAGE = (Path(__file__).parents[2] / "docs" / "API.md").read_text()


def table(first: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this title, without its head."""
    [rows_text] = re.findall(
        rf"^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE
    )
    return [
        [cell.strip() for cell in row.strip("|").split(" | ")] for row in rows_text.splitlines()
    ]


def names_in_code(rows: list[list[str]]) -> list[str]:
    """Return what the first cells of a table name in code."""
    return [name for first, *_ in rows for name in re.findall("`([^`]+)`", first)]


REASON = re.compile(r"^- `([A-Z_]+)`: (.+?)\\ “(.+?)”\\ Again: (.+)\.$")


def reasons() -> list[tuple[str, ...]]:
    """Return each reason of the list, when it is given, the customer's sentence, and what to do."""
    [section] = re.findall(r"^### Why it failed$(.+?)^### ", PAGE, re.MULTILINE | re.DOTALL)
    items = re.findall(r"^- .+(?:\n  .+)+", section, re.MULTILINE)
    matches = [REASON.match(" ".join(item.split())) for item in items]
    return [match.groups() for match in matches if match]


def test_every_reason_is_listed_with_its_sentence() -> None:
    """In the order of the enumeration: when, what the customer reads, whether to order again."""
    reason_rows = reasons()
    assert [reason for reason, *_ in reason_rows] == list(FailureReason)
    assert [sentence for _, _, sentence, _ in reason_rows] == [
        FOR_CUSTOMERS[reason] for reason in FailureReason
    ]


def test_every_state_and_status_is_told_and_whether_it_is_final() -> None:
    """What a saga never leaves is final, and a record that is closed is."""
    states = table("`state`")
    statuses = table("`status`")
    assert names_in_code(states) == list(SagaState)
    assert {row[0].strip("`") for row in states if row[1] == "yes"} == CLOSED
    assert names_in_code(statuses) == list(OrderStatus)
    assert {row[0].strip("`") for row in statuses if row[1] == "yes"} == set(OrderStatus) - {
        "PENDING"
    }


def test_every_event_of_a_stream_is_told_with_its_data() -> None:
    """The page and the OpenAPI document name the same events, and every field that they carry."""
    entries, last = table("event")
    kinds = get_args(TimelineEntry.model_fields["kind"].annotation)
    assert names_in_code([entries]) == list(kinds)
    assert names_in_code([last]) == ["closed"]
    for row, model in ((entries, TimelineEntry), (last, Closed)):
        assert set(model.model_fields) <= set(re.findall("`([^`]+)`", row[1])), row
    stream = create_app(Settings()).openapi()["paths"]["/orders/{order_id}/events"]["get"][
        "responses"
    ]
    event = stream["200"]["content"]["text/event-stream"]["itemSchema"]["properties"]["event"]
    assert event["enum"] == [*kinds, "closed"]
    assert "204" in stream


def test_every_act_is_told_with_its_body_and_its_route() -> None:
    """Whoever follows the page alone sends what the API takes."""
    rows = table("`act`")
    document = create_app(Settings()).openapi()
    assert [row[0].strip("`") for row in rows] == list(Act)
    for act, step, fields, route in rows:
        name = Act(act.strip("`"))
        path = route.strip("`").removeprefix("POST ")
        assert tuple(re.findall("`([^`]+)`", fields)) == FIELDS[name]
        assert (step != "null") is ("{step}" in path)
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        schema = document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        assert set(schema["properties"]) == set(FIELDS[name])
        assert set(schema["required"]) == set(FIELDS[name]) - {"by"}  # where a token says it
    properties = document["components"]["schemas"]["ActView"]["properties"]
    assert set(properties) == {
        *("act", "step", "fields", "effect", "is_final"),
        *("refusal", "token_allows"),
    }


def test_the_deadline_is_told_as_it_is() -> None:
    """Its bounds and its default stand on the page as the code has them."""
    limits = {
        type(limit).__name__: limit
        for limit in PlaceOrder.model_fields["deadline_seconds"].metadata
    }
    assert f"(1 to {limits['Le'].le:,}, {DEADLINE_SECONDS} when it is not given)" in PAGE
    assert limits["Ge"].ge == 1


def references(value: Any) -> set[str]:
    """Return every schema that a JSON value refers to."""
    if isinstance(value, dict):
        here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return here.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_openapi_document_refers_to_what_it_has() -> None:
    """The schemas of the stream's data as well; the reason of a failure is the enumeration."""
    document = create_app(Settings()).openapi()
    schemas = document["components"]["schemas"]
    assert {
        name.removeprefix("#/components/schemas/") for name in references(document)
    } <= schemas.keys()
    assert schemas["FailureView"]["properties"]["reason"]["$ref"].endswith("/FailureReason")
    assert schemas["FailureReason"]["enum"] == list(FailureReason)
    assert "customer_message" in schemas["FailureView"]["required"]


def test_an_example_of_a_failed_order_is_what_the_api_answers() -> None:
    """Every field of the model stands in it, with the customer's sentence and where to go next.

    None is misspelt.
    """
    document = create_app(Settings()).openapi()
    view_schema = document["components"]["schemas"]["OrderView"]
    assert set(view_schema["properties"]) == examples.OUT_OF_STOCK.keys()
    assert examples._FAILED.keys() <= view_schema["properties"].keys()
    assert (
        set(document["components"]["schemas"]["FailureView"]["properties"])
        == examples.OUT_OF_STOCK["failure"].keys()
    )
    assert examples.OUT_OF_STOCK["links"]["events"] == f"/orders/{examples.ORDER_ID}/events"


def test_every_scope_is_told_with_what_it_allows() -> None:
    """One row for each; of a sum the scopes that it holds, and what it holds for customers."""
    sums = {row[0].strip("`"): set(re.findall("`([^`]+)`", row[1])) for row in table("sum")}
    assert sums == {
        total: set(parts) | set(SUMS_FOR_CUSTOMERS.get(total, ())) for total, parts in SUMS.items()
    }
    assert {*names_in_code(table("scope")), *sums} == set(Scope)
    for_staff = {row[0].strip("`") for row in table("scope") if re.search("never|likewise", row[1])}
    assert for_staff == FOR_STAFF
