"""Assistants at a running system: the protocol's own client, over HTTP and on standard input."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.stack import ROOT, Stack, order, until
from tests.tokens import AUTHENTICATION, SCOPES, bearer

pytestmark = pytest.mark.long

LARGE = 100_000
ANNA = bearer("orders:read", "orders:approve", sub="8c1f", name="Anna Lee")
READER = bearer("orders:read")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system that asks for tokens, and in which large orders are reviewed."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= AUTHENTICATION | {"REVIEW_THRESHOLD_MINOR": str(LARGE)}
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all()
        yield system
    finally:
        system.stop()


def place_large(stack: Stack, order_id: str) -> None:
    """Place an order, and wait until it awaits review."""
    body = order(price=LARGE, order_id=order_id)
    assert stack.http.post("/orders", json=body, headers=bearer(*SCOPES)).status_code == 202

    def is_reviewed() -> bool:
        view = stack.http.get(f"/orders/{order_id}", headers=READER).json()
        return bool(view["state"] == "AWAITING_REVIEW")

    until(is_reviewed, f"{order_id} awaits review")


def answer_of(result: CallToolResult) -> dict[str, Any]:
    """Return what a tool answered."""
    assert not result.is_error, result.content
    answer: dict[str, Any] = result.structured_content["answer"]
    return answer


async def approve(client: Client, order_id: str) -> None:
    """Ask what approving would do, do it, and see that it was done once."""
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"explain_order", "propose_act", "act"} <= names
    about = {"order_id": order_id}
    proposal = answer_of(await client.call_tool("propose_act", about | {"act": "approve"}))
    assert proposal["would_be_taken"] is True
    assert proposal["call"]["path"] == f"/orders/{order_id}/approve"
    assert proposal["fields"] == ["reason"], "the token names the person"
    again = answer_of(await client.call_tool("explain_order", about))
    assert again["state"] == "AWAITING_REVIEW", "a proposal does nothing"
    words = {"act": "approve", "reason": "the customer is known"}
    answer_of(await client.call_tool("act", about | words))
    refusal = await client.call_tool("act", about | words | {"act": "reject"})
    assert refusal.is_error
    assert "orders:reject" in str(refusal.content)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_assistant_approves_over_http(stack: Stack, mode: str) -> None:
    """In the protocol's newest form and by its handshake.

    The order's record names the person of the token, and the log of operations the door.
    """
    order_id = f"http-{mode}"
    place_large(stack, order_id)
    url = f"http://127.0.0.1:{stack.api_port}/mcp"
    async with (
        httpx2.AsyncClient(headers=ANNA) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        await approve(client, order_id)
        page = (await client.list_resources()).resources
        assert "docs://API.md" in {resource.uri for resource in page}
    check_record(stack, order_id)


async def test_an_assistant_approves_on_standard_input(stack: Stack) -> None:
    """The command has the same tools, and what it does is noted alike; wrong settings are told."""
    place_large(stack, "stdio")
    token = ANNA["Authorization"].removeprefix("Bearer ")
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "operations.mcp"],
        cwd=ROOT,
        env=dict(os.environ) | {"API_PORT": str(stack.api_port), "API_TOKEN": token},
    )
    async with Client(command) as client:
        await approve(client, "stdio")
    check_record(stack, "stdio")
    nobody = command.model_copy(update={"env": dict(os.environ) | {"API_PORT": "1"}})
    async with Client(nobody) as client:
        result = await client.call_tool("overview", {})
        assert result.is_error
        assert "gives no answer" in str(result.content)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_while_its_input_is_open(number: signal.Signals) -> None:
    """Ctrl-C and a supervisor's word alike, at once and without a traceback."""
    command = [sys.executable, "-m", "operations.mcp"]
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}}
    hello |= {"clientInfo": {"name": "a test", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        assert b"serverInfo" in process.stdout.readline()
        process.send_signal(number)
        try:
            assert process.wait(10) == -number
        finally:
            process.kill()
        assert b"Traceback" not in process.stderr.read()


def check_record(stack: Stack, order_id: str) -> None:
    """See that the order completed, who approved it, and what the log says of it."""

    def completed_order() -> dict[str, Any] | None:
        view: dict[str, Any] = stack.http.get(f"/orders/{order_id}", headers=READER).json()
        return view if view["state"] == "COMPLETED" else None

    view = until(completed_order, f"{order_id} is completed")
    assert view is not None
    assert "Anna Lee (8c1f)" in json.dumps(view["timeline"])
    operations = stack.http.get(
        "/operations", params={"order_id": order_id}, headers=bearer(*SCOPES)
    ).json()["operations"]
    entries = {(entry["act"], entry["outcome"]): entry for entry in operations}
    entry = entries["approve", "DONE"]
    assert (entry["door"], entry["subject"], entry["reason"]) == (
        "mcp",
        "8c1f",
        "the customer is known",
    )
    assert entries["reject", "REFUSED"]["door"] == "mcp"
