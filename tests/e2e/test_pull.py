"""`storegate schema pull`: protos for a database that others made, baselined and served, with
another program writing beside the gateway."""

import contextlib
import datetime
import json
import pathlib
import re
import sqlite3
import subprocess

import bson
import pymongo
import pytest

from gateway import Client, fails, run, serving
from postgres import programs

# As programs without a gateway make them: keys counted by the database, created_at,
# deleted_at.
SQLITE = """
CREATE TABLE categories (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, slug VARCHAR(100) NOT NULL UNIQUE,
  created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));
CREATE TABLE products (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, price INTEGER NOT NULL, weight NUMERIC(10,2),
  categorySlug TEXT NOT NULL REFERENCES categories(slug), note TEXT,
  state TEXT NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'live')),
  created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
  updated_at INTEGER, deleted_at INTEGER);
CREATE INDEX idx_products_categorySlug ON products (categorySlug);
"""
POSTGRES = """
CREATE TABLE categories (
  id SERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE, slug VARCHAR(100) NOT NULL UNIQUE,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE TABLE products (
  id SERIAL PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL, weight NUMERIC(10,2),
  "categorySlug" VARCHAR(100) NOT NULL REFERENCES categories(slug), note TEXT,
  state TEXT NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'live')),
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ, deleted_at TIMESTAMPTZ);
CREATE INDEX "idx_products_categorySlug" ON products ("categorySlug");
"""
CATEGORY = "INSERT INTO categories (name, slug) VALUES ('Hats', 'hats')"
PRODUCT = "INSERT INTO products (name, price, \"categorySlug\", state) VALUES ('%s', 5, 'hats', 'live')"
QUOTED = {"sqlite": SQLITE, "postgresql": POSTGRES}


class Database:
    """The other program: SQL by the database's own client."""

    def __init__(self, url):
        self.url = url
        self.kind = url.split(":")[0]

    def sql(self, text):
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.url.split(":", 1)[1])) as connection:
                connection.executescript(text)
            return
        subprocess.run([str(programs() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", self.url, "-c", text], check=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request, tmp_path):
    url = f"sqlite:{tmp_path}/made.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    database = Database(url)
    database.sql(QUOTED[request.param])
    database.sql(CATEGORY)
    database.sql(PRODUCT % "Old")
    return database


def pull(url, out, *flags):
    return run("schema", "pull", url, "--package", "made.v1", "--out", str(out), *flags)


def test_what_is_pulled_is_a_schema_without_mistakes(made, tmp_path):
    ended = pull(made.url, tmp_path / "proto", "--json")
    assert ended.returncode == 0, ended
    said = json.loads(ended.stdout)
    assert [pathlib.Path(each).name for each in said["files"]] == ["category_store.proto", "product_store.proto"]
    assert any("weight" in each for each in said["left_out"])
    text = (tmp_path / "proto" / "made" / "v1" / "product_store.proto").read_text()
    assert re.search(r"int64 id = 1", text)
    assert 'column: "categorySlug"' in text and 'references: "Category.slug"' in text
    assert re.search(r"enum State \{\s+STATE_UNSPECIFIED = 0;\s+draft = 1;\s+live = 2;", text)
    assert "optional string note" in text
    for time, column in (("create_time", "created_at"), ("delete_time", "deleted_at")):
        assert re.search(rf'Timestamp {time} = \d+ \[\(storegate.v1.field\) = {{ column: "{column}"', text), text
    checked = run("schema", "check", "--proto", str(tmp_path / "proto"))
    assert checked.returncode == 0, checked


def test_files_that_are_there_are_not_written_over(made, tmp_path):
    assert pull(made.url, tmp_path / "proto").returncode == 0
    path = tmp_path / "proto" / "made" / "v1" / "product_store.proto"
    path.write_text("mine")
    ended = pull(made.url, tmp_path / "proto")
    assert ended.returncode == 1 and "is there already" in ended.stderr, ended
    assert path.read_text() == "mine"


def test_what_cannot_be_pulled_is_said(tmp_path):
    ended = run("schema", "pull", f"sqlite:{tmp_path}/none.db", "--out", str(tmp_path / "out"))
    assert ended.returncode == 1 and "there is no file" in ended.stderr, ended
    assert not (tmp_path / "none.db").exists()
    assert run("schema", "pull", "mysql://127.0.0.1/x").returncode == 2
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    ended = run("schema", "pull", f"sqlite:{tmp_path}/empty.db", "--out", str(tmp_path / "out"))
    assert ended.returncode == 1 and "no table" in ended.stderr, ended
    ended = run("schema", "pull", f"sqlite:{tmp_path}/empty.db", "--package", "google")
    assert ended.returncode == 2, ended


def missing_of(made, proto):
    """The flags of the database's migrations, made of what was pulled, and the DDL that it lacks."""
    flags = ("--proto", str(proto), "--database", f"main={made.url}", "--migrations", str(proto.parent / "migrations"))
    ended = run("migrate", "generate", "first", *flags)
    assert ended.returncode == 0, ended
    ended = run("migrate", "baseline", *flags, "--json")
    return flags, json.loads(ended.stdout)["databases"][0]["missing"]


def test_what_a_pulled_database_lacks_only_adds(made, tmp_path):
    """Programs beside the gateway go on: their defaults, rules, keys and columns stay."""
    assert pull(made.url, tmp_path / "proto").returncode == 0
    _, missing = missing_of(made, tmp_path / "proto")
    statements = [each.strip() for each in re.sub(r"(?m)^--.*$", "", missing).split(";") if each.strip()]
    if made.kind == "sqlite":
        allowed = r"ALTER TABLE \S+ ADD COLUMN |CREATE (UNIQUE )?INDEX "
    else:
        # Texts sort by code point and ids have 64 bits; a check stands aside for that.
        allowed = r'(ALTER TABLE \S+ (ADD COLUMN |ALTER COLUMN \S+ TYPE (text COLLATE "C"|bigint)$|(DROP|ADD) CONSTRAINT "products_state_check")|CREATE (UNIQUE )?INDEX )'
    for each in statements:
        assert re.match(allowed, each), each
    assert any("_version" in each for each in statements)
    assert missing.count("DROP CONSTRAINT") == missing.count("ADD CONSTRAINT")


def test_pulled_baselined_and_served_beside_another_program(made, tmp_path):
    assert pull(made.url, tmp_path / "proto").returncode == 0
    flags, missing = missing_of(made, tmp_path / "proto")
    made.sql(missing)
    ended = run("migrate", "baseline", *flags)
    assert ended.returncode == 0, ended
    ended = run("migrate", "verify", "--ignore-extra", *flags)
    assert ended.returncode == 0, ended
    with serving(tmp_path, *flags[:2], *flags[4:], database=made.url) as server:
        client = Client(server.address)
        store = "made.v1.ProductStore"
        old = client.call(f"{store}/ListProducts", {})["products"][0]
        assert (old["name"], old["state"], old["category_slug"]) == ("Old", "live", "hats")
        assert "create_time" in old
        new = client.call(f"{store}/CreateProduct", {"product": {"name": "New", "price": "7", "category_slug": "hats", "state": "draft"}}
                          if isinstance(old["price"], str) else
                          {"product": {"name": "New", "price": 7, "category_slug": "hats", "state": "draft"}})
        assert int(new["id"]) > int(old["id"])
        changed = client.call(f"{store}/UpdateProduct", {"product": {"id": old["id"], "note": "seen"}, "update_mask": "note"})
        assert changed["note"] == "seen" and changed["name"] == "Old"
        made.sql(PRODUCT % "Beside")
        made.sql("UPDATE products SET note = 'by hand' WHERE name = 'New'")
        names = {each["name"]: each for each in client.call(f"{store}/ListProducts", {})["products"]}
        assert set(names) == {"Old", "New", "Beside"}
        assert names["New"]["note"] == "by hand"
        # By the table's own default.
        assert all(names["Beside"].get(each) for each in ("create_time", "created_at") if each in old)
        assert client.call(f"{store}/GetProduct", {"id": names["Beside"]["id"]}) == names["Beside"]
        client.close()


def test_a_mongodb_database_is_pulled_baselined_and_served_beside_another_program(own_mongodb, tmp_path):
    """Its ids are ObjectIds; its indexes have the names that MongoDB gives them."""
    url = own_mongodb.url("made")
    with pymongo.MongoClient(url) as connected:
        database = connected.get_default_database()
        now = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        hats = database.categories.insert_one({"name": "Hats", "slug": "hats", "createdAt": now}).inserted_id
        database.categories.create_index("slug", unique=True)
        product = {"name": "Old", "price": 5, "category": hats, "tags": ["a"], "dims": {"w": 1.5}, "createdAt": now}
        old = str(database.products.insert_one(dict(product)).inserted_id)
        assert pull(url, tmp_path / "proto").returncode == 0
        text = (tmp_path / "proto" / "made" / "v1" / "product_store.proto").read_text()
        assert text.count("format: OBJECT_ID") == 2, text
        flags = ("--proto", str(tmp_path / "proto"), "--database", f"main={url}", "--migrations", str(tmp_path / "migrations"))
        assert run("migrate", "generate", "first", *flags).returncode == 0
        ended = run("migrate", "baseline", *flags)
        assert ended.returncode == 0 and "0001_first" in ended.stdout, ended
        ended = run("migrate", "verify", "--ignore-extra", *flags)
        assert ended.returncode == 0, ended
        with serving(tmp_path, *flags[:2], *flags[4:], database=url) as server:
            client = Client(server.address)
            store = "made.v1.ProductStore"
            read = client.call(f"{store}/GetProduct", {"id": old})
            assert (read["name"], read["price"], read["category"], read["dims"]) == ("Old", "5", str(hats), {"w": 1.5})
            assert read["create_time"] == "2026-01-02T03:04:05Z"
            made = client.call(f"{store}/CreateProduct", {"product": {"name": "New", "price": "7", "category": str(hats), "dims": {}}})
            there = database.products.find_one({"_id": bson.ObjectId(made["id"])})
            assert there["category"] == hats and there["price"] == 7
            changed = client.call(f"{store}/UpdateProduct", {"product": {"id": old, "price": "6"}, "update_mask": "price"})
            assert changed["price"] == "6" and changed["tags"] == ["a"]
            beside = database.products.insert_one({**product, "name": "Beside"}).inserted_id
            database.products.update_one({"_id": bson.ObjectId(made["id"])}, {"$set": {"name": "By hand"}})
            listed = client.call(f"{store}/ListProducts", {})["products"]
            assert [each["name"] for each in sorted(listed, key=lambda each: each["id"])] == [each["name"] for each in listed]
            assert {each["name"] for each in listed} == {"Old", "By hand", "Beside"}
            found = client.call(f"{store}/BatchGetProducts", {"ids": [str(beside), old]})["products"]
            assert [each["id"] for each in found] == [str(beside), old]
            again = {"category": {"name": "Other", "slug": "hats"}}
            fails(lambda: client.call("made.v1.CategoryStore/CreateCategory", again), "ALREADY_EXISTS", "UNIQUE_VIOLATION")
            fails(lambda: client.call(f"{store}/GetProduct", {"id": "1"}), "INVALID_ARGUMENT", "INVALID_FIELD")
            client.close()
