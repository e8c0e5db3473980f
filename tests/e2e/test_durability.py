"""kill -9 in the middle of concurrent writes: what was acknowledged is there."""

import threading
import time
import uuid

import grpc

from gateway import Client, Failure, Server, long_count, serving, wait_for

# What a write may say while its database comes and goes.
TROUBLE = {("UNAVAILABLE", "DATABASE_UNAVAILABLE"), ("UNKNOWN", "COMMIT_UNKNOWN"),
           ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")}
ROUNDS = long_count(10)
WRITERS = 4
WRITES_BEFORE_THE_KILL = 300


def write(address, acknowledged, attempted, enough, size=3):
    """Creates records with items and batches of them until the server is gone."""
    client = Client(address)
    try:
        while True:
            ids = [str(uuid.uuid4()) for _ in range(size)]
            attempted.append(ids)
            rows = [{"category": {"id": key, "name": key, "slug": key}} for key in ids]
            try:
                client.call("shop.v1.CategoryStore/BatchCreateCategories", {"requests": rows})
            except Exception as error:  # the kill, seen from the client
                assert "UNAVAILABLE" in str(error) or "CANCELLED" in str(error), error
                return
            acknowledged.append(ids)
            if len(acknowledged) >= WRITES_BEFORE_THE_KILL:
                enough.set()
    finally:
        client.close()


class Ledger:
    """What was tried, and what of it was acknowledged; batches of ids."""

    def __init__(self):
        self.acknowledged, self.attempted, self.refused = [], [], []

    def check(self, client):
        found = set()
        ids = [key for batch in self.attempted for key in batch]
        for start in range(0, len(ids), 999):
            answer = client.call("shop.v1.CategoryStore/BatchGetCategories", {"ids": ids[start:start + 999]})
            found.update(row["id"] for row in answer.get("categories", []))
        for batch in self.acknowledged:
            assert found.issuperset(batch), "an acknowledged write is gone"
        for batch in self.attempted:
            assert len(found.intersection(batch)) in (0, len(batch)), "a batch is half there"


def test_every_acknowledged_write_survives_kill_nine(tmp_path, any_database):
    # Without transactions a batch is of one record.
    size = 1 if any_database.startswith("mongodb:") else 3
    ledger = Ledger()
    for _ in range(ROUNDS):
        server = Server(tmp_path, database=any_database)
        enough, before = threading.Event(), len(ledger.acknowledged)
        fresh = []
        threads = [threading.Thread(target=write, args=(server.address, fresh, ledger.attempted, enough, size))
                   for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        assert enough.wait(120)
        server.kill()
        for thread in threads:
            thread.join()
        ledger.acknowledged += fresh
        assert len(ledger.acknowledged) > before

    server = Server(tmp_path, database=any_database)
    client = Client(server.address)
    ledger.check(client)
    client.close()
    assert server.stop() == 0


def write_on(client, ledger, stop):
    """Creates batches, whatever happens to the database, until told to stop."""
    while not stop.is_set():
        ids = [str(uuid.uuid4()) for _ in range(3)]
        ledger.attempted.append(ids)
        rows = [{"category": {"id": key, "name": key, "slug": key}} for key in ids]
        try:
            client.call("shop.v1.CategoryStore/BatchCreateCategories", {"requests": rows})
            ledger.acknowledged.append(ids)
        except Failure as failure:
            assert (failure.code, failure.reason) in TROUBLE, failure
            if failure.code == "UNAVAILABLE":
                ledger.attempted.remove(ids)  # it says that nothing happened
                ledger.refused.append(ids)
            time.sleep(0.01)


def test_every_acknowledged_write_survives_kill_nine_of_postgresql(tmp_path, own_postgres):
    """The gateway stays, says what it knows, and serves again by itself."""
    url = own_postgres.create_database("shop")
    ledger, failures = Ledger(), []
    with serving(tmp_path, database=url) as server:
        clients = [Client(server.address) for _ in range(WRITERS)]
        stop = threading.Event()

        def work(client):
            try:
                write_on(client, ledger, stop)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for _ in range(ROUNDS):
            before = len(ledger.acknowledged)
            assert wait_for(lambda: len(ledger.acknowledged) > before + 50 or failures, 60)
            own_postgres.kill()
            assert wait_for(lambda: clients[0].health("shop.v1.CategoryStore") == "NOT_SERVING", 60)
            assert clients[0].health() == "SERVING"  # of the process: it latches
            own_postgres.start()
            before = len(ledger.acknowledged)
            assert wait_for(lambda: len(ledger.acknowledged) > before or failures, 60), "no service again"
            assert wait_for(lambda: clients[0].health("shop.v1.CategoryStore") == "SERVING", 60)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        ledger.check(clients[0])
        refused = [key for ids in ledger.refused for key in ids]
        for start in range(0, len(refused), 999):
            answer = clients[0].call("shop.v1.CategoryStore/BatchGetCategories", {"ids": refused[start:start + 999]})
            assert not answer.get("categories"), "UNAVAILABLE, and yet it happened"
        for client in clients:
            client.close()


def test_a_stop_answers_what_is_under_way(tmp_path):
    """SIGTERM: health says NOT_SERVING first, calls are answered, exit code 0."""
    server = Server(tmp_path)
    client = Client(server.address)
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    watch = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest())
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    server.process.terminate()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    client.call("shop.v1.CategoryStore/ListCategories")  # still served within the lead
    try:
        for _ in watch:
            pass
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    # Not stop(): a second signal ends it at once.
    assert server.process.wait(timeout=60) == 0
    client.close()
