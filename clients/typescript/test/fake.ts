// A ProductStore that does what a test says, and keeps what it was asked; and a way to a
// server that breaks.
import { createServer, connect as tcpConnect, type Socket } from "node:net";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { ProductStoreDefinition } from "../gen/shop/v1/product_store.js";

type Methods = (typeof ProductStoreDefinition)["methods"];
type Request<K extends keyof Methods> = ReturnType<Methods[K]["requestType"]["decode"]>;
type Response<K extends keyof Methods> = Parameters<Methods[K]["responseType"]["fromPartial"]>[0];

// What a method answers to its first, second … call; it throws what it fails with.
type Answers = {
  [K in keyof Methods]?: (
    request: Request<K>,
    count: number,
  ) => Methods[K]["responseStream"] extends true ? Iterable<Response<K>> : Response<K> | undefined;
};

export interface Call {
  method: string;
  request: unknown;
  // As the server was told; Infinity where the client sent none.
  deadline: Date | number;
}

export class Failure extends Error {
  constructor(
    readonly code: status,
    readonly details: string,
    readonly metadata = new Metadata(),
  ) {
    super(details);
  }
}

export const unavailable = () => new Failure(status.UNAVAILABLE, "the test says so");

// A unary answer of undefined is none at all.
export async function startFake(answers: Answers) {
  const calls: Call[] = [];
  const server = new Server();
  for (const [key, answer] of Object.entries(answers)) {
    const method = ProductStoreDefinition.methods[key as keyof Methods];
    const responseType = method.responseType as unknown as {
      fromPartial(message: unknown): unknown;
      encode(message: unknown): { finish(): Uint8Array };
    };
    const next = (call: { request: unknown; getDeadline(): Date | number }): unknown => {
      calls.push({ method: method.name, request: call.request, deadline: call.getDeadline() });
      const count = calls.filter(({ method: name }) => name === method.name).length;
      return (answer as (request: unknown, count: number) => unknown)(call.request, count);
    };
    server.register(
      `/${ProductStoreDefinition.fullName}/${method.name}`,
      method.responseStream
        ? async (call: any) => {
            try {
              for (const message of next(call) as Iterable<unknown>) {
                await new Promise((written) => call.write(message, written));
              }
              call.end();
            } catch (error) {
              call.emit("error", error);
            }
          }
        : (call: any, callback: any) => {
            try {
              const response = next(call);
              if (response !== undefined) callback(null, response);
            } catch (error) {
              callback(error);
            }
          },
      (message: unknown) =>
        Buffer.from(responseType.encode(responseType.fromPartial(message)).finish()),
      (bytes: Buffer) => method.requestType.decode(bytes),
      method.responseStream ? "serverStream" : "unary",
    );
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { target: `127.0.0.1:${port}`, calls, stop: () => server.forceShutdown() };
}

// Passes connections on to `target`, and breaks each of the first ones when so many bytes
// came back through it.
export async function startBreakingProxy(target: string, breakAfterBytes: number[]) {
  const [host, port] = target.split(":") as [string, string];
  const sockets = new Set<Socket>();
  let broken = 0;
  const server = createServer((client) => {
    const upstream = tcpConnect(Number(port), host);
    let left = breakAfterBytes.shift() ?? Infinity;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (client.destroy(), upstream.destroy()));
    }
    client.pipe(upstream);
    upstream.on("data", (bytes: Buffer) => {
      if (left < 0) return;
      left -= bytes.length;
      if (left >= 0) client.write(bytes);
      else {
        broken += 1;
        client.destroy();
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address() as { port: number };
  return {
    target: `127.0.0.1:${address.port}`,
    broken: () => broken,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
