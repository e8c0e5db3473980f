// A ProductStore on grpc-js and Prisma: a process a core, each with a pool.
'use strict';

const cluster = require('node:cluster');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const { PrismaPg } = require('@prisma/adapter-pg');
const { PrismaClient } = require('./generated');

const [listen, socket, protos] = process.argv.slice(2);
const WORKERS = Number(process.env.WORKERS || 2);
const CONNECTIONS = Number(process.env.CONNECTIONS || 8); // of each process

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function timestamp(date) {
  if (date === null) return undefined;
  const millis = date.getTime();
  const seconds = Math.floor(millis / 1000);
  return { seconds, nanos: (millis - seconds * 1000) * 1e6 };
}

// Names as in protobufjs's own google/protobuf/struct, which keepCase does not reach.
function value(json) {
  if (json === null) return { nullValue: 0 };
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(value) } };
  return { structValue: struct(json) };
}

function struct(json) {
  const fields = {};
  for (const [key, item] of Object.entries(json)) fields[key] = value(item);
  return { fields };
}

function product(row) {
  return {
    id: row.id,
    name: row.name,
    short_description: row.shortDescription,
    description: row.description,
    price_cents: Number(row.priceCents),
    sizes: row.sizes,
    colors: row.colors,
    images: row.images,
    category_slug: row.categorySlug,
    sales_count: Number(row.salesCount),
    metadata: row.metadata === null ? undefined : struct(row.metadata),
    create_time: timestamp(row.createTime),
    update_time: timestamp(row.updateTime),
    delete_time: timestamp(row.deleteTime),
    etag: row.version.toString(16).padStart(16, '0'),
  };
}

// The search columns are nobody's business here.
const omit = { foldedName: true, foldedDescription: true };

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// Answers a unary call with what `work` resolves to.
function answered(work) {
  return (call, done) => {
    work(call.request).then(
      (response) => done(null, response),
      (error) => {
        if (error instanceof Refused) return done({ code: error.code, details: error.message });
        console.error(error);
        return done({ code: grpc.status.INTERNAL, details: 'the database failed' });
      });
  };
}

function store(prisma) {
  return {
    GetProduct: answered(async ({ id }) => {
      if (!UUID.test(id)) throw new Refused(grpc.status.INVALID_ARGUMENT, 'id must be a UUID');
      const row = await prisma.product.findUnique({ where: { id, deleteTime: null }, omit });
      if (row === null) throw new Refused(grpc.status.NOT_FOUND, 'there is no such product');
      return product(row);
    }),
    BatchGetProducts: answered(async ({ ids }) => {
      if (!ids.every((id) => UUID.test(id))) {
        throw new Refused(grpc.status.INVALID_ARGUMENT, 'ids must be UUIDs');
      }
      const rows = await prisma.product.findMany(
        { where: { id: { in: ids }, deleteTime: null }, omit });
      const found = new Map(rows.map((row) => [row.id, product(row)]));
      return {
        products: ids.filter((id) => found.has(id)).map((id) => found.get(id)),
        missing_ids: ids.filter((id) => !found.has(id)),
      };
    }),
    ListProducts: answered(async ({ category_slug: categorySlug, page_size: size }) => {
      if (!categorySlug || !(size > 0 && size <= 1000)) {
        throw new Refused(grpc.status.UNIMPLEMENTED, 'only first pages of a category are served');
      }
      const rows = await prisma.product.findMany({
        where: { categorySlug, deleteTime: null },
        orderBy: [{ createTime: { sort: 'desc', nulls: 'last' } }, { id: 'asc' }],
        take: size + 1,
        omit,
      });
      const page = rows.slice(0, size);
      const last = page[size - 1];
      return {
        products: page.map(product),
        next_page_token: rows.length > size
          ? Buffer.from(last.id + last.createTime.toISOString()).toString('base64url')
          : '',
      };
    }),
  };
}

function serve() {
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ host: socket, user: 'bench', database: 'bench', max: CONNECTIONS }),
  });
  const shop = grpc.loadPackageDefinition(protoLoader.loadSync('shop/v1/product_store.proto', {
    includeDirs: [protos],
    keepCase: true,
    longs: Number,
  })).shop.v1;
  const server = new grpc.Server();
  server.addService(shop.ProductStore.service, store(prisma));
  server.bindAsync(listen, grpc.ServerCredentials.createInsecure(), (error) => {
    if (error) throw error;
  });
}

if (cluster.isPrimary && WORKERS > 1) {
  for (let i = 0; i < WORKERS; ++i) cluster.fork();
  cluster.on('exit', () => process.exit(1)); // one less would measure something else
  process.on('SIGTERM', () => process.exit(0)); // the workers go with their channel
} else {
  serve();
}
