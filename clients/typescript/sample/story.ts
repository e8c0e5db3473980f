// The story that every client of storegate tells: node story.js HOST:PORT
import { randomInt } from "node:crypto";
import {
  connect,
  hasReason,
  isConflict,
  isInvalidArgument,
  isNotFound,
  pages,
  stream,
} from "@storegate/client";
import { CategoryStoreDefinition } from "../gen/shop/v1/category_store.js";
import {
  Order_Status,
  order_StatusToJSON,
  OrderStoreDefinition,
} from "../gen/shop/v1/order_store.js";
import { type Product, ProductStoreDefinition } from "../gen/shop/v1/product_store.js";
import { UserStoreDefinition } from "../gen/shop/v1/user_store.js";

const target = process.argv[2];
if (target === undefined) throw new Error("usage: story HOST:PORT");
using shop = connect(target, {
  categories: CategoryStoreDefinition,
  products: ProductStoreDefinition,
  orders: OrderStoreDefinition,
  users: UserStoreDefinition,
});

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
const tag = Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join("");
const say = (line: string) => console.log(line);

// What the call throws; that it does is part of the story.
async function failure(call: Promise<unknown>): Promise<unknown> {
  const result = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (result === undefined) throw new Error("the call should have failed");
  return result;
}

const slug = `shoes-${tag}`;
const category = await shop.categories.createCategory({
  category: { name: `Shoes ${tag}`, slug },
});
say("category: created");

const { products } = await shop.products.batchCreateProducts({
  requests: [
    { product: { name: "Canvas sneaker", priceCents: 4999n, categorySlug: slug } },
    { product: { name: "Derby", priceCents: 12900n, categorySlug: slug } },
    { product: { name: "Sandal", priceCents: 2900n, categorySlug: slug } },
  ],
});
say(`products: ${products.length} created`);
const [sneaker, , sandal] = products as [Product, Product, Product];

let pageCount = 0;
const listRequest = { categorySlug: slug, orderBy: "price_cents", pageSize: 2 };
for await (const page of pages(shop.products.listProducts, listRequest)) {
  pageCount += 1;
  for (const { name, priceCents } of page.products) say(`product: ${name} ${priceCents}`);
}
say(`pages: ${pageCount}`);

const shelf = await shop.categories.getCategory({ slug, include: ["product_count"] });
say(`on the shelf: ${shelf.productCount}`);

const setPrice = (etag: string, priceCents: bigint) =>
  shop.products.updateProduct({
    product: { id: sneaker.id, etag, priceCents },
    updateMask: ["price_cents"],
  });
const cheaper = await setPrice(sneaker.etag, 3999n);
say(`updated: ${cheaper.name} ${cheaper.priceCents}`);

const conflict = await failure(setPrice(sneaker.etag, 1999n));
if (!isConflict(conflict) || !hasReason(conflict, "ETAG_MISMATCH")) throw conflict;
say(`conflict: ${conflict.code} ${conflict.reason}`);
const read = await shop.products.getProduct({ id: sneaker.id });
const cheapest = await setPrice(read.etag, 3499n);
say(`updated: ${cheapest.name} ${cheapest.priceCents}`);

const invalid = await failure(
  shop.products.createProduct({ product: { priceCents: -5n, categorySlug: slug } }),
);
if (!isInvalidArgument(invalid)) throw invalid;
say(`invalid: ${invalid.code} ${invalid.violations.map(({ field }) => field).join(", ")}`);

const missing = await failure(
  shop.products.getProduct({ id: "00000000-0000-4000-8000-000000000000" }),
);
if (!isNotFound(missing)) throw missing;
say(`missing: ${missing.code} ${missing.reason}`);

const email = `ada-${tag}@example.com`;
const user = await shop.users.createUser({ user: { email, name: "Ada" } });
const order = (amountCents: bigint, status: Order_Status) => ({
  userId: user.id,
  email,
  amountCents,
  status,
});
const first = await shop.orders.createOrder({
  order: {
    ...order(9898n, Order_Status.SUCCESS),
    items: [
      { productId: sneaker.id, name: sneaker.name, quantity: 2, priceCents: 3499n },
      { productId: sandal.id, name: sandal.name, quantity: 1, priceCents: 2900n },
    ],
  },
  include: ["user"],
});
say(
  `order: ${first.amountCents} ${order_StatusToJSON(first.status)}` +
    ` of ${first.user?.name}, ${first.items.length} items`,
);
const second = await shop.orders.createOrder({ order: order(5000n, Order_Status.SUCCESS) });
const third = await shop.orders.createOrder({ order: order(100n, Order_Status.FAILED) });
const { totalSize } = await shop.orders.listOrders({ userId: user.id, includeTotalSize: true });
say(`orders: ${totalSize}`);

let streamed = 0;
for await (const message of stream(shop.orders.streamOrders, { userId: user.id })) {
  streamed += message.orders.length;
}
say(`streamed: ${streamed}`);

const { months } = await shop.orders.getOrderAnalytics({
  startTime: first.createTime,
  endTime: third.createTime,
});
const orders = months.reduce((sum, { total }) => sum + total, 0n);
const cents = months.reduce((sum, { revenueCents }) => sum + revenueCents, 0n);
say(`analytics: ${orders} orders, ${cents} cents`);

for (const { id } of [first, second, third]) await shop.orders.purgeOrder({ id });
await shop.users.purgeUser({ id: user.id });
for (const { id } of products) await shop.products.purgeProduct({ id });
await shop.categories.purgeCategory({ id: category.id });
say("purged");
