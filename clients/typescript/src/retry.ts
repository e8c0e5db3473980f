// Which calls are repeated when the gateway cannot be reached, and how often.
import type { ServiceConfig } from "@grpc/grpc-js";
import type { TsProtoServiceDefinition } from "nice-grpc";

// UNAVAILABLE may mean that the answer got lost and not the call. So nothing is
// repeated but what has no side effects.
const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: "0.1s",
  maxBackoff: "2s",
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};

type Method = TsProtoServiceDefinition["methods"][string];

// The standard reads are known by name, as GetProduct or StreamOrders; the word must end
// there, so that "Getaway" and "ListenOnce" are none. Others say
// `option idempotency_level = NO_SIDE_EFFECTS;`.
export function isSafeToRepeat(method: Method): boolean {
  return (
    !method.requestStream &&
    (/^(Get|BatchGet|List|Stream)(?![a-z])/.test(method.name) ||
      method.options.idempotencyLevel === "NO_SIDE_EFFECTS")
  );
}

// The gRPC service config that has the retries of these services.
export function serviceConfig(services: Iterable<TsProtoServiceDefinition>): ServiceConfig {
  const name = [...services].flatMap((service) =>
    Object.values(service.methods)
      .filter(isSafeToRepeat)
      .map((method) => ({ service: service.fullName, method: method.name })),
  );
  return {
    loadBalancingConfig: [],
    methodConfig: name.length > 0 ? [{ name, retryPolicy }] : [],
  } as unknown as ServiceConfig;
}
