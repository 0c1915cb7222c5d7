"""Restate: a server that keeps a journal and calls services over HTTP/2."""

import json
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.contestants.contestant import Programs, Running, Unavailable
from bench.contestants.dbos import is_ready
from bench.doors import HttpDoor
from bench.environments import PEERS, node_modules, pinned_versions, python_environment
from bench.http_client import Answer, HttpClient
from bench.processes import DidNotStart
from contracts.placing import PlaceOrder
from operations.demo.ephemeral_stack import free_ports

PEER = PEERS / "restate"
APPLICATION = "bench.peers.restate.app"
NPM_NAMES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}
"""What npm calls the processors that Restate is built for."""


@dataclass(frozen=True)
class Restate:
    """The server and one service process; the orders come through the server's HTTP ingress."""

    name: str
    title: str

    def prepare(self) -> Mapping[str, str]:
        """Install both.

        Raises:
            Unavailable: that fails, or there is no server for this machine.
        """
        python_environment(PEER)
        manifest = _server().parents[1] / "package.json"
        version = json.loads(manifest.read_text())["version"]
        return {"restate-server": version, **pinned_versions(PEER, "restate-sdk")}

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[Running]:
        """Run both, on free ports."""
        ingress_port, admin_port, node_port, service_port = free_ports(4)
        programs = Programs(folder)
        # Ports, and no reports to its makers; everything else is as it comes.
        settings = {
            "RESTATE_BIND_IP": "127.0.0.1",
            "RESTATE_BIND_PORT": str(node_port),
            "RESTATE_INGRESS__BIND_PORT": str(ingress_port),
            "RESTATE_ADMIN__BIND_PORT": str(admin_port),
            "RESTATE_DISABLE_TELEMETRY": "true",
        }
        flags = ("--no-logo", "--listen-mode", "tcp", "--base-dir", folder / "restate")
        try:
            programs.start("restate", _server(), *flags, env=settings)
            command = ("-m", APPLICATION, str(service_port), folder)
            programs.start("service", python_environment(PEER), *command)
            await programs.until(lambda: is_ready(admin_port, "/health"), "Restate's server")
            await programs.until(
                lambda: _is_registered(admin_port, service_port), "Restate's service"
            )
            yield Running(HttpDoor(ingress_port, _path, _is_completed), programs.running)
        finally:
            await programs.stop()


def _server() -> Path:
    """Return the server's program, without the script of npm's that would run beside it.

    Raises:
        Unavailable: it is not there after the installation.
    """
    processor = NPM_NAMES.get(platform.machine(), platform.machine())
    package = f"restate-server-{platform.system().lower()}-{processor}"
    program = node_modules(PEER) / "@restatedev" / package / "bin" / "restate-server"
    if not program.exists():
        raise Unavailable(f"npm has no {package}")
    return program


async def _is_registered(admin_port: int, service_port: int) -> bool:
    """Tell the server where the service is; False as long as the service does not answer."""
    body = json.dumps({"uri": f"http://127.0.0.1:{service_port}"}).encode()
    async with HttpClient(admin_port) as client:
        try:
            answer = await client.request("POST", "/deployments", body)
        except OSError as error:
            raise DidNotStart(f"Restate's server gives no answer: {error!r}") from error
    return answer.status == 201  # noqa: PLR2004


def _path(order: PlaceOrder) -> str:
    return f"/OrderSaga/{order.order_id}/run"


def _is_completed(answer: Answer) -> bool:
    return bool(answer.body == "COMPLETED")
