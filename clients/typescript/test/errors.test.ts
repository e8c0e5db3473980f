// Each kind of error, as a gateway sends it and as others do.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Metadata, status } from "@grpc/grpc-js";
import {
  connect,
  hasReason,
  isAlreadyExists,
  isConflict,
  isFailedPrecondition,
  isInvalidArgument,
  isNotFound,
  isStoregateError,
  isUnavailable,
  StoregateError,
} from "@storegate/client";
import { startGateway, type TestGateway } from "@storegate/client/testing";
import { CategoryStoreDefinition } from "../gen/shop/v1/category_store.js";
import { ProductStoreDefinition } from "../gen/shop/v1/product_store.js";
import { ErrorInfo, RetryInfo } from "../src/gen/google/rpc/error_details.js";
import { Status } from "../src/gen/google/rpc/status.js";
import { Failure, startFake } from "./fake.js";

const definitions = { products: ProductStoreDefinition, categories: CategoryStoreDefinition };
const connectShop = (target: string) => connect(target, definitions);
let gateway: TestGateway;
let shop: ReturnType<typeof connectShop>;

before(async () => {
  gateway = await startGateway();
  shop = connectShop(gateway.target);
});
after(async () => {
  shop.close();
  await gateway.stop();
});
beforeEach(async () => {
  await gateway.reset();
  await shop.categories.createCategory({ category: { name: "Shoes", slug: "shoes" } });
});

async function failure(call: Promise<unknown>): Promise<StoregateError> {
  try {
    await call;
  } catch (error) {
    if (isStoregateError(error)) return error;
    throw error;
  }
  throw new Error("the call should have failed");
}

test("NOT_FOUND", async () => {
  const id = "00000000-0000-4000-8000-000000000000";
  const error = await failure(shop.products.getProduct({ id }));
  assert.ok(isNotFound(error));
  assert.ok(error instanceof Error);
  assert.deepEqual(
    [error.name, error.code, error.status, error.reason, error.domain, error.path],
    ["StoregateError", "NOT_FOUND", 5, "RECORD_NOT_FOUND", "storegate",
      "/shop.v1.ProductStore/GetProduct"],
  );
  assert.match(error.message, /^Product .* does not exist/);
  assert.deepEqual([error.violations, error.retryDelayMs], [[], undefined]);
});

test("ALREADY_EXISTS", async () => {
  const again = shop.categories.createCategory({ category: { name: "Boots", slug: "shoes" } });
  assert.ok(isAlreadyExists(await failure(again)));
});

test("ABORTED", async () => {
  const { id } = await shop.categories.getCategory({ slug: "shoes" });
  const error = await failure(
    shop.categories.updateCategory({
      category: { id, etag: "0000000000000000", name: "Boots" },
      updateMask: ["name"],
    }),
  );
  assert.ok(isConflict(error));
  assert.ok(hasReason(error, "RECORD_DELETED", "ETAG_MISMATCH"));
  assert.ok(!hasReason(error, "RECORD_DELETED"));
});

test("INVALID_ARGUMENT", async () => {
  const product = { priceCents: -5n, categorySlug: "shoes" };
  const error = await failure(shop.products.createProduct({ product }));
  assert.ok(isInvalidArgument(error));
  assert.deepEqual(error.violations, [
    { field: "product.name", description: "required, but not set" },
    { field: "product.price_cents", description: "must be at least 0; got -5" },
  ]);
  assert.notDeepEqual(error.metadata, {});
});

test("FAILED_PRECONDITION", async () => {
  const product = { name: "Bowler", categorySlug: "hats" };
  const error = await failure(shop.products.createProduct({ product }));
  assert.ok(isFailedPrecondition(error));
  assert.equal(error.reason, "REFERENCE_NOT_FOUND");
});

test("an error of a stream has its details too", async () => {
  const all = async () => {
    for await (const _ of shop.products.streamProducts({ filter: "nonsense = 1" }));
  };
  const error = await failure(all());
  assert.ok(isInvalidArgument(error));
  assert.notEqual(error.reason, "");
});

async function failing(details?: Uint8Array) {
  const metadata = new Metadata();
  if (details) metadata.set("grpc-status-details-bin", Buffer.from(details));
  const fake = await startFake({
    createProduct: () => {
      throw new Failure(status.UNAVAILABLE, "later", metadata);
    },
  });
  using client = connectShop(fake.target);
  const error = await failure(client.products.createProduct({}));
  fake.stop();
  return error;
}

test("details of every kind are read", async () => {
  const info = { reason: "QUEUE_FULL", domain: "storegate", metadata: { limit: "8" } };
  const error = await failing(
    Status.encode(
      Status.fromPartial({
        details: [
          { typeUrl: "type.googleapis.com/other.Thing", value: new Uint8Array([1, 2, 3]) },
          {
            typeUrl: "type.googleapis.com/google.rpc.ErrorInfo",
            value: ErrorInfo.encode(ErrorInfo.fromPartial(info)).finish(),
          },
          {
            typeUrl: "type.googleapis.com/google.rpc.RetryInfo",
            value: RetryInfo.encode(
              RetryInfo.fromPartial({ retryDelay: { seconds: 1n, nanos: 500_000_000 } }),
            ).finish(),
          },
        ],
      }),
    ).finish(),
  );
  assert.ok(isUnavailable(error));
  const { reason, domain, metadata, message, retryDelayMs } = error;
  assert.deepEqual({ reason, domain, metadata: { ...metadata } }, info);
  assert.deepEqual([message, retryDelayMs], ["later", 1500]);
});

test("errors without details, or with broken ones, have code and message", async () => {
  for (const details of [undefined, new Uint8Array([0xff, 0xff, 0xff])]) {
    const error = await failing(details);
    assert.deepEqual(
      [error.code, error.message, error.reason, error.domain, error.violations],
      ["UNAVAILABLE", "later", "", "", []],
    );
  }
});
