"""Errors by their codes, with what google.rpc's details say."""

from __future__ import annotations

import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2


class Violation(NamedTuple):
    """One thing that is wrong with a request."""

    field: str
    """The way to it from the request: "product.name"."""
    description: str


class StoregateError(Exception):
    """What a call failed with. ``reason`` and ``domain`` are empty and the rest is unset where
    the answer had no details, as when there was no gateway to give one. The error of gRPC is
    its ``__cause__``.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        domain: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        violations: Sequence[Violation] = (),
        retry_delay: Optional[datetime.timedelta] = None,
    ) -> None:
        # All of them, or the error could not be pickled on its way from another process.
        super().__init__(code, message, reason, domain, metadata, violations, retry_delay)
        self.code = code
        self.message = message
        self.reason = reason
        """Which of the errors with this code: "ETAG_MISMATCH"."""
        self.domain = domain
        """Who says so: "storegate"."""
        self.metadata: Dict[str, str] = dict(metadata or {})
        """What the reason is about."""
        self.violations: List[Violation] = list(violations)
        """Of a bad request, in the order of its fields."""
        self.retry_delay = retry_delay
        """After which the gateway expects to do better."""

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.code.name}{reason}: {self.message}"


class Cancelled(StoregateError):
    """CANCELLED."""


class Unknown(StoregateError):
    """UNKNOWN. A write may have been done: read first."""


class InvalidArgument(StoregateError):
    """INVALID_ARGUMENT. The violations say of which fields."""


class DeadlineExceeded(StoregateError):
    """DEADLINE_EXCEEDED. A write may have been done: read first."""


class NotFound(StoregateError):
    """NOT_FOUND."""


class AlreadyExists(StoregateError):
    """ALREADY_EXISTS."""


class PermissionDenied(StoregateError):
    """PERMISSION_DENIED."""


class ResourceExhausted(StoregateError):
    """RESOURCE_EXHAUSTED."""


class FailedPrecondition(StoregateError):
    """FAILED_PRECONDITION. Something else must change before the call can go well."""


class Conflict(StoregateError):
    """ABORTED. Read the record again, then decide."""


class OutOfRange(StoregateError):
    """OUT_OF_RANGE."""


class Unimplemented(StoregateError):
    """UNIMPLEMENTED."""


class Internal(StoregateError):
    """INTERNAL."""


class Unavailable(StoregateError):
    """UNAVAILABLE. Later; a write may have been done: read first."""


class DataLoss(StoregateError):
    """DATA_LOSS."""


class Unauthenticated(StoregateError):
    """UNAUTHENTICATED."""


_CLASSES: Dict[grpc.StatusCode, Type[StoregateError]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.UNKNOWN: Unknown,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DATA_LOSS: DataLoss,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


def from_error(error: Union[grpc.RpcError, StoregateError]) -> StoregateError:
    """Reads any error of a gRPC call, for channels that ``connect`` did not make."""
    if isinstance(error, StoregateError):
        return error
    status = status_pb2.Status()
    for key, value in _trailers(error):
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                status.Clear()  # of no use; code and message are there without it
    # What gRPC says of the call itself wins.
    typed = _make(error.code(), error.details() or "", status)
    typed.__cause__ = error
    return typed


def from_status(status: status_pb2.Status) -> Optional[StoregateError]:
    """Reads a status that came within a response, as in failed_requests of a batch. None for OK."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    return None if code is grpc.StatusCode.OK else _make(code, status.message, status)


def _trailers(error: grpc.RpcError) -> List[Tuple[str, Union[str, bytes]]]:
    # Pairs from the synchronous API as from asyncio's, which the stubs of neither say.
    trailers: Any = error.trailing_metadata()
    return [(key, value) for key, value in trailers or ()]


def _make(code: grpc.StatusCode, message: str, status: status_pb2.Status) -> StoregateError:
    error = _CLASSES.get(code, StoregateError)(code, message)
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            error.reason, error.domain = info.reason, info.domain
            error.metadata = dict(info.metadata)
        elif detail.Is(bad_request.DESCRIPTOR) and detail.Unpack(bad_request):
            error.violations = [
                Violation(violation.field, violation.description)
                for violation in bad_request.field_violations
            ]
        elif detail.Is(retry.DESCRIPTOR) and detail.Unpack(retry):
            error.retry_delay = retry.retry_delay.ToTimedelta()
    return error
