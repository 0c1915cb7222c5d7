"""Callers with tokens, and what they ask for."""

from typing import Any

import httpx

from tests.stack import Stack, order
from tests.tokens import SCOPES

WRITE, READ, OPERATE, SHOP = SCOPES
SAID = {"by": "somebody", "reason": "a test"}
ANNS = order("ann", order_id="anns")


def ask(stack: Stack, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return stack.http.request(method, path, json=body, headers=headers)
