"""A gate before a real Temporal that lets in whom it is told to.

What a server with access rules answers, of a test's own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

LISTENING = frozenset({"GetSystemInfo", "GetClusterInfo", "Check"})
"""What a server answers whoever asks, as the SDK connects by it."""


@dataclass
class Gate(grpc.GenericRpcHandler):  # type: ignore[misc]  # the library tells no types
    """Carries calls to `target`.

    Those to `closed` methods, or to all when it names none, are answered with `status`.
    """

    target: str
    status: grpc.StatusCode | None = None
    closed_methods: frozenset[str] = frozenset()
    port: int = 0
    channel: Any = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Return what becomes of a call."""
        path = handler_call_details.method

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            method = path.rpartition("/")[2]
            if self.status is not None and (
                method in self.closed_methods
                or (not self.closed_methods and method not in LISTENING)
            ):
                context.abort(self.status, "Request unauthorized.")
            method_call = self.channel.unary_unary(
                path, lambda request_bytes: request_bytes, lambda answer_bytes: answer_bytes
            )
            call = method_call.future(request, timeout=context.time_remaining())
            context.add_callback(call.cancel)  # a poll of who is gone would take work, and lose it
            try:
                return bytes(call.result())
            except grpc.FutureCancelledError:
                context.abort(grpc.StatusCode.CANCELLED, "the caller is gone")
                raise
            except grpc.RpcError as error:
                trailing = [
                    pair
                    for pair in error.trailing_metadata() or ()
                    if pair[0] == "grpc-status-details-bin"
                ]
                context.set_trailing_metadata(trailing)
                context.abort(error.code(), error.details() or "")
                raise

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def gate(target: str) -> Iterator[Gate]:
    """Give an open gate before the Temporal at `target`."""
    gate = Gate(target, channel=grpc.insecure_channel(target))
    # A long poll holds a thread: of four workers' polls there are some twenty.
    with ThreadPoolExecutor(80) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((gate,))
        gate.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield gate
        finally:
            server.stop(grace=None).wait(5)
            gate.channel.close()
