"""The types of settings that are more than a number or a word: lists, hosts, origins, addresses."""

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from limits import parse
from pydantic import AfterValidator, BeforeValidator
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
    if rate:
        parse(rate)
    return rate


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

RateLimit = Annotated[str, AfterValidator(_rate)]
"""So many per time, like 20/second; none when empty."""
