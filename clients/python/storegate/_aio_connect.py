"""A channel of grpc.aio whose calls are bounded and whose errors are typed."""

from __future__ import annotations

from typing import Any, AsyncIterator, Generator, Optional, Sequence, Tuple, cast

import grpc
import grpc.aio

from ._errors import from_error
from ._retry import DEFAULT_TIMEOUT, Services, channel_options


def connect(
    target: str,
    credentials: Optional[grpc.ChannelCredentials] = None,
    *,
    timeout: Optional[float] = DEFAULT_TIMEOUT,
    services: Services = (),
    options: Sequence[Tuple[str, object]] = (),
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
) -> grpc.aio.Channel:
    """Makes a channel for stubs, as ``storegate.connect`` does, for the event loop that runs."""
    arguments = channel_options(services, options)
    channel = (
        grpc.aio.insecure_channel(target, options=arguments, interceptors=interceptors)
        if credentials is None
        else grpc.aio.secure_channel(
            target, credentials, options=arguments, interceptors=interceptors
        )
    )
    return _Channel(channel, timeout)


class _Channel(grpc.aio.Channel):
    """Not an interceptor, for those lose what a call can be asked for beside its answer."""

    def __init__(self, channel: grpc.aio.Channel, timeout: Optional[float]) -> None:
        # Any: generated stubs pass arguments that are in no signature.
        self._channel: Any = channel
        self._timeout = timeout

    def unary_unary(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.aio.UnaryUnaryMultiCallable[Any, Any]:
        return _UnaryUnary(self._channel.unary_unary(method, *args, **kwargs), self._timeout)

    def unary_stream(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.aio.UnaryStreamMultiCallable[Any, Any]:
        return _UnaryStream(self._channel.unary_stream(method, *args, **kwargs))

    # No store has methods of these kinds: they are as gRPC has them.
    def stream_unary(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.aio.StreamUnaryMultiCallable[Any, Any]:
        return cast(
            "grpc.aio.StreamUnaryMultiCallable[Any, Any]",
            self._channel.stream_unary(method, *args, **kwargs),
        )

    def stream_stream(
        self, method: str, *args: Any, **kwargs: Any
    ) -> grpc.aio.StreamStreamMultiCallable[Any, Any]:
        return cast(
            "grpc.aio.StreamStreamMultiCallable[Any, Any]",
            self._channel.stream_stream(method, *args, **kwargs),
        )

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return cast(grpc.ChannelConnectivity, self._channel.get_state(try_to_connect))

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    async def close(self, grace: Optional[float] = None) -> None:
        await self._channel.close(grace)

    async def __aenter__(self) -> _Channel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


# Their types are generic, but not at run time.
class _UnaryUnary(grpc.aio.UnaryUnaryMultiCallable):  # type: ignore[type-arg]
    def __init__(self, call: Any, timeout: Optional[float]) -> None:
        self._call = call
        self._timeout = timeout

    def __call__(
        self, request: Any, *, timeout: Optional[float] = None, **kwargs: Any
    ) -> grpc.aio.UnaryUnaryCall[Any, Any]:
        bound = self._timeout if timeout is None else timeout
        call = _Answer(self._call(request, timeout=bound, **kwargs))
        return cast("grpc.aio.UnaryUnaryCall[Any, Any]", call)


class _UnaryStream(grpc.aio.UnaryStreamMultiCallable):  # type: ignore[type-arg]
    def __init__(self, call: Any) -> None:
        self._call = call

    def __call__(self, request: Any, **kwargs: Any) -> grpc.aio.UnaryStreamCall[Any, Any]:
        call = _Stream(self._call(request, **kwargs))
        return cast("grpc.aio.UnaryStreamCall[Any, Any]", call)


class _Call:
    """A call under way. What it does not say itself, gRPC's own does."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class _Answer(_Call):
    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._call.__await__())
        except grpc.RpcError as error:
            raise from_error(error) from error


class _Stream(_Call):
    async def read(self) -> Any:
        try:
            return await self._call.read()
        except grpc.RpcError as error:
            raise from_error(error) from error

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._call:
                yield message
        except grpc.RpcError as error:
            raise from_error(error) from error
