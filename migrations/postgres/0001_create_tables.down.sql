-- Made by storegate, to
--   drop the table products
--   drop the table orders
--   drop the table users
--   drop the table categories

DROP TABLE "products";
DROP TABLE "orders";
DROP TABLE "users";
DROP TABLE "categories";
