"""Stores in different databases: the shop's default, one database in trouble, a move."""

import json
import random
import subprocess
import threading
import time

import pytest

from gateway import Client, Failure, Server, fails, long_count, serving, wait_for

ORDER_STORE = "shop.v1.OrderStore"
USER = {"user": {"email": "a@example.com", "name": "A", "password": "correct horse"}}


@pytest.fixture
def both(tmp_path, postgres_url, own_mongodb):
    """A gateway with the two URLs and nothing else configured."""
    with serving(tmp_path, database=False,
                 env={"DATABASE_URL": postgres_url, "MONGODB_URI": own_mongodb.url("shop")}) as server:
        yield server


def order_of(user, **fields):
    return {"order": {"user_id": user["id"], "email": user["email"], "amount_cents": 5, "status": "PENDING", **fields}}


def test_the_shop_lives_in_both_databases(both, tools, shared_postgres, postgres_url):
    """By grpcurl, as a person would."""
    def grpcurl(method, fields, code=0):
        done = subprocess.run([str(tools / "grpcurl"), "-plaintext", "-d", json.dumps(fields), both.address, f"shop.v1.{method}"],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == (code != 0), done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    grpcurl("CategoryStore/CreateCategory", {"category": {"name": "Shoes", "slug": "shoes"}})
    product = grpcurl("ProductStore/CreateProduct", {"product": {"name": "Sneaker", "category_slug": "shoes", "price_cents": 100}})
    user = grpcurl("UserStore/CreateUser", USER)
    item = {"product_id": product["id"], "name": "Sneaker", "quantity": 2, "price_cents": 100}
    order = grpcurl("OrderStore/CreateOrder", order_of(user, items=[item]))
    assert order["items"][0]["quantity"] == 2 and order["etag"]
    assert grpcurl("OrderStore/GetOrder", {"id": order["id"]}) == order
    changed = grpcurl("OrderStore/UpdateOrder", {"order": {"id": order["id"], "status": "SUCCESS", "etag": order["etag"]}, "update_mask": {"paths": ["status"]}})
    assert changed["status"] == "SUCCESS" and changed["etag"] != order["etag"]
    assert "ABORTED" in grpcurl("OrderStore/UpdateOrder", {"order": {"id": order["id"], "status": "FAILED", "etag": order["etag"]}, "update_mask": {"paths": ["status"]}}, code=1).upper()
    assert grpcurl("OrderStore/ListOrders", {"user_id": user["id"], "status": "SUCCESS"})["orders"] == [changed]
    # References across databases are looked at, both ways.
    stranger = {"id": "01890000-0000-7000-8000-000000000000", "email": "x@example.com"}
    assert "REFERENCE_NOT_FOUND" in grpcurl("OrderStore/CreateOrder", order_of(stranger), code=1)
    assert "RECORD_REFERENCED" in grpcurl("UserStore/DeleteUser", {"id": user["id"]}, code=1)
    # What this MongoDB cannot do it says.
    two = [order_of(user), order_of(user)]
    assert "TRANSACTIONS_UNAVAILABLE" in grpcurl("OrderStore/BatchCreateOrders", {"requests": two}, code=1)
    assert len(grpcurl("OrderStore/BatchCreateOrders", {"requests": two, "allow_partial": True})["orders"]) == 2
    database = postgres_url.rpartition("/")[2]
    tables = shared_postgres.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", database)
    assert {"products", "categories", "users"} <= set(tables)
    # Migrations make all tables everywhere; what lives elsewhere stays empty.
    assert list(shared_postgres.sql("SELECT count(*) FROM orders", database)) == ["0"]


def healths(client):
    return [client.health(f"shop.v1.{name}Store") for name in ("Product", "Category", "User", "Order")]


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
def test_mongodb_in_trouble_takes_down_orders_alone(both, own_mongodb, trouble):
    client = Client(both.address)
    user = client.call("shop.v1.UserStore/CreateUser", USER)
    order = client.call(f"{ORDER_STORE}/CreateOrder", order_of(user))
    assert healths(client) == ["SERVING"] * 4
    own_mongodb.kill() if trouble == "killed" else own_mongodb.freeze()

    def refused(call):
        with pytest.raises(Failure) as failure:
            call()
        return failure.value.code

    # The first callers may find out by waiting, those behind them are told at once.
    assert wait_for(lambda: refused(lambda: client.call(f"{ORDER_STORE}/GetOrder", {"id": order["id"]}, timeout=1)) == "UNAVAILABLE")
    for _ in range(20):
        failed = fails(lambda: client.call(f"{ORDER_STORE}/GetOrder", {"id": order["id"]}, timeout=2), "UNAVAILABLE", "DATABASE_UNAVAILABLE")
        assert "mongo" not in failed.message.lower()
        assert refused(lambda: client.call(f"{ORDER_STORE}/ListOrders", {}, timeout=5)) in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        assert client.call("shop.v1.UserStore/GetUser", {"id": user["id"]})["name"] == "A"
        client.call("shop.v1.CategoryStore/ListCategories")
    assert wait_for(lambda: healths(client) == ["SERVING"] * 3 + ["NOT_SERVING"])
    # A gateway of which a store is down is still ready for the others.
    assert client.health() == "SERVING"
    own_mongodb.start() if trouble == "killed" else own_mongodb.thaw()
    assert wait_for(lambda: client.call(f"{ORDER_STORE}/GetOrder", {"id": order["id"]}, timeout=2) == order)
    assert wait_for(lambda: healths(client) == ["SERVING"] * 4)
    client.call(f"{ORDER_STORE}/CreateOrder", order_of(user))
    client.close()


def test_a_database_that_is_down_at_the_start_is_waited_for_by_its_stores_alone(tmp_path, postgres_url, own_mongodb):
    own_mongodb.kill()
    url = own_mongodb.url("shop") + "?serverSelectionTimeoutMS=500"
    with serving(tmp_path, database=False, env={"DATABASE_URL": postgres_url, "MONGODB_URI": url}) as server:
        client = Client(server.address)
        user = client.call("shop.v1.UserStore/CreateUser", USER)
        for _ in range(3):
            fails(lambda: client.call(f"{ORDER_STORE}/CreateOrder", order_of(user)), "UNAVAILABLE", "DATABASE_UNAVAILABLE")
        assert wait_for(lambda: healths(client) == ["SERVING"] * 3 + ["NOT_SERVING"])
        own_mongodb.start()
        assert wait_for(lambda: client.call(f"{ORDER_STORE}/CreateOrder", order_of(user)))
        fails(lambda: client.call(f"{ORDER_STORE}/BatchCreateOrders", {"requests": [order_of(user)] * 2}),
              "UNIMPLEMENTED", "TRANSACTIONS_UNAVAILABLE")
        assert wait_for(lambda: healths(client) == ["SERVING"] * 4)
        client.close()


def test_no_update_of_orders_is_lost_while_mongodb_is_killed(both, own_mongodb):
    """Eight clients count up with etags; what they were told adds up."""
    clients = [Client(both.address) for _ in range(8)]
    user = clients[0].call("shop.v1.UserStore/CreateUser", USER)
    counters = [clients[0].call(f"{ORDER_STORE}/CreateOrder", order_of(user, amount_cents=0))["id"] for _ in range(4)]
    acknowledged, unknown, failures = [0] * 8, [0] * 8, []
    end = time.monotonic() + long_count(60)

    def count_up(number):
        client = clients[number]
        while time.monotonic() < end:
            key = random.choice(counters)
            try:
                row = client.call(f"{ORDER_STORE}/GetOrder", {"id": key}, timeout=5)
                change = {"id": key, "amount_cents": int(row.get("amount_cents", 0)) + 1, "etag": row["etag"]}
            except Failure as failure:
                assert failure.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), failure
                time.sleep(0.02)
                continue
            try:
                client.call(f"{ORDER_STORE}/UpdateOrder", {"order": change, "update_mask": "amountCents"}, timeout=5)
                acknowledged[number] += 1
            except Failure as failure:
                if failure.code in ("UNKNOWN", "DEADLINE_EXCEEDED"):
                    unknown[number] += 1
                else:
                    assert (failure.code, failure.reason) in (
                        ("ABORTED", "ETAG_MISMATCH"), ("ABORTED", "CONTENTION"), ("ABORTED", "CONFLICT"),
                        ("UNAVAILABLE", "DATABASE_UNAVAILABLE")), failure

    def guarded(number):
        try:
            count_up(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    kills = 0
    while time.monotonic() < end - 2:
        time.sleep(1.5)
        own_mongodb.kill()
        own_mongodb.start()
        kills += 1
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert kills >= 2 and sum(acknowledged) > 0

    def total():
        rows = clients[0].call(f"{ORDER_STORE}/BatchGetOrders", {"ids": counters})["orders"]
        return sum(int(row.get("amount_cents", 0)) for row in rows)

    assert wait_for(lambda: total() >= 0)
    final = total()
    assert sum(acknowledged) <= final <= sum(acknowledged) + sum(unknown), (acknowledged, unknown, final)
    for client in clients:
        client.close()


def use_the_order_store(address, user_of):
    """What any database of orders must do; answers the last order."""
    client = Client(address)
    user = user_of(client)
    made = [client.call(f"{ORDER_STORE}/CreateOrder", order_of(user, amount_cents=amount)) for amount in range(1, 8)]
    seen, token = [], ""
    while True:
        page = client.call(f"{ORDER_STORE}/ListOrders", {"user_id": user["id"], "page_size": 3, "page_token": token, "order_by": "amount_cents desc"})
        seen += [row["amount_cents"] for row in page["orders"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]
    changed = client.call(f"{ORDER_STORE}/UpdateOrder", {"order": {"id": made[0]["id"], "status": "SUCCESS", "etag": made[0]["etag"]}, "update_mask": "status"})
    fails(lambda: client.call(f"{ORDER_STORE}/UpdateOrder", {"order": {"id": made[0]["id"], "status": "FAILED", "etag": made[0]["etag"]}, "update_mask": "status"}),
          "ABORTED", "ETAG_MISMATCH")
    client.call(f"{ORDER_STORE}/DeleteOrder", {"id": made[1]["id"]})
    fails(lambda: client.call(f"{ORDER_STORE}/GetOrder", {"id": made[1]["id"]}), "NOT_FOUND", "RECORD_DELETED")
    client.call(f"{ORDER_STORE}/UndeleteOrder", {"id": made[1]["id"]})
    client.call(f"{ORDER_STORE}/PurgeOrder", {"id": made[2]["id"]})
    fails(lambda: client.call(f"{ORDER_STORE}/GetOrder", {"id": made[2]["id"]}), "NOT_FOUND", "RECORD_NOT_FOUND")
    assert client.call(f"{ORDER_STORE}/GetOrder", {"id": made[0]["id"]}) == changed
    client.close()


@pytest.mark.parametrize("home", ["main", "mongo"])
def test_a_store_moves_by_configuration_alone(tmp_path, postgres_url, own_mongodb, home):
    with serving(tmp_path, "--database", f"mongo={own_mongodb.url('moved')}", "--route", f"{ORDER_STORE}={home}",
                 database=postgres_url) as server:
        use_the_order_store(server.address, lambda client: client.call("shop.v1.UserStore/CreateUser", USER))


def test_the_whole_shop_lives_in_mongodb_where_there_is_nothing_else(tmp_path, own_mongodb):
    environment = {"MONGODB_URI": own_mongodb.url("whole")}
    with serving(tmp_path, database=False, env=environment) as server:
        use_the_order_store(server.address, lambda client: client.call("shop.v1.UserStore/CreateUser", USER))
        client = Client(server.address)
        assert client.call("shop.v1.UserStore/VerifyPassword", {"email": "a@example.com", "password": "correct horse"})["valid"]
        fails(lambda: client.call("shop.v1.UserStore/CreateUser", USER), "ALREADY_EXISTS", "UNIQUE_VIOLATION")
        before = client.call(f"{ORDER_STORE}/ListOrders")
        client.close()
        server.kill()
    with serving(tmp_path, database=False, env=environment) as server:
        client = Client(server.address)
        assert client.call(f"{ORDER_STORE}/ListOrders") == before
        client.close()


@pytest.mark.parametrize("url, word", [
    ("mongodb://127.0.0.1:1", "names no database"),
    ("mongodb://127.0.0.1:1/x?w=0", "w=0"),
    ("mongodb://127.0.0.1:1/x?readPreference=secondary", "readPreference"),
    ("mongodb://user%zz:secret@127.0.0.1:1/x", "cannot be read"),
    ("mongodb://user:secret@127.0.0.1:1/x?serverSelectionTimeoutMS=300", "does not answer"),
])
def test_a_wrong_url_is_one_clear_error(tmp_path, url, word):
    with pytest.raises(AssertionError):
        Server(tmp_path, database=url)
    log = (tmp_path / "storegate.log").read_text()
    said = [line for line in log.splitlines() if not line.startswith("{")]
    assert any(word in line for line in said), log
    assert "secret" not in log
