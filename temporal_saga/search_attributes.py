"""Whether a namespace has the search attributes that a saga sets."""

import json
import logging
from collections.abc import Iterable
from typing import Any

from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

LOG = logging.getLogger("worker")

MAY_NOT_ASK = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})


class SearchAttributesMissing(Exception):
    """A saga that sets one of them would stand still; the message says how to create them."""


async def check_search_attributes(client: Client, keys: Iterable[SearchAttributeKey[Any]]) -> bool:
    """Find that the namespace has these search attributes, each of its type; return True then.

    Workflows are counted by each, which whoever may list workflows may do: listing the attributes
    is an operator's right. Where even that may not be asked, it warns and returns True.

    Raises:
        SearchAttributesMissing: some are missing.
        RPCError: Temporal is away.
    """
    keys = tuple(keys)
    try:
        missing = [key for key in keys if not await _exists(client, key)]
    except RPCError as error:
        if error.status not in MAY_NOT_ASK:
            raise
        LOG.warning(
            "may not ask for the search attributes (%s); sagas stand still without any of: %s",
            error,
            ", ".join(f"{key.name} ({_type_of(key)})" for key in keys),
        )
        return True
    if missing:
        flags = " ".join(f"--name {key.name} --type {_type_of(key)}" for key in missing)
        raise SearchAttributesMissing(
            f"create them: temporal operator search-attribute create {flags}"
        )
    return True


async def _exists(client: Client, key: SearchAttributeKey[Any]) -> bool:
    try:
        await client.count_workflows(f"{key.name} = {json.dumps(key.value_type())}")
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT:
            raise
        return False
    return True


def _type_of(key: SearchAttributeKey[Any]) -> str:
    return key.indexed_value_type.name.title()
