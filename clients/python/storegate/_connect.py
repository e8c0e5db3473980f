"""A channel of the synchronous API whose calls are bounded and whose errors are typed."""

from __future__ import annotations

from typing import Any, Callable, Generic, Iterator, Optional, Sequence, Tuple, TypeVar, cast

import grpc

from ._errors import from_error
from ._retry import DEFAULT_TIMEOUT, Metadata, Services, channel_options

Request = TypeVar("Request")
Response = TypeVar("Response")


def connect(
    target: str,
    credentials: Optional[grpc.ChannelCredentials] = None,
    *,
    timeout: Optional[float] = DEFAULT_TIMEOUT,
    services: Services = (),
    options: Sequence[Tuple[str, object]] = (),
    interceptors: Sequence[Any] = (),
) -> grpc.Channel:
    """Makes a channel for stubs. It is for all threads of a program, does not wait for the
    gateway, and comes back by itself when that was gone. Errors of calls are StoregateErrors.

    credentials: None is plaintext.
    timeout: seconds, of unary calls that have none; None does not bound them. Streams are
        bounded by their own timeout alone.
    services: whose reads are retried while the gateway is unavailable. Writes are not.
    options: further arguments of the channel.
    interceptors: gRPC's; they see errors as gRPC made them.
    """
    arguments = channel_options(services, options)
    channel = (
        grpc.insecure_channel(target, options=arguments)
        if credentials is None
        else grpc.secure_channel(target, credentials, options=arguments)
    )
    if interceptors:
        channel = grpc.intercept_channel(channel, *interceptors)
    return _Channel(channel, timeout)


class _Channel(grpc.Channel):
    """Not an interceptor, for what those raise is turned into gRPC's own errors again."""

    def __init__(self, channel: grpc.Channel, timeout: Optional[float]) -> None:
        # Any: generated stubs pass arguments that are in no signature.
        self._channel: Any = channel
        self._timeout = timeout

    def unary_unary(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.UnaryUnaryMultiCallable[Any, Any]:
        return _UnaryUnary(self._channel.unary_unary(method, *args, **kwargs), self._timeout)

    def unary_stream(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.UnaryStreamMultiCallable[Any, Any]:
        return _UnaryStream(self._channel.unary_stream(method, *args, **kwargs))

    # No store has methods of these kinds: they are as gRPC has them.
    def stream_unary(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.StreamUnaryMultiCallable[Any, Any]:
        return cast(
            "grpc.StreamUnaryMultiCallable[Any, Any]",
            self._channel.stream_unary(method, *args, **kwargs),
        )

    def stream_stream(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.StreamStreamMultiCallable[Any, Any]:
        return cast(
            "grpc.StreamStreamMultiCallable[Any, Any]",
            self._channel.stream_stream(method, *args, **kwargs),
        )

    def subscribe(
        self,
        callback: Callable[[grpc.ChannelConnectivity], None],
        try_to_connect: bool = False,
    ) -> None:
        self._channel.subscribe(callback, try_to_connect=try_to_connect)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        self._channel.unsubscribe(callback)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> _Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# Their types are generic, but not at run time.
class _UnaryUnary(grpc.UnaryUnaryMultiCallable):  # type: ignore[type-arg]
    def __init__(self, call: Any, timeout: Optional[float]) -> None:
        self._call = call
        self._timeout = timeout

    def __call__(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Optional[Metadata] = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        try:
            return self._call(request, self._bound(timeout), metadata, *args, **kwargs)
        except grpc.RpcError as error:
            raise from_error(error) from error

    def with_call(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Optional[Metadata] = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tuple[Any, grpc.Call]:
        try:
            answer = self._call.with_call(request, self._bound(timeout), metadata, *args, **kwargs)
        except grpc.RpcError as error:
            raise from_error(error) from error
        return cast("Tuple[Any, grpc.Call]", answer)

    def future(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Optional[Metadata] = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        return _Future(
            self._call.future(request, self._bound(timeout), metadata, *args, **kwargs)
        )

    def _bound(self, timeout: Optional[float]) -> Optional[float]:
        return self._timeout if timeout is None else timeout


class _UnaryStream(grpc.UnaryStreamMultiCallable):  # type: ignore[type-arg]
    def __init__(self, call: Any) -> None:
        self._call = call

    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return _Messages(self._call(request, *args, **kwargs))


class _Future:
    """A call under way. What it does not say itself, gRPC's own does."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def __getattr__(self, name: str) -> Any:
        return getattr(self._future, name)

    def result(self, timeout: Optional[float] = None) -> Any:
        try:
            return self._future.result(timeout)
        except grpc.RpcError as error:
            raise from_error(error) from error

    def exception(self, timeout: Optional[float] = None) -> Optional[Exception]:
        error: Optional[Exception] = self._future.exception(timeout)
        return from_error(error) if isinstance(error, grpc.RpcError) else error

    def add_done_callback(self, callback: Callable[[_Future], None]) -> None:
        self._future.add_done_callback(lambda _: callback(self))


class _Messages(Generic[Response]):
    """A stream under way. What it does not say itself, gRPC's own does."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __iter__(self) -> Iterator[Response]:
        return self

    def __next__(self) -> Response:
        try:
            return cast(Response, next(self._call))
        except grpc.RpcError as error:
            raise from_error(error) from error


