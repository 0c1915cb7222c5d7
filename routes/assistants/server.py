"""The server of the Model Context Protocol: its tools and resources, for one caller."""

import json
from functools import cache
from typing import Any
from urllib.parse import unquote

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ValidationError

from contracts.prose import problems
from routes.assistants.answers import schema_of, schema_of_arguments, write_answer
from routes.assistants.calls import ApiCalls, Refusal
from routes.assistants.tools import TOOLS
from routes.assistants.words_of_others import NOTE, TooLong, quote
from routes.pages import MEDIA_TYPES, pages, read_page

Context = ServerRequestContext[Any]

NAME = "order-saga"
VERSION = "0.1.0"
INSTRUCTIONS = (
    "Orders of a shop: each is a saga that pays, takes from stock and confirms, or compensates all "
    "of it. Begin with overview or list_orders; explain_order says where one order stands, and "
    "propose_act what an act would do. Ask the person whom you work for before you use act or "
    f"place_order. {NOTE}"
)

MOST_OF_A_REFUSAL = 1_000

ORDER_URI = "orders://"
PAGE_URI = "docs://"


def tools_for(api: ApiCalls) -> list[types.Tool]:
    """Return the tools of which the caller may use one route at least."""
    return [
        _definition(name) for name, tool in TOOLS.items() if any(map(api.may_call, tool.routes))
    ]


@cache
def _definition(name: str) -> types.Tool:
    tool = TOOLS[name]
    return types.Tool(
        name=name,
        title=tool.title,
        description=tool.description,
        input_schema=schema_of_arguments(tool.arguments),
        output_schema=schema_of(tool.answer),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.only_reads,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
    )


async def call_tool(api: ApiCalls, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    """Return what a tool answers, or why it does not; then the answer is marked as an error.

    Raises:
        MCPError: there is no such tool.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise MCPError(code=types.INVALID_PARAMS, message=f"there is no tool {quote(name, 60)}")
    try:
        answer = await tool.call(api, _read(tool.arguments, arguments))
        document = write_answer(answer, tool.whole, tool.ours)
    except Refusal as refusal:
        why = quote(str(refusal), MOST_OF_A_REFUSAL)
        return _error(f"The API refuses ({refusal.kind}): {why}. {NOTE}")
    except (_WrongArguments, TooLong) as error:
        return _error(str(error))
    text = json.dumps(document, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=document)


class _WrongArguments(Exception):
    """The message says which, and how."""


def _read(model: type[BaseModel], arguments: dict[str, Any]) -> BaseModel:
    """Return the arguments of a tool.

    Raises:
        _WrongArguments: they are not what it takes.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        sentences = (
            f"{'.'.join(map(str, place)) or 'arguments'}: {message}"
            for place, message in problems(error.errors())
        )
        why = quote("; ".join(sentences), MOST_OF_A_REFUSAL)
        raise _WrongArguments(f"The arguments are wrong: {why}") from error


def _error(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


async def read_resource(api: ApiCalls, uri: str) -> types.ReadResourceResult:
    """Return a page of the documentation, or an order as `get_order` answers it.

    Raises:
        MCPError: there is nothing of this name, or the API refuses.
    """
    kind, _, name = uri.partition("://")
    if f"{kind}://" == PAGE_URI and name in pages():
        return _contents(uri, read_page(name), _media_type(name))
    if f"{kind}://" != ORDER_URI:
        raise MCPError(code=types.INVALID_PARAMS, message=f"there is nothing at {quote(uri, 200)}")
    result = await call_tool(api, "get_order", {"order_id": unquote(name)})
    text = "".join(block.text for block in result.content if isinstance(block, types.TextContent))
    if result.is_error:
        raise MCPError(code=types.INVALID_PARAMS, message=text)
    return _contents(uri, text, "application/json")


def _contents(uri: str, text: str, mime_type: str) -> types.ReadResourceResult:
    contents = types.TextResourceContents(uri=uri, text=text, mime_type=mime_type)
    return types.ReadResourceResult(contents=[contents])


def _media_type(name: str) -> str:
    return MEDIA_TYPES[f".{name.rpartition('.')[2]}"]


def build_server(api: ApiCalls) -> Server[Any]:
    """Return a server that asks the API for one caller."""

    async def on_list_tools(_context: Context, _parameters: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools_for(api))

    async def on_call_tool(
        _context: Context, parameters: types.CallToolRequestParams
    ) -> types.CallToolResult:
        return await call_tool(api, parameters.name, parameters.arguments or {})

    async def on_list_resources(_context: Context, _parameters: Any) -> types.ListResourcesResult:
        resources = [
            types.Resource(
                name=name,
                uri=f"{PAGE_URI}{name}",
                description=what,
                mime_type=_media_type(name),
            )
            for name, what in pages().items()
        ]
        return types.ListResourcesResult(resources=resources)

    async def on_list_templates(
        _context: Context, _parameters: Any
    ) -> types.ListResourceTemplatesResult:
        order = types.ResourceTemplate(
            name="order",
            uri_template=f"{ORDER_URI}{{order_id}}",
            description="an order, as get_order answers it",
            mime_type="application/json",
        )
        return types.ListResourceTemplatesResult(resource_templates=[order])

    async def on_read_resource(
        _context: Context, parameters: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await read_resource(api, parameters.uri)

    return Server(
        NAME,
        version=VERSION,
        title="Order saga",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda _name: None,  # no argument of ours is repeated in a header
        on_list_tools=on_list_tools,
        on_call_tool=on_call_tool,
        on_list_resources=on_list_resources,
        on_list_resource_templates=on_list_templates,
        on_read_resource=on_read_resource,
    )
