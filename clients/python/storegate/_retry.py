"""What connections of the synchronous and of the asyncio API have in common."""

from __future__ import annotations

import json
import random
from types import ModuleType
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

DEFAULT_TIMEOUT = 10.0
"""Seconds that bound unary calls which have no timeout."""

Services = Iterable[Union[ModuleType, FileDescriptor, ServiceDescriptor]]
"""Services, or all those of files, or of the modules (``…_pb2``) made from files."""

Metadata = Tuple[Tuple[str, Union[str, bytes]], ...]

STREAM_ATTEMPTS = 4
"""How often in a row a stream is opened without a message coming before it is given up."""

_READS = ("Get", "BatchGet", "List", "Stream")


def service_config(services: Services) -> str:
    """The gRPC service config by which ``connect`` retries the reads of services, for channels
    that are made otherwise. Writes are not in it: UNAVAILABLE may mean that one was done and
    only its answer got lost.
    """
    names = [
        {"service": service.full_name, "method": method.name}
        for service in _each(services)
        for method in service.methods
        if _repeatable(method)
    ]
    if not names:
        return "{}"
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": policy}]})


def channel_options(
    services: Services, options: Sequence[Tuple[str, object]]
) -> List[Tuple[str, object]]:
    return [("grpc.service_config", service_config(services)), *options]


def stream_backoff(failures: int) -> float:
    """Seconds to wait, longer after each failure, and not the same in every client."""
    return min(0.1 * 2.0 ** (failures - 1), 2.0) * random.uniform(0.8, 1.2)


def _each(services: Services) -> Iterator[ServiceDescriptor]:
    for given in services:
        if isinstance(given, ServiceDescriptor):
            yield given
            continue
        file: Optional[object] = getattr(given, "DESCRIPTOR", given)
        if not isinstance(file, FileDescriptor):
            raise TypeError(f"not a service, a file or a module made from one: {given!r}")
        yield from file.services_by_name.values()


def _repeatable(method: MethodDescriptor) -> bool:
    """Whether a call can be made twice without having an effect twice: by the names that
    google.aip.dev/130 gives to reads, or by what the method says of itself.
    """
    if method.client_streaming:
        return False
    if method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS:
        return True
    # "Listen" is not a List.
    return any(
        method.name.startswith(verb) and not method.name[len(verb) :][:1].islower()
        for verb in _READS
    )
