// A gateway for a test suite: `storegate serve --ephemeral`, in memory, on a free port.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Client, credentials } from "@grpc/grpc-js";

export interface GatewayOptions {
  // JSON lines, {"entity": "Category", "record": {…}}, loaded before it serves and again by
  // reset().
  seed?: string;
  // A folder of protos, or a descriptor set. Default: the shop.
  proto?: string;
  descriptorSet?: string;
  // Default: the environment's STOREGATE_BIN, else `storegate` on PATH.
  binary?: string;
  // How long it may take until it serves. Default: 30,000.
  startMs?: number;
}

export interface TestGateway {
  // For connect(): "127.0.0.1:43121".
  readonly target: string;
  readonly pid: number;
  // Puts everything back to the seed.
  reset(): Promise<void>;
  // Ends it, and returns when it is gone. Once more is once too many, and harmless.
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const STDERR_CHARS = 16_384;
const STOP_MS = 10_000;
const RESET_MS = 10_000;

// Starts a gateway and waits until it serves. It ends with this process, also when that is
// killed, because it watches its standard input.
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const binary = options.binary ?? (process.env["STOREGATE_BIN"] || "storegate");
  const flags = ["serve", "--ephemeral"];
  if (options.seed !== undefined) flags.push("--seed", options.seed);
  if (options.proto !== undefined) flags.push("--proto", options.proto);
  if (options.descriptorSet !== undefined) flags.push("--descriptor-set", options.descriptorSet);

  const child = spawn(binary, flags, { stdio: ["pipe", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => (log = (log + text).slice(-STDERR_CHARS)));
  // The gateway that ended before its input did is told of by other means.
  child.stdin.on("error", () => {});
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
  });

  let listen: string;
  try {
    listen = await firstLine(child.stdout, exited, options.startMs ?? 30_000);
  } catch (error) {
    child.kill("SIGKILL");
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${binary} ${flags.join(" ")} did not start: ${why}\n${log}`);
  }
  // A suite that forgets stop() ends all the same, and the gateway with it.
  hold(child, false);

  const client = new Client(listen, credentials.createInsecure());
  let stopped: Promise<void> | undefined;
  const stop = () => {
    client.close();
    return (stopped ??= end(child, exited));
  };
  return {
    target: listen,
    pid: child.pid!,
    reset: () => reset(client),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function firstLine(stdout: Readable, exited: Promise<string>, ms: number) {
  const lines = createInterface({ input: stdout });
  let timer: NodeJS.Timeout | undefined;
  const line = once(lines, "line").then(([text]) => text as string);
  const failed = exited.then((why) => Promise.reject(new Error(why)));
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it does not serve after ${ms} ms`)), ms);
  });
  // Whichever comes second is nobody's.
  failed.catch(() => {});
  try {
    const { listen } = JSON.parse(await Promise.race([line, failed, late])) as { listen: string };
    return listen;
  } finally {
    clearTimeout(timer);
    lines.close();
    stdout.resume();
  }
}

// Whether this process waits for the gateway.
function hold(child: ChildProcess, yes: boolean) {
  for (const part of [child, child.stdin, child.stdout, child.stderr]) {
    // Pipes are sockets, which can do this, though their types do not say so.
    const handle = part as unknown as { ref(): void; unref(): void };
    if (yes) handle.ref();
    else handle.unref();
  }
}

async function end(child: ChildProcess, exited: Promise<string>): Promise<void> {
  hold(child, true);
  child.kill("SIGTERM");
  child.stdin?.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
}

// Both messages are empty: there is nothing to encode, and no stubs are needed.
function reset(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/storegate.v1.Testing/Reset",
      () => Buffer.alloc(0),
      () => undefined,
      undefined,
      { deadline: Date.now() + RESET_MS },
      (error) => (error ? reject(error) : resolve()),
    );
  });
}
