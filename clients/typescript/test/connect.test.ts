// What connect() adds to each call: retries where they are safe, and a deadline.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  connect,
  isDeadlineExceeded,
  isSafeToRepeat,
  isUnavailable,
  serviceConfig,
  type ConnectOptions,
} from "@storegate/client";
import { OrderStoreDefinition } from "../gen/shop/v1/order_store.js";
import { ProductStoreDefinition } from "../gen/shop/v1/product_store.js";
import { startFake, unavailable } from "./fake.js";

const cleanups: (() => void)[] = [];
after(() => cleanups.forEach((cleanup) => cleanup()));

async function serve(answers: Parameters<typeof startFake>[0], options?: ConnectOptions) {
  const fake = await startFake(answers);
  const shop = connect(fake.target, { products: ProductStoreDefinition }, options);
  cleanups.push(shop.close, fake.stop);
  return { ...fake, products: shop.products };
}

const failTwice = <T>(answer: T) => (_: unknown, count: number) => {
  if (count <= 2) throw unavailable();
  return answer;
};

test("a read is repeated when the gateway is unavailable", async () => {
  const { products, calls } = await serve({ getProduct: failTwice({ name: "Derby" }) });
  assert.equal((await products.getProduct({ id: "1" })).name, "Derby");
  assert.equal(calls.length, 3);
});

test("a read is repeated three times and no more", async () => {
  const { products, calls } = await serve({
    listProducts: () => {
      throw unavailable();
    },
  });
  await assert.rejects(products.listProducts({}), isUnavailable);
  assert.equal(calls.length, 4);
});

test("a stream is repeated when it did not begin", async () => {
  const { products, calls } = await serve({ streamProducts: failTwice([{ nextPageToken: "" }]) });
  let messages = 0;
  for await (const _ of products.streamProducts({})) messages += 1;
  assert.deepEqual([messages, calls.length], [1, 3]);
});

test("a write is never repeated", async () => {
  const { products, calls } = await serve({
    createProduct: failTwice({ name: "Derby" }),
    updateProduct: failTwice({ name: "Derby" }),
    purgeProduct: failTwice({}),
  });
  await assert.rejects(products.createProduct({}), isUnavailable);
  await assert.rejects(products.updateProduct({}), isUnavailable);
  await assert.rejects(products.purgeProduct({}), isUnavailable);
  assert.equal(calls.length, 3);
});

test("what is repeated is known by name, or says that it has no side effects", () => {
  const { methods } = OrderStoreDefinition;
  assert.deepEqual(
    Object.values(methods).filter(isSafeToRepeat).map(({ name }) => name),
    ["GetOrder", "BatchGetOrders", "ListOrders", "GetOrderAnalytics", "StreamOrders"],
  );
  const named = (name: string) => ({ ...methods.createOrder, name });
  assert.equal(isSafeToRepeat(named("ListenOnce")), false);
  assert.equal(isSafeToRepeat(named("Revenue")), false);
  const report = { ...named("Revenue"), options: { idempotencyLevel: "NO_SIDE_EFFECTS" as const } };
  assert.equal(isSafeToRepeat(report), true);
  const idempotent = { ...named("Put"), options: { idempotencyLevel: "IDEMPOTENT" as const } };
  assert.equal(isSafeToRepeat(idempotent), false);
  const writer = { name: "W", fullName: "w.v1.W", methods: { createOrder: methods.createOrder } };
  assert.deepEqual(serviceConfig([writer]).methodConfig, []);
});

const never = { getProduct: () => undefined, createProduct: () => undefined };

test("a call without a deadline has one of ten seconds, of which the server is told", async () => {
  const { products, calls } = await serve({ getProduct: () => ({}), streamProducts: () => [] });
  const before = Date.now();
  await products.getProduct({});
  const after = Date.now();
  for await (const _ of products.streamProducts({}));
  // The server counts from when it is told, in milliseconds rounded up.
  const deadline = Number(calls[0]!.deadline);
  assert.ok(deadline > before + 9_000 && deadline <= after + 10_001, `${deadline - before} ms`);
  assert.equal(calls[1]!.deadline, Infinity);
});

test("the default deadline can be another, and a call can have its own", async () => {
  const { products, calls } = await serve({ ...never, listProducts: () => ({}) }, {
    deadlineMs: 30,
  });
  await assert.rejects(products.getProduct({}), isDeadlineExceeded);
  await assert.rejects(products.createProduct({}, { deadline: 20 }), isDeadlineExceeded);
  await assert.rejects(products.createProduct({}, { deadline: new Date(0) }), isDeadlineExceeded);
  await products.listProducts({}, { deadline: Infinity });
  assert.deepEqual(
    calls.map(({ method }) => method),
    ["GetProduct", "CreateProduct", "ListProducts"],
  );
  assert.equal(calls[2]!.deadline, Infinity);
});

test("a call that its signal ends is an AbortError", async () => {
  const { products } = await serve(never);
  const abort = new AbortController();
  const call = products.getProduct({}, { signal: abort.signal });
  abort.abort();
  await assert.rejects(call, { name: "AbortError" });
  await assert.rejects(products.getProduct({}, { signal: abort.signal }), { name: "AbortError" });
});

test("a gateway that is not there is unavailable", async () => {
  const { target, stop } = await startFake({});
  stop();
  using shop = connect(target, { products: ProductStoreDefinition });
  await assert.rejects(shop.products.getProduct({}), isUnavailable);
});
