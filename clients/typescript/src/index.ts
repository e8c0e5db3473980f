// A thin helper over nice-grpc and ts-proto's stubs. README.md shows each of these in use.
export { connect } from "./connect.js";
export type { ConnectOptions, Definitions, Gateway } from "./connect.js";
export type { DeadlineOptions } from "./deadline.js";
export {
  StoregateError,
  hasReason,
  isAlreadyExists,
  isConflict,
  isDeadlineExceeded,
  isFailedPrecondition,
  isInvalidArgument,
  isNotFound,
  isStoregateError,
  isUnavailable,
} from "./errors.js";
export type { Code, Violation } from "./errors.js";
export { pages, records, stream } from "./pages.js";
export type { RecordOf } from "./pages.js";
export { isSafeToRepeat, serviceConfig } from "./retry.js";
