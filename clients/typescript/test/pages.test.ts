// pages, records and stream: all there is, once and in order.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  connect,
  isNotFound,
  isUnavailable,
  pages,
  records,
  stream,
  type RecordOf,
} from "@storegate/client";
import { startGateway, type TestGateway } from "@storegate/client/testing";
import { status } from "@grpc/grpc-js";
import {
  type ListProductsResponse,
  type Product,
  ProductStoreDefinition,
  type StreamProductsRequest,
} from "../gen/shop/v1/product_store.js";
import { Failure, startBreakingProxy, startFake, unavailable } from "./fake.js";

const definitions = { products: ProductStoreDefinition };
let folder: string;
let gateway: TestGateway;

// 400 products of 8 KB: a stream of several messages, each about 1 MiB.
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "storegate-client-"));
  const description = "leather ".repeat(1000);
  const category = { entity: "Category", record: { name: "Shoes", slug: "shoes" } };
  const products = Array.from({ length: 400 }, (_, n) => ({
    entity: "Product",
    record: { name: `Shoe ${n}`, description, price_cents: n % 7, category_slug: "shoes" },
  }));
  const seed = join(folder, "seed.jsonl");
  await writeFile(seed, [category, ...products].map((line) => JSON.stringify(line)).join("\n"));
  gateway = await startGateway({ seed });
});
after(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const ids = (products: readonly { id: string }[]) => products.map(({ id }) => id);

test("pages and records go over all pages, and leave the request as it is", async () => {
  using shop = connect(gateway.target, definitions);
  const request = Object.freeze({ pageSize: 150, orderBy: "price_cents" });
  const sizes: number[] = [];
  const listed: string[] = [];
  for await (const page of pages(shop.products.listProducts, request)) {
    sizes.push(page.products.length);
    listed.push(...ids(page.products));
  }
  assert.deepEqual(sizes, [150, 150, 100]);
  assert.equal(new Set(listed).size, 400);

  // The type of what comes is that of the list's records.
  const found: Product[] = [];
  for await (const product of records(shop.products.listProducts, request)) found.push(product);
  assert.deepEqual(ids(found), listed);
});

test("what is skipped is skipped once", async () => {
  using shop = connect(gateway.target, definitions);
  const all = await shop.products.listProducts({ pageSize: 10 });
  const found: string[] = [];
  for await (const { id } of records(shop.products.listProducts, { pageSize: 2, skip: 3 })) {
    found.push(id);
    if (found.length === 7) break;
  }
  assert.deepEqual(found, ids(all.products).slice(3));
});

test("an error on a later page is the caller's", async () => {
  const fake = await startFake({
    listProducts: ({ pageToken }) => {
      if (pageToken !== "") throw new Failure(status.NOT_FOUND, "gone");
      return { products: [{ id: "1" }], nextPageToken: "a" };
    },
  });
  using shop = connect(fake.target, definitions);
  const found: RecordOf<ListProductsResponse>[] = [];
  const all = async () => {
    for await (const product of records(shop.products.listProducts, {})) found.push(product);
  };
  await assert.rejects(all(), isNotFound);
  assert.equal(found.length, 1);
  fake.stop();
});

test("a response with no list, or two, is refused", async () => {
  const call = async () => ({ nextPageToken: "", xs: [1], ys: [2] });
  await assert.rejects(records(call, {}).next(), TypeError);
});

test("a stream whose connection is lost goes on without loss or repetition", async () => {
  const broken = [700_000, 2_500_000, 300_000];
  const proxy = await startBreakingProxy(gateway.target, [...broken]);
  using direct = connect(gateway.target, definitions);
  using shop = connect(proxy.target, definitions);
  const expected: string[] = [];
  for await (const { id } of records(direct.products.listProducts, {})) expected.push(id);
  const found: string[] = [];
  let messages = 0;
  for await (const { products } of stream(shop.products.streamProducts, {})) {
    found.push(...ids(products));
    messages += 1;
  }
  assert.equal(proxy.broken(), broken.length);
  assert.ok(messages > 2);
  assert.deepEqual(found, expected);
  proxy.stop();
});

const message = (id: string, nextPageToken: string) => ({ products: [{ id }], nextPageToken });

async function streamed(streamProducts: (request: StreamProductsRequest, count: number) => any) {
  const fake = await startFake({ streamProducts });
  using shop = connect(fake.target, definitions);
  const found: string[] = [];
  const all = async () => {
    for await (const { products } of stream(shop.products.streamProducts, { filter: "x" })) {
      found.push(...ids(products));
    }
  };
  const error = await all().then(() => undefined, (thrown: unknown) => thrown);
  fake.stop();
  const requests = fake.calls.map(({ request }) => request as StreamProductsRequest);
  return { found, error, requests };
}

test("it goes on by the token of the last message, with the rest of the request", async () => {
  const { found, error, requests } = await streamed(function* ({ pageToken }) {
    if (pageToken === "") {
      yield message("1", "a");
      yield message("2", "b");
      throw unavailable();
    }
    yield message("3", "");
  });
  assert.deepEqual([found, error], [["1", "2", "3"], undefined]);
  assert.deepEqual(
    requests.map(({ filter, pageToken }) => [filter, pageToken]),
    [["x", ""], ["x", "b"]],
  );
});

test("it does not begin anew when it breaks behind its last message", async () => {
  const { found, error, requests } = await streamed(function* () {
    yield message("1", "");
    throw unavailable();
  });
  assert.deepEqual([found, error, requests.length], [["1"], undefined, 1]);
});

test("failures in a row have an end, and progress lets them count anew", async () => {
  const { found, error } = await streamed(function* (_, count) {
    if (count > 7) throw unavailable();
    yield message(`${count}`, `${count}`);
    throw unavailable();
  });
  assert.ok(isUnavailable(error));
  assert.deepEqual(found, ["1", "2", "3", "4", "5", "6", "7"]);
});

test("another error ends it", async () => {
  const { found, error } = await streamed(function* () {
    yield message("1", "a");
    throw new Failure(status.NOT_FOUND, "gone");
  });
  assert.ok(isNotFound(error));
  assert.deepEqual(found, ["1"]);
});
