-- Made by `storegate schema ddl --dialect postgresql` from proto/shop; a test compares.

CREATE TABLE "categories" (
  "id" uuid PRIMARY KEY,
  "name" text COLLATE "C" NOT NULL DEFAULT '',
  "slug" text COLLATE "C" NOT NULL DEFAULT '',
  "create_time" timestamptz,
  "update_time" timestamptz,
  "delete_time" timestamptz,
  "_version" bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX "uq_categories_name" ON "categories" ("name");
CREATE UNIQUE INDEX "uq_categories_slug" ON "categories" ("slug");
CREATE INDEX "idx_categories_create_time" ON "categories" ("create_time" DESC NULLS LAST, "id");

CREATE TABLE "users" (
  "id" uuid PRIMARY KEY,
  "email" text COLLATE "C" NOT NULL DEFAULT '',
  "name" text COLLATE "C" NOT NULL DEFAULT '',
  "is_active" boolean,
  "password" text COLLATE "C" NOT NULL DEFAULT '',
  "metadata" jsonb,
  "create_time" timestamptz,
  "update_time" timestamptz,
  "delete_time" timestamptz,
  "_version" bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX "uq_users_email" ON "users" ("email");
CREATE INDEX "idx_users_create_time" ON "users" ("create_time" DESC NULLS LAST, "id");

CREATE TABLE "orders" (
  "id" uuid PRIMARY KEY,
  "user_id" uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  "email" text COLLATE "C" NOT NULL DEFAULT '',
  "amount_cents" bigint NOT NULL DEFAULT 0,
  "status" text COLLATE "C" NOT NULL DEFAULT 'STATUS_UNSPECIFIED' CHECK ("status" IN ('STATUS_UNSPECIFIED', 'PENDING', 'SUCCESS', 'FAILED')),
  "items" jsonb NOT NULL DEFAULT '[]',
  "create_time" timestamptz,
  "update_time" timestamptz,
  "delete_time" timestamptz,
  "_version" bigint NOT NULL DEFAULT 0
);
CREATE INDEX "idx_orders_user_id_create_time" ON "orders" ("user_id", "create_time" DESC NULLS LAST, "id");
CREATE INDEX "idx_orders_status_create_time" ON "orders" ("status", "create_time" DESC NULLS LAST, "id");
CREATE INDEX "idx_orders_email" ON "orders" ("email", "id");
CREATE INDEX "idx_orders_create_time" ON "orders" ("create_time" DESC NULLS LAST, "id");

CREATE TABLE "products" (
  "id" uuid PRIMARY KEY,
  "name" text COLLATE "C" NOT NULL DEFAULT '',
  "short_description" text COLLATE "C" NOT NULL DEFAULT '',
  "description" text COLLATE "C" NOT NULL DEFAULT '',
  "price_cents" bigint NOT NULL DEFAULT 0,
  "sizes" text[] COLLATE "C" NOT NULL DEFAULT '{}',
  "colors" text[] COLLATE "C" NOT NULL DEFAULT '{}',
  "images" jsonb NOT NULL DEFAULT '{}',
  "category_slug" text COLLATE "C" NOT NULL DEFAULT '',
  "sales_count" bigint NOT NULL DEFAULT 0,
  "metadata" jsonb,
  "create_time" timestamptz,
  "update_time" timestamptz,
  "delete_time" timestamptz,
  "_folded_name" text COLLATE "C" NOT NULL DEFAULT '',
  "_folded_description" text COLLATE "C" NOT NULL DEFAULT '',
  "_version" bigint NOT NULL DEFAULT 0
);
CREATE INDEX "idx_products_category_slug_create_time" ON "products" ("category_slug", "create_time" DESC NULLS LAST, "id");
CREATE INDEX "idx_products_price_cents" ON "products" ("price_cents", "id");
CREATE INDEX "idx_products_create_time" ON "products" ("create_time" DESC NULLS LAST, "id");

ALTER TABLE "orders" ADD FOREIGN KEY ("user_id") REFERENCES "users" ("id");
ALTER TABLE "products" ADD FOREIGN KEY ("category_slug") REFERENCES "categories" ("slug");
