"""The server of the Model Context Protocol: its tools and resources, for one caller."""

import json
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ValidationError

from contracts.prose import problems
from routes.assistants.answers import schema_of, schema_of_arguments
from routes.assistants.calls import MOST_OF_A_REFUSAL, ApiCalls
from routes.assistants.tools import TOOLS
from routes.assistants.words_of_others import NOTE, NoAnswer, quote, shorten
from routes.pages import media_type, pages, read_page

Context = ServerRequestContext[Any]

NAME = "order-saga"
VERSION = "0.1.0"
INSTRUCTIONS = (
    "Orders of a shop: each is a saga that pays, takes from stock and confirms, or compensates all "
    "of it. Begin with overview or list_orders; explain_order says where one order stands, and "
    "propose_act what an act would do. Ask the person whom you work for before you use act or "
    f"place_order. {NOTE}"
)

ORDER_URI = "orders://"
PAGE_URI = "docs://"


def build_server(api: ApiCalls) -> Server[Any]:
    """Return a server that asks the API for one caller."""
    return Server(
        NAME,
        version=VERSION,
        title="Order saga",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda _name: None,  # no argument of ours is repeated in a header
        on_list_tools=partial(_list_tools, api),
        on_call_tool=partial(_call_tool, api),
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=partial(_read_resource, api),
    )


async def _list_tools(api: ApiCalls, _context: Context, _parameters: Any) -> types.ListToolsResult:
    """Return the tools of which the caller may use one route at least."""
    tools = [
        _definition(name, has_token=api.has_token)
        for name, tool in TOOLS.items()
        if any(map(api.may_call, tool.routes))
    ]
    return types.ListToolsResult(tools=tools)


@cache
def _definition(name: str, *, has_token: bool) -> types.Tool:
    tool = TOOLS[name]
    return types.Tool(
        name=name,
        title=tool.title,
        description=tool.description,
        input_schema=schema_of_arguments(tool.arguments(has_token=has_token)),
        output_schema=schema_of(tool.answer),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.only_reads,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
    )


async def _call_tool(
    api: ApiCalls, _context: Context, parameters: types.CallToolRequestParams
) -> types.CallToolResult:
    """Return what a tool answers, or why it does not; then the answer is marked as an error."""
    try:
        text, document = await _answer(api, parameters.name, parameters.arguments or {})
    except NoAnswer as why:
        return types.CallToolResult(content=[types.TextContent(text=str(why))], is_error=True)
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=document)


async def _answer(
    api: ApiCalls, name: str, arguments: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return what a tool answers, as text and as JSON.

    Raises:
        NoAnswer: the arguments are wrong, the API refuses, or the answer is too long.
        MCPError: there is no such tool.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise MCPError(code=types.INVALID_PARAMS, message=f"there is no tool {quote(name, 60)}")
    answer = await tool.call(api, _read(tool.arguments(has_token=api.has_token), arguments))
    short = shorten(answer, whole=tool.whole, ours=tool.ours)
    document = {"note": NOTE, "left_out": list(short.left_out), "answer": short.value}
    return json.dumps(document, ensure_ascii=False), document


def _read(model: type[BaseModel], arguments: dict[str, Any]) -> BaseModel:
    """Return the arguments of a tool.

    Raises:
        NoAnswer: they are not what it takes.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        sentences = (
            f"{'.'.join(map(str, place)) or 'arguments'}: {message}"
            for place, message in problems(error.errors())
        )
        why = quote("; ".join(sentences), MOST_OF_A_REFUSAL)
        raise NoAnswer(f"The arguments are wrong: {why}") from error


async def _list_resources(_context: Context, _parameters: Any) -> types.ListResourcesResult:
    resources = [
        types.Resource(
            name=name, uri=f"{PAGE_URI}{name}", description=what, mime_type=media_type(name)
        )
        for name, what in pages().items()
    ]
    return types.ListResourcesResult(resources=resources)


async def _list_templates(_context: Context, _parameters: Any) -> types.ListResourceTemplatesResult:
    order = types.ResourceTemplate(
        name="order",
        uri_template=f"{ORDER_URI}{{order_id}}",
        description="an order, as get_order answers it",
        mime_type="application/json",
    )
    return types.ListResourceTemplatesResult(resource_templates=[order])


async def _read_resource(
    api: ApiCalls, _context: Context, parameters: types.ReadResourceRequestParams
) -> types.ReadResourceResult:
    """Return a page of the documentation, or an order as `get_order` answers it.

    Raises:
        MCPError: there is nothing of this name, or the API refuses.
    """
    uri = parameters.uri
    page = uri.removeprefix(PAGE_URI)
    if uri.startswith(PAGE_URI) and page in pages():
        text = read_page(page)
        mime_type = media_type(page)
    elif uri.startswith(ORDER_URI):
        order_id = unquote(uri.removeprefix(ORDER_URI))
        try:
            text, _ = await _answer(api, "get_order", {"order_id": order_id})
        except NoAnswer as why:
            raise MCPError(code=types.INVALID_PARAMS, message=str(why)) from why
        mime_type = "application/json"
    else:
        raise MCPError(code=types.INVALID_PARAMS, message=f"there is nothing at {quote(uri, 200)}")
    contents = types.TextResourceContents(uri=uri, text=text, mime_type=mime_type)
    return types.ReadResourceResult(contents=[contents])
