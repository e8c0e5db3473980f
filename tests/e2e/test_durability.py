"""kill -9 in the middle of concurrent writes: what was acknowledged is there."""

import threading
import uuid

import grpc

from gateway import Client, Server, long_count

ROUNDS = long_count(10)
WRITERS = 4
WRITES_BEFORE_THE_KILL = 300


def write(address, acknowledged, attempted, enough):
    """Creates records with items and batches of them until the server is gone."""
    client = Client(address)
    try:
        while True:
            ids = [str(uuid.uuid4()) for _ in range(3)]
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


def test_every_acknowledged_write_survives_kill_nine(tmp_path):
    acknowledged, attempted = [], []
    for _ in range(ROUNDS):
        server = Server(tmp_path)
        enough, before = threading.Event(), len(acknowledged)
        fresh = []
        threads = [threading.Thread(target=write, args=(server.address, fresh, attempted, enough)) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        assert enough.wait(120)
        server.kill()
        for thread in threads:
            thread.join()
        acknowledged += fresh
        assert len(acknowledged) > before

    server = Server(tmp_path)
    client = Client(server.address)

    def present(ids):
        found = set()
        for start in range(0, len(ids), 999):
            answer = client.call("shop.v1.CategoryStore/BatchGetCategories", {"ids": ids[start:start + 999]})
            found.update(row["id"] for row in answer.get("categories", []))
        return found

    found = present([key for batch in attempted for key in batch])
    for batch in acknowledged:
        assert found.issuperset(batch), "an acknowledged write is gone"
    for batch in attempted:
        assert len(found.intersection(batch)) in (0, len(batch)), "a batch is half there"
    client.close()
    assert server.stop() == 0


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
