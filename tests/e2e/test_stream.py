"""Streams from outside: slow readers, clients that die, restarts, other clients."""

import json
import subprocess
import sys
import threading
import time

import grpc
import pytest

from gateway import Client, Failure, Server, serving, wait_for
from test_tools import grpcurl

STREAM = "shop.v1.CategoryStore/StreamCategories"
BATCH = "shop.v1.CategoryStore/BatchCreateCategories"
MIB = 1 << 20

# Reads one message, says so, and never reads again.
STUCK_CLIENT = """
import sys, time, grpc
call = grpc.insecure_channel(sys.argv[1]).unary_stream(sys.argv[2])(b"")
next(call)
print("reading", flush=True)
time.sleep(600)
"""


def fill(client, rows, partial=False):
    """Categories n-0, n-1 …"""
    for start in range(0, rows, 1000):
        request = client.request(BATCH, {"allow_partial": partial})
        for number in range(start, min(rows, start + 1000)):
            category = request.requests.add().category
            category.name, category.slug = f"name {number}", f"n-{number}"
        assert len(client.start(BATCH, request, timeout=120).result().categories) == len(request.requests)


def fill_large(client, rows):
    """Products of about 9 KB."""
    client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "a", "slug": "a"}})
    for start in range(0, rows, 100):
        requests = [{"product": {"name": f"p{number}", "description": "d" * 9000, "category_slug": "a"}}
                    for number in range(start, start + 100)]
        client.call("shop.v1.ProductStore/BatchCreateProducts", {"requests": requests})


def slugs(message):
    return [row.slug for row in message.categories]


def fails(call):
    """What iterating over the rest of the stream fails with."""
    with pytest.raises(grpc.RpcError) as error:
        for _ in call:
            pass
    return Failure(error.value)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_slow_readers_of_many_rows_pin_nothing(tmp_path, request, kind):
    """Ten readers that hardly read, one that is slow, reads by id at the same time: memory stays
    flat, and every row comes."""
    rows = 200_000 if kind == "sqlite" else 50_000
    database = request.getfixturevalue("postgres_url") if kind == "postgresql" else None
    with serving(tmp_path, database=database) as server:
        client = Client(server.address)
        fill(client, rows)
        client.close()
    with serving(tmp_path, database=database) as server:
        client = Client(server.address, **{"grpc.max_receive_message_length": 4 * MIB})
        count = sum(len(message.categories) for message in client.stream(STREAM))
        assert count == rows
        before = server.memory()[0]

        stuck = [client.stream(STREAM) for _ in range(10)]
        for call in stuck:
            next(call)
        done, reads = threading.Event(), []

        def read_by_id():
            reader = Client(server.address)
            while not done.is_set():
                reads.append(reader.call("shop.v1.CategoryStore/GetCategory", {"slug": f"n-{len(reads)}"})["slug"])
            reader.close()

        thread = threading.Thread(target=read_by_id)
        thread.start()
        seen, most, answered = set(), before, 0
        for message in client.stream(STREAM, {"order_by": "slug desc"}):
            assert seen.isdisjoint(slugs(message))
            seen.update(slugs(message))
            most = max(most, server.memory()[0])
            expected = len(reads) + 10
            assert wait_for(lambda: len(reads) >= expected), "reads by id wait for the stream"
            answered += 1
        done.set()
        thread.join()
        assert len(seen) == rows and answered > 5
        assert reads == [f"n-{number}" for number in range(len(reads))]
        assert most - before < 64 * MIB, (before, most)
        for call in stuck:
            call.cancel()
        client.close()


def test_a_client_that_is_killed_gives_everything_back(tmp_path):
    """kill -9 of a client in the middle of a stream: the one seat that there is for streams is
    free again."""
    with serving(tmp_path, "--limits-max-stream-calls", "1") as server:
        client = Client(server.address)
        fill_large(client, 2000)
        name = "shop.v1.ProductStore/StreamProducts"
        stuck = subprocess.Popen([sys.executable, "-c", STUCK_CLIENT, server.address, "/" + name],
                                 stdout=subprocess.PIPE, text=True)
        assert stuck.stdout.readline() == "reading\n"
        failure = fails(client.stream(name))
        assert (failure.code, failure.reason, failure.metadata["limit"]) == (
            "RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS", "1")
        stuck.kill()
        stuck.wait()
        assert wait_for(lambda: sum(len(message.products) for message in client.stream(name)) == 2000)
        client.close()


def test_a_stream_goes_on_by_token_after_a_restart(tmp_path, any_database):
    rows = 10_000
    with serving(tmp_path, database=any_database) as server:
        client = Client(server.address)
        fill(client, rows, partial=any_database.startswith("mongodb:"))
        whole = [slug for message in client.stream(STREAM, {"order_by": "name desc"}) for slug in slugs(message)]
        assert len(whole) == len(set(whole)) == rows
        call = client.stream(STREAM, {"order_by": "name desc"})
        first, second = next(call), next(call)
        call.cancel()
        client.close()
        server.kill()
    with serving(tmp_path, database=any_database) as server:
        client = Client(server.address)
        rest = [slug for message in client.stream(STREAM, {"order_by": "name desc", "page_token": second.next_page_token})
                for slug in slugs(message)]
        assert slugs(first) + slugs(second) + rest == whole
        failure = fails(client.stream(STREAM, {"order_by": "name", "page_token": second.next_page_token}))
        assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
        client.close()


def test_a_stream_has_no_deadline_but_its_clients(tmp_path):
    with serving(tmp_path, "--default-deadline-ms", "1000") as server:
        client = Client(server.address)
        fill_large(client, 1000)
        count = 0
        for message in client.stream("shop.v1.ProductStore/StreamProducts"):
            count += len(message.products)
            time.sleep(0.2)
        assert count == 1000
        call = client.stream("shop.v1.ProductStore/StreamProducts", timeout=0.5)
        next(call)
        time.sleep(0.6)
        assert fails(call).code == "DEADLINE_EXCEEDED"
        client.close()


def test_a_stream_is_told_when_the_server_stops(tmp_path):
    server = Server(tmp_path, "--lead-ms", "0", "--drain-ms", "500")
    client = Client(server.address)
    fill(client, 3)
    fill_large(client, 2000)
    call = client.stream("shop.v1.ProductStore/StreamProducts")
    next(call)
    assert server.stop() == 0
    assert fails(call).code in ("CANCELLED", "UNAVAILABLE")
    client.close()


def test_grpcurl_streams(tools, server, client):
    code, text = grpcurl(tools, server, "describe", STREAM.replace("/", "."))
    assert code == 0 and "returns ( stream .shop.v1.StreamCategoriesResponse )" in text, text
    fill(client, 1000)
    code, text = grpcurl(tools, server, STREAM, data={"order_by": "slug", "filter": 'slug != "n-7"'})
    assert code == 0, text
    messages, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        message, end = decoder.raw_decode(text)
        messages.append(message)
        text = text[end:]
    got = [row["slug"] for message in messages for row in message["categories"]]
    assert got == sorted(f"n-{number}" for number in range(1000) if number != 7)
    assert len(messages) > 1 and [bool(message.get("nextPageToken")) for message in messages] == [True] * (len(messages) - 1) + [False]
