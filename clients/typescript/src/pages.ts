// Everything of a list or a stream, as async generators.
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions } from "nice-grpc";
import { absolute, type DeadlineOptions } from "./deadline.js";
import { isUnavailable } from "./errors.js";

type Options = CallOptions & DeadlineOptions;
type Paged = { nextPageToken: string };
type Request = { pageToken?: string | undefined };
type ListCall<Req, Res> = (request: Req, options?: Options) => Promise<Res>;
type StreamCall<Req, Res> = (request: Req, options?: Options) => AsyncIterable<Res>;

// The record of a list's response: the element of its only repeated field.
export type RecordOf<Res> = {
  [K in keyof Res]: Res[K] extends readonly (infer Item)[] ? Item : never;
}[keyof Res];

// The responses of all pages, from the one that the request asks for. A deadline in the
// options is that of each page.
export async function* pages<Req extends Request, Res extends Paged>(
  call: ListCall<Req, Res>,
  request: Req,
  options?: Options,
): AsyncGenerator<Res, void, undefined> {
  let next = request;
  for (;;) {
    const page = await call(next, options);
    yield page;
    if (page.nextPageToken === "") return;
    // `skip` and `page` say where the first page begins; from there the token does.
    next = { ...request, skip: undefined, page: undefined, pageToken: page.nextPageToken };
  }
}

// The records of all pages.
export async function* records<Req extends Request, Res extends Paged>(
  call: ListCall<Req, Res>,
  request: Req,
  options?: Options,
): AsyncGenerator<RecordOf<Res>, void, undefined> {
  for await (const page of pages(call, request, options)) {
    const lists = Object.values(page).filter(Array.isArray);
    if (lists.length !== 1) {
      throw new TypeError(`a list has one repeated field; this response has ${lists.length}`);
    }
    yield* lists[0] as unknown as RecordOf<Res>[];
  }
}

const MAX_FAILURES = 5;

// The messages of a stream. When it breaks off with UNAVAILABLE it goes on behind the last
// message that was yielded, so that nothing is missed or comes twice; five failures in a
// row are the caller's. A deadline in the options is that of the whole.
export async function* stream<Req extends Request, Res extends Paged>(
  call: StreamCall<Req, Res>,
  request: Req,
  options: Options = {},
): AsyncGenerator<Res, void, undefined> {
  const deadline = absolute(options.deadline);
  const callOptions = deadline ? { ...options, deadline } : options;
  let next = request;
  for (let failures = 0; ; ) {
    try {
      for await (const message of call(next, callOptions)) {
        failures = 0;
        next = { ...request, pageToken: message.nextPageToken };
        yield message;
      }
      return;
    } catch (error) {
      // Behind the last message there is nothing to go on to.
      if (next !== request && next.pageToken === "") return;
      failures += 1;
      if (!isUnavailable(error) || failures === MAX_FAILURES) throw error;
    }
    const backoffMs = Math.min(100 * 2 ** (failures - 1), 2000);
    // Not all at once, should the gateway have lost many.
    await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: options.signal });
  }
}
