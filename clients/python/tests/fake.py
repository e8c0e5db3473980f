"""Servers that fail as a test tells them to."""

import socket
import threading
from collections import Counter
from concurrent import futures
from typing import Any, Iterator, List, Optional

import grpc
from shop.v1.product_store_pb2 import (
    CreateProductRequest,
    GetProductRequest,
    Product,
    StreamProductsRequest,
    StreamProductsResponse,
)
from shop.v1.product_store_pb2_grpc import ProductStoreServicer, add_ProductStoreServicer_to_server

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Fake(ProductStoreServicer):
    """A ProductStore on a free port, which counts what it is asked."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        # Statuses of the next calls, in order; when none is left calls go well.
        self.failures: List[grpc.StatusCode] = []
        # StreamProducts: after how many messages each of the next calls breaks off.
        self.breaks: List[int] = []
        self.products = 0
        # Details of errors: a google.rpc.Status, or what is none.
        self.details: Optional[bytes] = None
        # Seconds that were left to the last call; None: it had no deadline.
        self.remaining: Optional[float] = None
        # Calls wait for it.
        self.go_on = threading.Event()
        self.go_on.set()
        # Set when the caller has given a stream up, or has all of it.
        self.stream_ended = threading.Event()
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        add_ProductStoreServicer_to_server(self, self._server)
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        self.go_on.set()
        self._server.stop(None).wait()

    def _called(self, method: str, context: Any) -> None:
        self.calls[method] += 1
        left = context.time_remaining()
        # Without a deadline there is as much as there can be.
        self.remaining = None if left is None or left > 10**6 else left
        self.go_on.wait()
        if self.failures:
            if self.details is not None:
                context.set_trailing_metadata((("grpc-status-details-bin", self.details),))
            context.abort(self.failures.pop(0), "as the test says")

    def GetProduct(self, request: GetProductRequest, context: Any) -> Product:
        self._called("GetProduct", context)
        return Product()

    def CreateProduct(self, request: CreateProductRequest, context: Any) -> Product:
        self._called("CreateProduct", context)
        return Product()

    def StreamProducts(
        self, request: StreamProductsRequest, context: Any
    ) -> Iterator[StreamProductsResponse]:
        """Sends two products a message; a token is the number of those before it."""
        context.add_callback(self.stream_ended.set)
        self._called("StreamProducts", context)
        breaks = bool(self.breaks)
        messages = self.breaks.pop(0) if breaks else self.products
        following = int(request.page_token or 0)
        while messages > 0 and following < self.products:
            message = StreamProductsResponse(
                products=[Product(id=str(following)), Product(id=str(following + 1))]
            )
            following += 2
            messages -= 1
            if following < self.products:
                message.next_page_token = str(following)
            yield message
        if breaks:
            context.abort(UNAVAILABLE, "broken off")


class Cuts:
    """A proxy that cuts the first connections after so many bytes of answers each."""

    def __init__(self, target: str, *bytes_each: int) -> None:
        self._to = target.rsplit(":", 1)
        self._bytes = list(bytes_each)
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Wakes the thread that accepts, which closing alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            gateway = socket.create_connection((self._to[0], int(self._to[1])))
            self.connections += 1
            allowed = self._bytes.pop(0) if self._bytes else None
            for source, sink, limit in ((client, gateway, None), (gateway, client, allowed)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink, limit), daemon=True
                ).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket, limit: Optional[int]) -> None:
        passed = 0
        try:
            while limit is None or passed < limit:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
                passed += len(data)
        except OSError:
            pass  # the other direction was cut
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already


def time_left(fake: Fake) -> float:
    """Seconds, as the call said; gRPC rounds them up."""
    assert fake.remaining is not None
    return fake.remaining
