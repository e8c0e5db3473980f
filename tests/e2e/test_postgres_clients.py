"""Many clients on a gateway on PostgreSQL: lost updates, cancels, overload."""

import asyncio
import random
import threading
import time

import grpc
import pytest
from google.protobuf import message_factory

from gateway import Client, Failure, long_count, serving, wait_for
from proxy import Proxy

CREATE = "shop.v1.ProductStore/CreateProduct"
GET = "shop.v1.ProductStore/GetProduct"
LIST = "shop.v1.ProductStore/ListProducts"
UPDATE = "shop.v1.ProductStore/UpdateProduct"
# Sessions of the lanes, the probes of the two breakers, and the one of a
# migration or a question in passing.
CONNECTIONS_MAX = 20


@pytest.fixture
def proxied(shared_postgres, postgres_url):
    """(proxy, URL through it)"""
    proxy = Proxy(shared_postgres.port)
    yield proxy, shared_postgres.url(postgres_url.rpartition("/")[2], proxy.port)
    proxy.close()


def make_products(client, count):
    client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "Shoes", "slug": "shoes"}})
    item = {"name": "Sneaker", "description": "d" * 500, "category_slug": "shoes", "price_cents": 0}
    answer = client.call("shop.v1.ProductStore/BatchCreateProducts", {"requests": [{"product": item}] * count})
    return [row["id"] for row in answer["products"]]


def test_no_update_is_lost_while_connections_are_cut(tmp_path, proxied):
    """Eight clients count up with etags; what they were told adds up."""
    proxy, url = proxied
    with serving(tmp_path, database=url) as server:
        clients = [Client(server.address) for _ in range(8)]
        counters = make_products(clients[0], 4)
        acknowledged, unknown, failures = [0] * 8, [0] * 8, []
        end = time.monotonic() + long_count(60)

        def count_up(number):
            client = clients[number]
            while time.monotonic() < end:
                key = random.choice(counters)
                try:
                    row = client.call(GET, {"id": key})
                    change = {"id": key, "price_cents": int(row.get("price_cents", 0)) + 1, "etag": row["etag"]}
                except Failure as failure:
                    assert failure.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), failure
                    continue
                try:
                    client.call(UPDATE, {"product": change, "update_mask": "priceCents"})
                    acknowledged[number] += 1
                except Failure as failure:
                    if failure.code in ("UNKNOWN", "DEADLINE_EXCEEDED"):
                        unknown[number] += 1
                    else:
                        assert (failure.code, failure.reason) in (
                            ("ABORTED", "ETAG_MISMATCH"), ("ABORTED", "CONTENTION"),
                            ("UNAVAILABLE", "DATABASE_UNAVAILABLE")), failure

        def guarded(number):
            try:
                count_up(number)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        cuts = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.1)
            proxy.cut()
            cuts += 1
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        assert cuts > 10 and sum(acknowledged) > 0

        def total():
            rows = clients[0].call("shop.v1.ProductStore/BatchGetProducts", {"ids": counters})["products"]
            return sum(int(row.get("price_cents", 0)) for row in rows)

        assert wait_for(lambda: total() >= 0)
        final = total()
        assert sum(acknowledged) <= final <= sum(acknowledged) + sum(unknown), (acknowledged, unknown, final)
        for client in clients:
            client.close()


class Calls:
    """Calls by the thousand, on channels of grpc.aio. A connection to the gateway
    carries a hundred at a time at most."""

    def __init__(self, client, address, channels):
        self.client = client
        self.channels = [grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
                         for _ in range(channels)]

    def start(self, number, name, fields, timeout):
        output = message_factory.GetMessageClass(self.client.method(name).output_type)
        method = self.channels[number % len(self.channels)].unary_unary(
            "/" + name, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=output.FromString)
        return method(self.client.request(name, fields), timeout=timeout)

    async def close(self):
        for channel in self.channels:
            await channel.close()


def test_a_thousand_clients_cancel_in_mid_query(tmp_path, shared_postgres, postgres_url):
    """No connection is lost by it, and nobody else's statement is cancelled."""
    database = postgres_url.rpartition("/")[2]
    with serving(tmp_path, database=postgres_url) as server:
        client = Client(server.address)
        ids = make_products(client, 50)
        before = shared_postgres.connections(database)
        assert before <= CONNECTIONS_MAX

        async def cancel_all():
            calls = Calls(client, server.address, 50)
            # Statements wait for this one: they are in the middle when the clients go.
            lock = await asyncio.create_subprocess_exec(
                *shared_postgres.psql(database), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
            lock.stdin.write(b"BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
            await lock.stdin.drain()
            assert (await lock.stdout.readline()).strip() == b"locked"
            started = []
            for number in range(1000):
                key = random.choice(ids)
                name, fields = [(GET, {"id": key}), (LIST, {"page_size": 20}),
                                (UPDATE, {"product": {"id": key, "price_cents": 1}, "update_mask": "priceCents"})][number % 3]
                started.append(calls.start(number, name, fields, 5))
            await asyncio.sleep(0.5)
            for call in started:
                call.cancel()
                await asyncio.sleep(random.random() / 1000)
            for call in started:
                with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
                    await call
            most = shared_postgres.connections(database)
            lock.stdin.write_eof()
            await lock.wait()
            await calls.close()
            return most

        most = asyncio.run(cancel_all())
        assert most <= CONNECTIONS_MAX, f"{most} connections"
        for number in range(200):
            assert client.call(GET, {"id": ids[number % len(ids)]})["id"] == ids[number % len(ids)]
            assert client.call(LIST, {"page_size": 5})["products"]
            client.call(UPDATE, {"product": {"id": ids[0], "price_cents": number}, "update_mask": "priceCents"})
        assert shared_postgres.connections(database) <= CONNECTIONS_MAX
        assert client.health("shop.v1.ProductStore") == "SERVING"
        client.close()


def test_ten_times_the_load_that_it_can_carry(tmp_path, proxied):
    """What is too much is refused, memory stays, and service is then as before."""
    proxy, url = proxied
    with serving(tmp_path, "--limits-max-queue", "200", "--limits-max-calls", "2000", database=url) as server:
        client = Client(server.address)
        ids = make_products(client, 20)
        # The answers of a database that is this slow come one to a call of two lists
        # at a time: twenty a second. Ten times that and more is asked for.
        proxy.delay = 0.1
        said, details, late = {}, {}, []

        async def flood():
            calls = Calls(client, server.address, 20)

            async def one(number):
                name, fields = [(LIST, {"page_size": 20}), (GET, {"id": random.choice(ids)}),
                                (UPDATE, {"product": {"id": random.choice(ids), "price_cents": 1},
                                          "update_mask": "priceCents"})][number % 3 if number % 5 == 0 else 0]
                try:
                    await calls.start(number, name, fields, 2)
                    code = "OK"
                except grpc.aio.AioRpcError as error:
                    code = error.code().name
                    details.setdefault(code, error.details())
                said[code] = said.get(code, 0) + 1

            end, running, number = time.monotonic() + long_count(100), set(), 0
            while time.monotonic() < end:
                for _ in range(50):
                    running.add(asyncio.ensure_future(one(number)))
                    number += 1
                await asyncio.sleep(0.1)
                running = {task for task in running if not task.done()}
            if running:
                await asyncio.wait(running, timeout=60)
            late.extend(task for task in running if not task.done())
            await calls.close()

        make_warm = server.memory()[0]
        asyncio.run(flood())
        assert not late, f"{len(late)} calls were never answered"
        assert set(said) <= {"OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}, (said, details)
        assert said.get("OK", 0) > 0 and len(said) > 1, said
        assert server.memory()[1] < make_warm + (200 << 20), server.memory()
        proxy.delay = 0.0
        assert wait_for(lambda: client.call(LIST, {"page_size": 20})["products"])
        for number in range(100):
            client.call(GET, {"id": ids[number % len(ids)]})
            client.call(LIST, {"page_size": 20})
        client.close()
