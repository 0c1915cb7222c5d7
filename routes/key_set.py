"""A set of published keys (RFC 7517), as far as they can have signed tokens of ours."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import jwt

MOST_KEYS = 1_000

log = logging.getLogger("api")


class KeySet:
    """The keys of one answer of the issuer that can have signed tokens of ours."""

    def __init__(self, keys: Iterable[jwt.PyJWK] = (), other_ids: Iterable[str] = ()) -> None:
        """Hold `keys` by their ids; `other_ids` are those of keys that are not for our tokens."""
        self.keys = list(keys)
        self._other_ids = frozenset(other_ids)
        self._by_id = {key.key_id: key for key in reversed(self.keys) if key.key_id}

    def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key of this id; the only one there is, if it or the token has no id."""
        if key_id is not None and key_id in self._by_id:
            return self._by_id[key_id]
        is_only = len(self.keys) == 1 and (key_id is None or not self.keys[0].key_id)
        return self.keys[0] if is_only else None

    def cannot_be(self, key_id: str | None) -> str:
        """Return why a token that names this key cannot be believed; "" if it can.

        As far as the issuer has said.
        """
        if key_id is None and len(self.keys) > 1:
            return "names no key (kid), and its issuer publishes several"
        if key_id is not None and key_id in self._other_ids and key_id not in self._by_id:
            return "was signed with a key that its issuer publishes for something else"
        return ""

    @classmethod
    def parse(cls, algorithm: str, text: bytes) -> "KeySet":
        """Return what a document publishes; members that are no keys of ours are passed over.

        Raises:
            ValueError: there is no key in it.
        """
        document = json.loads(text)
        members = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(members, list) or len(members) > MOST_KEYS:
            raise ValueError(f"the answer is no set of at most {MOST_KEYS} keys")
        named_members = [
            member
            for member in members
            if isinstance(member, Mapping) and isinstance(member.get("kid", ""), str)
        ]
        keys = [key for member in named_members if (key := _key(member, algorithm)) is not None]
        if not keys:
            raise ValueError(f"the answer has no key for {algorithm}")
        if len(keys) > 1 and (nameless := sum(not key.key_id for key in keys)):
            log.warning(
                "%s of %s keys of the tokens' issuer have no kid, and cannot be used",
                nameless,
                len(keys),
            )
        return cls(keys, {member["kid"] for member in named_members if "kid" in member})


def _key(member: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """Return a member as a key; None when it is none, or is not for signing tokens of ours."""
    if member.get("use", "sig") != "sig" or member.get("alg", algorithm) != algorithm:
        return None
    try:
        return jwt.PyJWK(dict(member), algorithm)
    except Exception:  # noqa: BLE001  # one that cannot be read must not cost the others
        return None
