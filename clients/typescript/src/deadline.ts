// Deadlines, which nice-grpc leaves to middleware.
import { Metadata, Status } from "nice-grpc";
import type { CallOptions, ClientMiddleware, ClientMiddlewareCall } from "nice-grpc";
import { StoregateError } from "./errors.js";

export interface DeadlineOptions {
  // When the call is given up: a time, or milliseconds from now; Infinity for never.
  deadline?: Date | number;
}

// Timers of Node fire at once when they are set to more.
const MAX_TIMER_MS = 2 ** 31 - 1;

// The deadline as a time, so that it stays where it is over several calls; undefined: none.
export function absolute(deadline: Date | number | undefined): Date | undefined {
  if (deadline === undefined || deadline === Infinity) return undefined;
  return deadline instanceof Date ? deadline : new Date(Date.now() + deadline);
}

// Gives unary calls without a deadline one of `unaryMs`. The gateway is told of the
// deadline and stops working for a call that nobody waits for.
export function deadlineMiddleware(unaryMs: number): ClientMiddleware<DeadlineOptions> {
  return async function* <Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    { deadline, ...options }: CallOptions & DeadlineOptions,
  ) {
    const until = absolute(deadline ?? (call.responseStream ? undefined : unaryMs));
    if (until === undefined) return yield* call.next(call.request, options);

    const exceeded = () =>
      new StoregateError({
        status: Status.DEADLINE_EXCEEDED,
        message: "the deadline passed before the call was answered",
        path: call.method.path,
      });
    const leftMs = Math.ceil(until.getTime() - Date.now());
    if (Number.isNaN(leftMs)) throw new TypeError("the deadline is not a time");
    if (leftMs <= 0) throw exceeded();
    if (leftMs > MAX_TIMER_MS) return yield* call.next(call.request, options);

    const abort = new AbortController();
    const forward = () => abort.abort();
    if (options.signal?.aborted) abort.abort();
    options.signal?.addEventListener("abort", forward);
    let passed = false;
    const timer = setTimeout(() => {
      passed = true;
      abort.abort();
    }, leftMs);
    // At most eight digits are allowed; the rest of a very long one goes by seconds.
    const timeout = leftMs < 1e8 ? `${leftMs}m` : `${Math.ceil(leftMs / 1000)}S`;
    try {
      return yield* call.next(call.request, {
        ...options,
        metadata: Metadata(options.metadata).set("grpc-timeout", timeout),
        signal: abort.signal,
      });
    } catch (error) {
      throw passed ? exceeded() : error;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", forward);
    }
  };
}
