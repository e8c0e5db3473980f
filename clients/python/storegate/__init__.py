"""What a client of a storegate gateway wants beside its generated stubs: a connection that
retries reads and bounds calls, iterators over pages and streams, and errors with their reasons.
It knows no schema; stubs of any are used with it. For asyncio: ``storegate.aio``; a gateway
for test suites: ``storegate.testing``.
"""

from pkgutil import extend_path

# Stubs of storegate/v1/*.proto are the package storegate.v1, in the folder of the other stubs.
__path__ = extend_path(__path__, __name__)

from ._connect import connect
from ._errors import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    StoregateError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
    Violation,
    from_error,
    from_status,
)
from ._pages import pages, records, stream
from ._retry import DEFAULT_TIMEOUT, service_config

__all__ = [
    "DEFAULT_TIMEOUT",
    "AlreadyExists",
    "Cancelled",
    "Conflict",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "StoregateError",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "Violation",
    "connect",
    "from_error",
    "from_status",
    "pages",
    "records",
    "service_config",
    "stream",
]
