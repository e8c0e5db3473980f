"""Ways to set a gateway on PostgreSQL up: a pooler, two databases, mistakes."""

import concurrent.futures
import subprocess
import threading

import pytest

from gateway import Client, Failure, fails, run, serving, wait_for
from postgres import Pgbouncer, free_port

CATEGORY = {"category": {"name": "Shoes", "slug": "shoes"}}


def test_behind_pgbouncer_in_transaction_mode(tmp_path, shared_postgres, postgres_url):
    bouncer = Pgbouncer(shared_postgres)
    database = postgres_url.rpartition("/")[2]
    try:
        with serving(tmp_path, "--postgres-transaction-pooler",
                     database=shared_postgres.url(database, bouncer.port)) as server:
            client = Client(server.address)
            client.call("shop.v1.CategoryStore/CreateCategory", CATEGORY)
            made = client.call("shop.v1.ProductStore/CreateProduct",
                               {"product": {"name": "a", "category_slug": "shoes", "metadata": {"x": 1}}})
            key = {"id": made["id"]}
            assert client.call("shop.v1.ProductStore/GetProduct", key) == made
            changed = client.call("shop.v1.ProductStore/UpdateProduct",
                                  {"product": {**key, "price_cents": 5, "etag": made["etag"]}, "update_mask": "priceCents"})
            assert changed["price_cents"] == "5"
            fails(lambda: client.call("shop.v1.ProductStore/UpdateProduct",
                                      {"product": {**key, "price_cents": 6, "etag": made["etag"]},
                                       "update_mask": "priceCents"}), "ABORTED", "ETAG_MISMATCH")
            assert client.call("shop.v1.ProductStore/ListProducts", {"search": "A"})["products"] == [changed]
            client.call("shop.v1.ProductStore/DeleteProduct", key)
            client.call("shop.v1.ProductStore/UndeleteProduct", key)
            fails(lambda: client.call("shop.v1.CategoryStore/CreateCategory", CATEGORY),
                  "ALREADY_EXISTS", "UNIQUE_VIOLATION")

            # More at a time than the pooler has connections, each with others in between.
            def one(number):
                created = client.call("shop.v1.ProductStore/CreateProduct",
                                      {"product": {"name": f"p{number}", "category_slug": "shoes"}})
                got = client.call("shop.v1.ProductStore/GetProduct", {"id": created["id"]})
                listed = client.call("shop.v1.ProductStore/ListProducts", {"page_size": 3})
                return got == created and len(listed["products"]) > 0

            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                assert all(pool.map(one, range(200)))

            # A deadline ends the statement, and does not stay behind on the connection.
            lock = subprocess.Popen(shared_postgres.psql(database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            lock.stdin.write("BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
            lock.stdin.flush()
            assert lock.stdout.readline() == "locked\n"
            for _ in range(5):
                with pytest.raises(Failure) as late:
                    client.call("shop.v1.ProductStore/GetProduct", key, timeout=0.3)
                assert late.value.code == "DEADLINE_EXCEEDED"
            waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
            assert wait_for(lambda: shared_postgres.sql(waiting) == ["0"]), "a statement outlives its deadline"
            lock.stdin.close()
            lock.wait()
            assert wait_for(lambda: client.call("shop.v1.ProductStore/GetProduct", key))
            for _ in range(50):
                client.call("shop.v1.ProductStore/GetProduct", key)
                client.call("shop.v1.ProductStore/ListProducts")
            client.close()
    finally:
        bouncer.close()


def test_one_database_down_leaves_the_other_stores_alone(tmp_path, own_postgres):
    url = own_postgres.create_database("orders")
    routes = ["--database", f"events={url}", "--route", "shop.v1.OrderStore=events", "--route", "shop.v1.UserStore=events"]
    with serving(tmp_path, *routes) as server:
        client = Client(server.address)
        user = client.call("shop.v1.UserStore/CreateUser",
                           {"user": {"email": "a@example.com", "name": "A", "password": "correct horse"}})
        order = client.call("shop.v1.OrderStore/CreateOrder",
                            {"order": {"user_id": user["id"], "email": "a@example.com", "amount_cents": 5, "status": "PENDING"}})
        failures, done = [], threading.Event()

        def sqlite_stores():
            number = 0
            other = Client(server.address)
            while not done.is_set():
                number += 1
                try:
                    made = other.call("shop.v1.CategoryStore/CreateCategory",
                                      {"category": {"name": f"n{number}", "slug": f"s{number}"}})
                    assert other.call("shop.v1.CategoryStore/GetCategory", {"id": made["id"]}) == made
                    other.call("shop.v1.ProductStore/ListProducts")
                except BaseException as error:
                    failures.append(error)
                    return
            other.close()

        thread = threading.Thread(target=sqlite_stores)
        thread.start()
        for _ in range(2):
            own_postgres.kill()
            fails(lambda: client.call("shop.v1.OrderStore/GetOrder", {"id": order["id"]}),
                  "UNAVAILABLE", "DATABASE_UNAVAILABLE")
            for store in ("Order", "User"):
                assert wait_for(lambda: client.health(f"shop.v1.{store}Store") == "NOT_SERVING")
            for store in ("Product", "Category"):
                assert client.health(f"shop.v1.{store}Store") == "SERVING"
            assert client.health() == "SERVING"
            own_postgres.start()
            assert wait_for(lambda: client.call("shop.v1.OrderStore/GetOrder", {"id": order["id"]}) == order)
            for store in ("Order", "User"):
                assert wait_for(lambda: client.health(f"shop.v1.{store}Store") == "SERVING")
        done.set()
        thread.join()
        assert not failures, failures
        client.close()


def test_a_wrong_url_is_one_clear_line_without_the_password(tmp_path, own_postgres):
    own_postgres.sql("CREATE ROLE alice LOGIN PASSWORD 'right-secret'")
    own_postgres.create_database("shop")
    hba = own_postgres.data / "pg_hba.conf"
    hba.write_text("host all alice 127.0.0.1/32 scram-sha-256\n" + hba.read_text())
    own_postgres.sql("SELECT pg_reload_conf()")
    port = own_postgres.port
    alice = f"alice:wrong-secret@127.0.0.1:{port}"
    for url, word in [
        (f"postgresql://alice:wrong-secret@127.0.0.1:{free_port()}/shop", "127.0.0.1"),
        (f"postgresql://{alice}/shop", "alice"),
        (f"postgresql://alice:right-secret@127.0.0.1:{port}/nowhere", "nowhere"),
        (f"postgresql://nobody:wrong-secret@127.0.0.1:{port}/shop", "nobody"),
        (f"postgresql://{alice}/shop?sslmode=sometimes", "sslmode"),
        ("postgresql://alice:wrong-secret@127.0.0.1:port/shop", "port"),
    ]:
        ended = run("serve", "--listen", "127.0.0.1:0", "--database", f"main={url}", cwd=tmp_path)
        assert ended.returncode in (1, 2), (url, ended)
        said = [line for line in ended.stderr.splitlines() if line.startswith("storegate:")]
        assert len(said) == 1 and word in said[0], (url, ended.stderr)
        assert "secret" not in ended.stderr + ended.stdout, (url, ended.stderr)
