// What a call throws: the status of gRPC with the details that the gateway adds.
import { ClientError, Status } from "nice-grpc";
import type { CallOptions, ClientMiddlewareCall } from "nice-grpc";
import { BadRequest, ErrorInfo, RetryInfo } from "./gen/google/rpc/error_details.js";
import { Status as RpcStatus } from "./gen/google/rpc/status.js";

// The canonical codes by name. It says what to do next.
export type Code = keyof typeof Status;

// What is wrong with one field of the request.
export interface Violation {
  // As in the proto, from the request: "product.price_cents".
  readonly field: string;
  readonly description: string;
}

interface Parts {
  status: Status;
  message: string;
  path: string;
  details?: Uint8Array | undefined;
}

// Thrown by every call that failed, but one that its own signal aborted: that is an
// AbortError.
export class StoregateError extends Error {
  override readonly name = "StoregateError";
  readonly code: Code;
  // The code's number.
  readonly status: Status;
  // The method, "/shop.v1.ProductStore/GetProduct".
  readonly path: string;
  // "ETAG_MISMATCH", "RECORD_NOT_FOUND"; "" where the server gave none.
  readonly reason: string;
  // Whose reason it is, "storegate"; "" where there is none.
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  // In the order of the fields; empty for errors that are no one field's.
  readonly violations: readonly Violation[];
  // How long to wait before trying again, where the server says so.
  readonly retryDelayMs: number | undefined;

  constructor(parts: Parts) {
    super(parts.message);
    this.status = parts.status;
    this.code = (Status[parts.status] ?? "UNKNOWN") as Code;
    this.path = parts.path;
    const details = parse(parts.details);
    this.reason = details.info?.reason ?? "";
    this.domain = details.info?.domain ?? "";
    this.metadata = details.info?.metadata ?? {};
    this.violations = (details.bad?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    }));
    const delay = details.retry?.retryDelay;
    this.retryDelayMs = delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
}

interface Details {
  info?: ErrorInfo;
  bad?: BadRequest;
  retry?: RetryInfo;
}

// Details that cannot be read are as none: the code and the message are there still, and
// say more than an error about an error.
function parse(bytes: Uint8Array | undefined): Details {
  const details: Details = {};
  if (bytes === undefined) return details;
  try {
    for (const { typeUrl, value } of RpcStatus.decode(bytes).details) {
      const type = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
      if (type === "google.rpc.ErrorInfo") details.info ??= ErrorInfo.decode(value);
      if (type === "google.rpc.BadRequest") details.bad ??= BadRequest.decode(value);
      if (type === "google.rpc.RetryInfo") details.retry ??= RetryInfo.decode(value);
    }
  } catch {
    return {};
  }
  return details;
}

// Turns nice-grpc's errors, which know the code and the message alone, into those above.
export async function* errorMiddleware<Request, Response>(
  call: ClientMiddlewareCall<Request, Response>,
  options: CallOptions,
) {
  let details: Uint8Array | undefined;
  try {
    return yield* call.next(call.request, {
      ...options,
      onTrailer(trailer) {
        details = trailer.get("grpc-status-details-bin");
        options.onTrailer?.(trailer);
      },
    });
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const { code: status, details: message, path } = error;
    throw new StoregateError({ status, message, path, details });
  }
}

type WithCode<C extends Code> = StoregateError & { readonly code: C };

const guard =
  <C extends Code>(code: C) =>
  (error: unknown): error is WithCode<C> =>
    isStoregateError(error) && error.code === code;

export function isStoregateError(error: unknown): error is StoregateError {
  return error instanceof StoregateError;
}

// There is no such record, or it is deleted.
export const isNotFound = guard("NOT_FOUND");
// A unique value is taken.
export const isAlreadyExists = guard("ALREADY_EXISTS");
// Somebody else wrote the record since it was read: read it again.
export const isConflict = guard("ABORTED");
// `violations` says what is wrong.
export const isInvalidArgument = guard("INVALID_ARGUMENT");
// Something else must change first, such as a record that is referred to.
export const isFailedPrecondition = guard("FAILED_PRECONDITION");
// The gateway or its database cannot be reached. A write may have happened.
export const isUnavailable = guard("UNAVAILABLE");
// The time was up. A write may have happened.
export const isDeadlineExceeded = guard("DEADLINE_EXCEEDED");

// Whether the error has one of these reasons: hasReason(error, "ETAG_MISMATCH").
export function hasReason(error: unknown, ...reasons: string[]): error is StoregateError {
  return isStoregateError(error) && reasons.includes(error.reason);
}
