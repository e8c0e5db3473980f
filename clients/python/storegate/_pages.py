"""Iterators over pages, records and streams."""

from __future__ import annotations

import time
from typing import Any, Callable, Generator, Iterable, Iterator, Optional, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from ._errors import StoregateError, Unavailable, from_error
from ._retry import STREAM_ATTEMPTS, Metadata, stream_backoff


class PageRequest(Protocol):
    """The request of a List or of a Stream."""

    page_token: str


class Page(Protocol):
    """The response of a List, or a message of a Stream."""

    @property
    def next_page_token(self) -> str: ...


RequestT = TypeVar("RequestT", bound=PageRequest)
RequestT_contra = TypeVar("RequestT_contra", bound=PageRequest, contravariant=True)
PageT = TypeVar("PageT", bound=Page)
PageT_co = TypeVar("PageT_co", bound=Page, covariant=True)
RecordT = TypeVar("RecordT")


class ListCall(Protocol[RequestT_contra, PageT_co]):
    """A List method of a stub."""

    def __call__(
        self,
        request: RequestT_contra,
        timeout: Optional[float] = ...,
        metadata: Optional[Metadata] = ...,
    ) -> PageT_co: ...


class Messages(Protocol[PageT_co]):
    """A stream under way."""

    def __iter__(self) -> Iterator[PageT_co]: ...
    def cancel(self) -> Any: ...


class StreamCall(Protocol[RequestT_contra, PageT_co]):
    """A Stream method of a stub."""

    def __call__(
        self,
        request: RequestT_contra,
        timeout: Optional[float] = ...,
        metadata: Optional[Metadata] = ...,
    ) -> Messages[PageT_co]: ...


def pages(
    call: ListCall[RequestT, PageT],
    request: RequestT,
    *,
    timeout: Optional[float] = None,
    metadata: Optional[Metadata] = None,
) -> Generator[PageT, None, None]:
    """Iterates over the responses of all pages, from the one that the request asks for. The
    request is not changed; the timeout is that of each call.

        for page in pages(products.ListProducts, request):
    """
    while True:
        page = call(request, timeout=timeout, metadata=metadata)
        yield page
        if not page.next_page_token:
            return
        request = behind(request, page.next_page_token)


def records(
    call: ListCall[RequestT, PageT],
    request: RequestT,
    of: Callable[[PageT], Iterable[RecordT]],
    *,
    timeout: Optional[float] = None,
    metadata: Optional[Metadata] = None,
) -> Generator[RecordT, None, None]:
    """Iterates over the records of all pages; ``of`` gives those of one.

        for product in records(products.ListProducts, request, lambda page: page.products):
    """
    for page in pages(call, request, timeout=timeout, metadata=metadata):
        yield from of(page)


def stream(
    call: StreamCall[RequestT, PageT],
    request: RequestT,
    *,
    timeout: Optional[float] = None,
    metadata: Optional[Metadata] = None,
) -> Generator[PageT, None, None]:
    """Iterates over the messages of a stream. When it breaks off because the gateway is
    unavailable it goes on behind the last message, so that none is lost and none comes twice; it
    gives up after four attempts in a row that brought none. The request is not changed; the
    timeout is that of each call. One that is left early ends its call when it is closed.

        for message in stream(orders.StreamOrders, request):
    """
    failures = 0
    while True:
        under_way = call(request, timeout=timeout, metadata=metadata)
        last = False
        messages = iter(under_way)
        try:
            while True:
                try:
                    message = next(messages)
                except StopIteration:
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
        time.sleep(stream_backoff(failures))


def behind(request: RequestT, token: str) -> RequestT:
    """The request that goes on behind a page. What else says where to begin goes, for the
    gateway does not take two of them.
    """
    following = type(request)()
    assert isinstance(following, Message) and isinstance(request, Message)
    following.CopyFrom(request)
    for name in ("skip", "page"):
        if name in following.DESCRIPTOR.fields_by_name:
            following.ClearField(name)
    following.page_token = token
    return following
