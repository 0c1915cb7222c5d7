"""The door for assistants, over HTTP."""

import logging
import sys
from importlib import import_module
from types import ModuleType

from fastapi import APIRouter, Request, Response

from application.threads import on_thread
from routes.dependencies import RequestCaller

EXCHANGE = "routes.assistants.exchange"

LOAD_SECONDS = 30

router = APIRouter(include_in_schema=False)


@router.post("/mcp")
async def exchange(request: Request, caller: RequestCaller) -> Response:
    """Answer one message of the Model Context Protocol."""
    module = sys.modules.get(EXCHANGE)
    if module is None:
        module = await on_thread(_load, seconds=LOAD_SECONDS)
    response: Response = module.Exchange(request.app, caller)
    return response


def _load() -> ModuleType:
    """Import the protocol's library at the first request: it costs a second and 20 MB."""
    logging.getLogger("mcp").setLevel(logging.WARNING)  # it tells each request
    return import_module(EXCHANGE)
