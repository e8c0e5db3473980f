-- Made by `storegate schema ddl` from proto/shop; a test compares.

CREATE TABLE "categories" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "name" TEXT NOT NULL DEFAULT '',
  "slug" TEXT NOT NULL DEFAULT '',
  "create_time" INTEGER,
  "update_time" INTEGER,
  "delete_time" INTEGER,
  "_version" INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX "uq_categories_name" ON "categories" ("name");
CREATE UNIQUE INDEX "uq_categories_slug" ON "categories" ("slug");
CREATE INDEX "idx_categories_create_time" ON "categories" ("create_time" DESC, "id");

CREATE TABLE "users" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "email" TEXT NOT NULL DEFAULT '',
  "name" TEXT NOT NULL DEFAULT '',
  "is_active" INTEGER,
  "password" TEXT NOT NULL DEFAULT '',
  "metadata" TEXT,
  "create_time" INTEGER,
  "update_time" INTEGER,
  "delete_time" INTEGER,
  "_version" INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX "uq_users_email" ON "users" ("email");
CREATE INDEX "idx_users_create_time" ON "users" ("create_time" DESC, "id");

CREATE TABLE "orders" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL DEFAULT '' REFERENCES "users" ("id"),
  "email" TEXT NOT NULL DEFAULT '',
  "amount_cents" INTEGER NOT NULL DEFAULT 0,
  "status" TEXT NOT NULL DEFAULT 'STATUS_UNSPECIFIED' CHECK ("status" IN ('STATUS_UNSPECIFIED', 'PENDING', 'SUCCESS', 'FAILED')),
  "items" TEXT NOT NULL DEFAULT '[]',
  "create_time" INTEGER,
  "update_time" INTEGER,
  "delete_time" INTEGER,
  "_version" INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX "idx_orders_user_id_create_time" ON "orders" ("user_id", "create_time" DESC, "id");
CREATE INDEX "idx_orders_status_create_time" ON "orders" ("status", "create_time" DESC, "id");
CREATE INDEX "idx_orders_email" ON "orders" ("email", "id");
CREATE INDEX "idx_orders_create_time" ON "orders" ("create_time" DESC, "id");

CREATE TABLE "products" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "name" TEXT NOT NULL DEFAULT '',
  "short_description" TEXT NOT NULL DEFAULT '',
  "description" TEXT NOT NULL DEFAULT '',
  "price_cents" INTEGER NOT NULL DEFAULT 0,
  "sizes" TEXT NOT NULL DEFAULT '[]',
  "colors" TEXT NOT NULL DEFAULT '[]',
  "images" TEXT NOT NULL DEFAULT '{}',
  "category_slug" TEXT NOT NULL DEFAULT '' REFERENCES "categories" ("slug"),
  "sales_count" INTEGER NOT NULL DEFAULT 0,
  "metadata" TEXT,
  "create_time" INTEGER,
  "update_time" INTEGER,
  "delete_time" INTEGER,
  "_folded_name" TEXT NOT NULL DEFAULT '',
  "_folded_description" TEXT NOT NULL DEFAULT '',
  "_version" INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX "idx_products_category_slug_create_time" ON "products" ("category_slug", "create_time" DESC, "id");
CREATE INDEX "idx_products_price_cents" ON "products" ("price_cents", "id");
CREATE INDEX "idx_products_create_time" ON "products" ("create_time" DESC, "id");
