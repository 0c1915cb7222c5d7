"""The types of settings that are more than a number or a word: lists, hosts, origins, addresses."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
ORIGIN = re.compile(rf"(https?)://({HOST_NAME.pattern}|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?")
USUAL_PORT = {"http": ":80", "https": ":443"}
NO_PART_OF_A_LINK = re.compile(r"[\s\\<>\"`{}|^]")


def _split(value: Any) -> Any:
    """Return what stands between commas and spaces, in small letters."""
    return tuple(value.replace(",", " ").lower().split()) if isinstance(value, str) else value


def _web_address(address: str) -> str:
    """Return it without spaces around it and without slashes at its end; a path is allowed."""
    address = address.strip()
    where = urlsplit(address)
    if address and not (where.scheme in ("http", "https") and where.hostname):
        raise ValueError(
            "it must begin with http:// or https:// and a name, as a browser's address does"
        )
    if NO_PART_OF_A_LINK.search(address):
        raise ValueError("it must have no blanks, backslashes, quotes or brackets in it")
    if where.query or where.fragment or address.endswith(("?", "#")):
        raise ValueError("it must end before any ? or #, as links go on behind it")
    if where.username is not None:
        raise ValueError("it must hold no name or password, as every order shows it")
    if where.port == 0:  # reading `port` raises where it is no number
        raise ValueError("its port must be 1 to 65535")
    return address.rstrip("/")


def _rate(rate: str) -> str:
    if not rate:
        return rate
    rates = parse_many(rate)
    if len(rates) > 1:
        raise ValueError("it must be one rate, like 20/second")
    if rates[0].amount < 1:
        raise ValueError("it must allow at least 1; leave it empty for no limit")
    return rate


def _whole(value: Any) -> Any:
    """Refuse 100.00: its author means major units, and it would be read as 100 minor units."""
    if isinstance(value, str) and not re.fullmatch(r"\s*[+-]?\d+\s*", value):
        raise ValueError("it must be a whole number, like 10000 for 100.00")
    return value


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]*", token.get_secret_value()):
        raise ValueError("it must hold only what a header may hold: letters, digits, signs")
    return token


def is_loopback(host: str) -> bool:
    """Tell whether what binds to this name or address is reached from this machine alone."""
    name = host.lower()
    return name in LOOPBACK or (_is_ip_address(name) and ipaddress.ip_address(name).is_loopback)


def _hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not (HOST_NAME.fullmatch(host) or _is_ip_address(host)):
            raise ValueError(f"{host} is no name or address of a host; ports do not belong here")
    return hosts


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = ORIGIN.fullmatch(origin)
        if not parts:
            raise ValueError(
                f"{origin} is no origin: name each exactly, "
                "like https://shop.example.org or http://localhost:3000"
            )
        if parts[3] == USUAL_PORT[parts[1]]:
            raise ValueError(
                f"{origin} is written without its port by browsers, as that is the usual one"
            )
    return origins


def _networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        ipaddress.ip_network(network)
    return networks


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several values in one variable, with commas between them."""

Hosts = Annotated[Words, AfterValidator(_hosts)]
"""Names or addresses of hosts, without ports."""

Origins = Annotated[Words, AfterValidator(_origins)]
"""Origins of web pages, exactly as browsers send them."""

Networks = Annotated[Words, AfterValidator(_networks)]
"""IP addresses or networks."""

WebAddress = Annotated[str, AfterValidator(_web_address)]
"""Where a browser finds something; links go on behind it."""

BindAddress = Annotated[str, AfterValidator(lambda host: host.removeprefix("[").removesuffix("]"))]
"""The address that a server binds to; an IPv6 address may stand in brackets, as in a URL."""

HomePath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A folder; ~ is the home of whoever starts the process."""

WholeMinor = Annotated[int, BeforeValidator(_whole)]
"""An amount in minor units."""

Token = Annotated[SecretStr, AfterValidator(_token)]
"""A token as a header carries it."""

Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]
"""A limit of time: more than nothing, and at most 30 days."""

RateLimit = Annotated[str, AfterValidator(_rate)]
"""So many per time, like 20/second; none when empty."""
