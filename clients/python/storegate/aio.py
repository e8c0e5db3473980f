"""The same for asyncio: connect, pages, records and stream over channels of grpc.aio."""

from __future__ import annotations

import asyncio
from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Optional, Protocol

import grpc

from ._aio_connect import connect
from ._errors import StoregateError, Unavailable, from_error
from ._pages import PageT, PageT_co, RecordT, RequestT, RequestT_contra, behind
from ._retry import STREAM_ATTEMPTS, Metadata, stream_backoff

__all__ = ["connect", "pages", "records", "stream"]


class ListCall(Protocol[RequestT_contra, PageT_co]):
    """A List method of a stub."""

    def __call__(
        self,
        request: RequestT_contra,
        *,
        timeout: Optional[float] = ...,
        metadata: Optional[Metadata] = ...,
    ) -> Awaitable[PageT_co]: ...


class Messages(Protocol[PageT_co]):
    """A stream under way."""

    def __aiter__(self) -> AsyncIterator[PageT_co]: ...
    def cancel(self) -> bool: ...


class StreamCall(Protocol[RequestT_contra, PageT_co]):
    """A Stream method of a stub."""

    def __call__(
        self,
        request: RequestT_contra,
        *,
        timeout: Optional[float] = ...,
        metadata: Optional[Metadata] = ...,
    ) -> Messages[PageT_co]: ...


async def pages(
    call: ListCall[RequestT, PageT],
    request: RequestT,
    *,
    timeout: Optional[float] = None,
    metadata: Optional[Metadata] = None,
) -> AsyncGenerator[PageT, None]:
    """As ``storegate.pages``: ``async for page in pages(products.ListProducts, request):``"""
    while True:
        page = await call(request, timeout=timeout, metadata=metadata)
        yield page
        if not page.next_page_token:
            return
        request = behind(request, page.next_page_token)


async def records(
    call: ListCall[RequestT, PageT],
    request: RequestT,
    of: Callable[[PageT], Iterable[RecordT]],
    *,
    timeout: Optional[float] = None,
    metadata: Optional[Metadata] = None,
) -> AsyncGenerator[RecordT, None]:
    """As ``storegate.records``."""
    async for page in pages(call, request, timeout=timeout, metadata=metadata):
        for record in of(page):
            yield record


async def stream(
    call: StreamCall[RequestT, PageT],
    request: RequestT,
    *,
    timeout: Optional[float] = None,
    metadata: Optional[Metadata] = None,
) -> AsyncGenerator[PageT, None]:
    """As ``storegate.stream``, with its promises."""
    failures = 0
    while True:
        under_way = call(request, timeout=timeout, metadata=metadata)
        last = False
        messages = under_way.__aiter__()
        try:
            while True:
                try:
                    message = await messages.__anext__()
                except StopAsyncIteration:
                    return
                failures = 0
                last = not message.next_page_token
                if not last:
                    request = behind(request, message.next_page_token)
                yield message
        except (grpc.RpcError, StoregateError) as error:
            # Behind the last message there is nothing to go on with, however the call ended.
            if last:
                return
            failures += 1
            if not isinstance(from_error(error), Unavailable) or failures == STREAM_ATTEMPTS:
                raise
        finally:
            under_way.cancel()
        await asyncio.sleep(stream_backoff(failures))
