// A gateway for a test suite, and that int64s are exact through it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect, isNotFound, isUnavailable } from "@storegate/client";
import { startGateway, type TestGateway } from "@storegate/client/testing";
import { CategoryStoreDefinition } from "../gen/shop/v1/category_store.js";
import { ProductStoreDefinition } from "../gen/shop/v1/product_store.js";

const definitions = { products: ProductStoreDefinition, categories: CategoryStoreDefinition };
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "storegate-client-"));
});
after(() => rm(folder, { recursive: true }));

describe("a gateway with a seed", () => {
  let gateway: TestGateway;
  let shop: ReturnType<typeof connectShop>;
  const connectShop = () => connect(gateway.target, definitions);

  before(async () => {
    const seed = join(folder, "seed.jsonl");
    const record = { name: "Shoes", slug: "shoes" };
    await writeFile(seed, `${JSON.stringify({ entity: "Category", record })}\n`);
    gateway = await startGateway({ seed });
    shop = connectShop();
  });
  after(async () => {
    shop.close();
    await gateway.stop();
  });
  beforeEach(() => gateway.reset());

  test("has what the seed has", async () => {
    assert.equal((await shop.categories.getCategory({ slug: "shoes" })).name, "Shoes");
  });

  test("has that and nothing else after a reset", async () => {
    await shop.categories.createCategory({ category: { name: "Hats", slug: "hats" } });
    await shop.categories.purgeCategory({
      id: (await shop.categories.getCategory({ slug: "shoes" })).id,
    });
    await gateway.reset();
    const { categories } = await shop.categories.listCategories({});
    assert.deepEqual(categories.map(({ slug }) => slug), ["shoes"]);
    await assert.rejects(shop.categories.getCategory({ slug: "hats" }), isNotFound);
  });

  test("keeps int64s that a number cannot hold", async () => {
    const product = { name: "Crown", categorySlug: "shoes" };
    for (const priceCents of [2n ** 53n + 1n, 2n ** 63n - 1n]) {
      const { id } = await shop.products.createProduct({ product: { ...product, priceCents } });
      assert.equal((await shop.products.getProduct({ id })).priceCents, priceCents);
    }
    const make = (priceCents: bigint | number) =>
      shop.products.createProduct({ product: { ...product, priceCents } });
    await assert.rejects(make(39.99), /39\.99 cannot be converted/);
    await assert.rejects(make(2n ** 63n), /too large/);
  });
});

test("a stopped gateway is gone, and stopping it again is harmless", async () => {
  const gateway = await startGateway();
  using shop = connect(gateway.target, definitions);
  await shop.categories.listCategories({});
  process.kill(gateway.pid, 0);
  await gateway.stop();
  await gateway.stop();
  assert.throws(() => process.kill(gateway.pid, 0), { code: "ESRCH" });
  await assert.rejects(shop.categories.listCategories({}), isUnavailable);
});

// Its parent may be one that collects no children, so that the process would be there still.
async function gone(target: string): Promise<boolean> {
  const [host, port] = target.split(":") as [string, string];
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const socket = createConnection(Number(port), host);
    const answers = await new Promise((resolve) => {
      socket.on("connect", () => resolve(true));
      socket.on("error", () => resolve(false));
    });
    socket.destroy();
    if (!answers) return true;
    await sleep(50);
  }
  return false;
}

// A suite that starts a gateway and does not stop it.
async function forgetful(then: string) {
  const script = `
    import { startGateway } from "@storegate/client/testing";
    console.log((await startGateway()).target);
    ${then}`;
  const suite = spawn(process.execPath, ["--input-type=module", "-e", script], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(suite, "exit");
  const [line] = (await once(createInterface({ input: suite.stdout }), "line")) as [string];
  return { suite, exit, target: line };
}

test("a suite that forgets its gateway ends, and the gateway with it", async () => {
  const { exit, target } = await forgetful("");
  assert.deepEqual(await exit, [0, null]);
  assert.ok(await gone(target));
});

test("a suite that is killed takes its gateway along", async () => {
  const { suite, exit, target } = await forgetful("setInterval(() => {}, 1000);");
  suite.kill("SIGKILL");
  assert.deepEqual(await exit, [null, "SIGKILL"]);
  assert.ok(await gone(target));
});

test("a gateway serves other protos than the shop's", async () => {
  const proto = join(folder, "proto");
  await mkdir(proto);
  await writeFile(
    join(proto, "notes.proto"),
    `syntax = "proto3";
    package notes.v1;
    message Note { string id = 1; string title = 2; }
    service NoteStore { rpc CreateNote(CreateNoteRequest) returns (Note); }
    message CreateNoteRequest { Note note = 1; }`,
  );
  const seed = join(folder, "notes.jsonl");
  await writeFile(seed, `{"entity": "Note", "record": {"id": "a", "title": "Hello"}}\n`);
  const gateway = await startGateway({ proto, seed });
  await gateway.reset();
  await gateway.stop();
});

test("a gateway that does not start says why", async () => {
  await assert.rejects(startGateway({ seed: join(folder, "missing.jsonl") }), /missing\.jsonl/);
  await assert.rejects(startGateway({ binary: join(folder, "nothing") }), /ENOENT/);
});
