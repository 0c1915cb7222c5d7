"""The keys that an issuer of tokens publishes: kept while they serve, and read again meanwhile."""

import asyncio
import logging
import math
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import monotonic

import jwt

from routes.access import unauthorized
from routes.key_download import download
from routes.key_set import KeySet
from routes.problems import Problem

FRESH_SECONDS = 300
"""Older keys are asked for again, while they serve on."""

KEPT_SECONDS = 3_600
"""Keys serve for this long when no newer can be had: a withdrawn key is believed no longer."""

AGAIN_AFTER_SECONDS = 5
"""The issuer is not asked again so soon, whatever it answered, and whatever keys callers name."""

log = logging.getLogger("api")


class Keys:
    """An issuer's keys.

    Who names one that is known is kept waiting neither by who names another, nor by the issuer.
    """

    def __init__(self, url: str, algorithm: str, clock: Callable[[], float] = monotonic) -> None:
        """Read from `url` the keys for one algorithm, once one is needed.

        `clock` counts seconds.
        """
        self._url = url
        self._clock = clock
        self._algorithm = algorithm
        self._key_set = KeySet()
        self._read_at = -math.inf
        self._requested_at = -math.inf
        self._is_away = False
        self._reading: asyncio.Task[bool] | None = None

    async def key_of(self, token: str, instead_of: jwt.PyJWK | None = None) -> jwt.PyJWK:
        """Return the key that must have signed a token.

        Args:
            token: a token, which is not to be believed yet.
            instead_of: the key that was returned for it before, and has not signed it.

        Raises:
            PyJWTError: what is given is no token.
            Problem: 401, there is no such key; 503, nobody knows just now whether there is.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        key = self._find(key_id)
        is_fresh = self._clock() - self._read_at <= FRESH_SECONDS
        if key is None and is_fresh and (why := self._key_set.cannot_be(key_id)):
            raise refusal_of_token(why)
        is_news = False
        if key is None or key is instead_of:
            is_news = await self._read_now()
            key = self._find(key_id)
        elif not is_fresh:
            self._begin_to_read()
        if key is not None and key is not instead_of:
            return key
        if not is_news:
            raise self._issuer_away()
        raise refusal_of_token(
            self._key_set.cannot_be(key_id)
            or "was signed with a key that its issuer does not publish"
        )

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        serves = self._clock() - self._read_at <= KEPT_SECONDS
        return self._key_set.find(key_id) if serves else None

    def _begin_to_read(self) -> bool:
        """Begin to ask the issuer, if it may be asked; one at a time.

        Returns:
            Whether it is asked for us.
        """
        is_soon = 0 <= self._clock() - self._requested_at < AGAIN_AFTER_SECONDS
        if self._reading is not None or is_soon:
            return False
        self._requested_at = self._clock()
        self._reading = asyncio.create_task(self._read())
        return True

    async def _read_now(self) -> bool:
        """Ask the issuer, if it may be asked, or wait for who does.

        Returns:
            Whether it has answered us.
        """
        is_for_us = self._begin_to_read()
        if (reading := self._reading) is None:
            return False
        await asyncio.wait([reading])
        return is_for_us and reading.result()

    async def _read(self) -> bool:
        """Ask the issuer, and return whether it has answered well; if not, that changes nothing."""
        requested_at = self._requested_at
        try:
            self._key_set = await download(self._url, partial(KeySet.parse, self._algorithm))
        except Exception as error:  # noqa: BLE001  # whatever it sends, those who have a key go on
            self._note_away(error)
            return False
        else:
            if self._is_away:
                log.warning("the keys of the tokens' issuer are to be had again")
            self._is_away = False
            self._read_at = requested_at
            return True
        finally:
            self._reading = None

    def _note_away(self, error: Exception) -> None:
        """Log that the issuer is away, once, as it is asked every few seconds."""
        if not self._is_away:
            remaining = max(0, self._read_at + KEPT_SECONDS - self._clock())
            log.warning(
                "the keys of the tokens' issuer cannot be had (%s); "
                "those known serve for %s s more",
                error,
                math.floor(remaining),
            )
        self._is_away = True

    def _issuer_away(self) -> Problem:
        wait = max(1, math.ceil(self._requested_at + AGAIN_AFTER_SECONDS - self._clock()))
        why = (
            "the issuer of tokens gives no answer about the key of this one; "
            "nothing is lost, ask again"
        )
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", why, headers={"Retry-After": str(wait)}
        )


def refusal_of_token(why: str) -> Problem:
    """Return the problem of a caller whose token is not believed."""
    return unauthorized(f"the token {why}", challenge='Bearer error="invalid_token"')
