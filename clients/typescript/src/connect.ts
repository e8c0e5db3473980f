// Connecting: one channel, a typed client for each service.
import { Channel, credentials as grpcCredentials } from "@grpc/grpc-js";
import type { ChannelCredentials, ChannelOptions } from "@grpc/grpc-js";
import { createClientFactory } from "nice-grpc";
import type { Client, TsProtoServiceDefinition } from "nice-grpc";
import { deadlineMiddleware, type DeadlineOptions } from "./deadline.js";
import { errorMiddleware } from "./errors.js";
import { serviceConfig } from "./retry.js";

// Service definitions as ts-proto writes them, each under the name that its client is to
// have.
export type Definitions = { readonly [name: string]: TsProtoServiceDefinition } & {
  readonly close?: never;
};

export interface ConnectOptions {
  // Default: plaintext.
  credentials?: ChannelCredentials;
  // Of unary calls that name no deadline, in milliseconds; Infinity for none.
  // Default: 10,000. Streams have none.
  deadlineMs?: number;
  // Of grpc-js, such as "grpc.keepalive_time_ms".
  channelOptions?: ChannelOptions;
}

// A client for each definition, over one channel.
export type Gateway<D extends Definitions> = {
  readonly [K in keyof D]: Client<D[K], DeadlineOptions>;
} & {
  // No more calls; the connection is closed when those that run are done.
  close(): void;
  [Symbol.dispose](): void;
};

// Clients of the gateway at `target` ("127.0.0.1:7600", "dns:///gateway:7600",
// "unix:/run/storegate.sock"). Does not wait for the connection: a gateway that cannot be
// reached is the first call's UNAVAILABLE.
export function connect<const D extends Definitions>(
  target: string,
  definitions: D,
  options: ConnectOptions = {},
): Gateway<D> {
  if ("close" in definitions) throw new TypeError('a client cannot be named "close"');
  const services = Object.entries(definitions) as [string, TsProtoServiceDefinition][];
  const channel = new Channel(target, options.credentials ?? grpcCredentials.createInsecure(), {
    "grpc.service_config": JSON.stringify(serviceConfig(services.map(([, service]) => service))),
    // Else grpc-js asks DNS for a TXT record first, which would replace the one above.
    "grpc.service_config_disable_resolution": 1,
    ...options.channelOptions,
  });
  // What is attached first is called last: errors get their details before the deadline,
  // which throws on its own, sees them.
  const factory = createClientFactory()
    .use(errorMiddleware)
    .use(deadlineMiddleware(options.deadlineMs ?? 10_000));
  const clients = services.map(([name, service]) => [name, factory.create(service, channel)]);
  const close = () => channel.close();
  return { ...Object.fromEntries(clients), close, [Symbol.dispose]: close } as Gateway<D>;
}
