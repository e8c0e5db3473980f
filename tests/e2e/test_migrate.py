"""`storegate migrate`: the path of a user, and what each verb says."""

import collections
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import notes
from gateway import BINARY, ROOT, Client, fails, long_count, run, serving, wait_for
from postgres import free_port


@pytest.fixture
def versions(tmp_path):
    return notes.Versions(tmp_path)


@pytest.fixture
def served(versions, any_database):
    """A database that the first version made and filled; answers (versions, url, ids)."""
    versions.generate("create_notes", "first")
    with serving(versions.folder, *versions.flags("first"), database=any_database) as server:
        client = Client(server.address)
        made = client.call(notes.BATCH, notes.notes(1000), timeout=120)["notes"]
        client.close()
    return versions, any_database, [note["id"] for note in made]


def test_a_field_is_added(served):
    versions, database, ids = served
    written = versions.generate("add_colour", "second").stdout
    assert "0002_add_colour.up.sql" in written and "schema.textproto" in written
    assert "nothing to do" in versions.generate("again", "second").stdout

    # Pending: seen, and planned, but not there.
    status = versions.json(database, "status")
    assert [(each["name"], each["state"]) for each in status["migrations"]] == [
        ("0001_create_notes", "applied"), ("0002_add_colour", "pending")]
    assert status["pending"] == 1
    versions.migrate(database, "status", "--check", code=1)
    checked = run("serve", "--listen", "127.0.0.1:0", "--migrate=check", *versions.flags("second"), "--database", f"main={database}")
    assert checked.returncode == 1 and "0002_add_colour" in checked.stderr, checked.stderr
    plan = versions.migrate(database, "plan").stdout
    assert "colour" in plan and "0002_add_colour" in plan
    assert versions.json(database, "plan")["migrations"][0]["steps"]
    assert versions.json(database, "verify")["drift"] == []

    up = versions.migrate(database, "up").stdout
    assert "applied 0002_add_colour" in up
    assert "nothing to do" in versions.migrate(database, "up").stdout
    assert "nothing to do" in versions.migrate(database, "plan").stdout
    versions.migrate(database, "status", "--check")
    assert "as it should be" in versions.migrate(database, "verify").stdout
    with serving(versions.folder, "--migrate=check", *versions.flags("second"), database=database) as server:
        client = Client(server.address)
        note = client.call(notes.CREATE, {"note": {"title": "Straße", "colour": "red"}})
        assert (note["colour"], note["kind"]) == ("red", "plain")
        assert client.call(notes.LIST, {"search": "STRASSE"})["notes"] == [note]
        # Rows written before are found by what was added.
        old = client.call(notes.GET, {"id": ids[7]})
        assert old["title"] == "Note 7" and "colour" not in old
        assert [found["id"] for found in client.call(notes.LIST, {"search": "NOTE 777"})["notes"]] == [ids[777]]
        client.close()

    assert "took back 0002_add_colour" in versions.migrate(database, "down", version="first").stdout
    assert versions.json(database, "status")["pending"] == 1
    with serving(versions.folder, "--migrate=off", *versions.flags("first"), database=database) as server:
        client = Client(server.address)
        assert client.call(notes.GET, {"id": ids[7]})["title"] == "Note 7"
        client.close()


def test_what_loses_data_is_refused_and_explained(versions):
    versions.generate("create_notes", "second")
    before = sorted(path for path in versions.folder.rglob("*") if path.is_file())
    refused = versions.generate("drop_colour", "first", code=1)
    assert "colour" in refused.stderr and "--allow-data-loss" in refused.stderr, refused.stderr
    assert sorted(path for path in versions.folder.rglob("*") if path.is_file()) == before
    error = json.loads(versions.generate("drop_colour", "first", "--json", code=1).stdout)["error"]
    assert error["reason"] == "UNSAFE_MIGRATION" and error["violations"]


def test_a_drift_is_named(served, shared_postgres):
    versions, database, _ = served
    if database.startswith("sqlite:"):
        with sqlite3.connect(database.removeprefix("sqlite:")) as connection:
            connection.execute("CREATE INDEX by_hand ON notes (pages)")
    elif database.startswith("postgresql:"):
        shared_postgres.sql("CREATE INDEX by_hand ON notes (pages)", database.rpartition("/")[2])
    else:
        folder = versions.folder / "more"
        shutil.copytree(versions.folder / "migrations", folder)
        (folder / "mongodb" / "0002_by_hand.up.json").write_text(
            '[{"createIndexes": "notes", "indexes": [{"key": {"pages": 1}, "name": "by_hand"}]}]')
        done = run("migrate", "up", "--proto", str(versions.folder / "first"), "--dir", str(folder), "--database", f"main={database}")
        assert done.returncode == 0, done
        known = versions.json(database, "status", version="first")["migrations"]
        assert known[1]["state"] == "ahead"
        return
    drift = versions.json(database, "verify", version="first", code=1)["drift"]
    assert len(drift) == 1 and "by_hand" in drift[0]["text"] and drift[0]["extra"], drift
    versions.migrate(database, "verify", "--ignore-extra", version="first")
    # A comment is no change, a statement is.
    path = next((versions.folder / "migrations").glob(("sqlite" if database.startswith("sqlite") else "postgres") + "/0001*.up.sql"))
    text = path.read_text()
    path.write_text("-- a comment\n" + text)
    versions.migrate(database, "up", version="first")
    path.write_text(text + "\nCREATE TABLE other (a integer);\n")
    assert "0001_create_notes" in versions.migrate(database, "up", version="first", code=1).stderr


def test_a_database_made_otherwise_is_adopted(versions, any_database):
    with serving(versions.folder, "--proto", str(versions.folder / "first"), "--create-tables", database=any_database):
        pass
    versions.generate("create_notes", "first")
    adopted = versions.json(any_database, "baseline", version="first")
    assert adopted["adopted"] == ["0001_create_notes"] and adopted["drift"] == []
    refused = versions.migrate(any_database, "baseline", version="first", code=1)
    assert "history" in refused.stderr.lower(), refused.stderr
    assert "nothing to do" in versions.migrate(any_database, "up", version="first").stdout


def test_push_follows_the_schema_without_history(versions, any_database):
    flags = ["--database", f"main={any_database}"]
    for version in ("first", "second"):
        done = run("migrate", "push", "--proto", str(versions.folder / version), *flags)
        assert done.returncode == 0 and "notes" in done.stdout, done
    assert "nothing to do" in run("migrate", "push", "--proto", str(versions.folder / "second"), *flags).stdout
    with serving(versions.folder, "--proto", str(versions.folder / "second"), database=any_database) as server:
        client = Client(server.address)
        assert client.call(notes.CREATE, {"note": {"title": "x", "colour": "blue"}})["colour"] == "blue"
        client.close()


def test_the_shop_has_nothing_to_generate(tmp_path):
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    done = run("migrate", "generate", "again", cwd=tmp_path)
    assert done.returncode == 0 and "nothing to do" in done.stdout, done


def reason_of(channel):
    """(status, why) as health says it."""
    stub = health_pb2_grpc.HealthStub(channel)
    answer, call = stub.Check.with_call(health_pb2.HealthCheckRequest(), timeout=10)
    why = dict(call.trailing_metadata() or ()).get("storegate-reason", "")
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status), why


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_health_says_for_whom_a_start_waits(versions, kind, request):
    database = f"sqlite:{versions.folder}/x.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    versions.generate("create_notes", "first")
    holder = None
    if kind == "sqlite":
        connection = sqlite3.connect(versions.folder / "x.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("BEGIN IMMEDIATE")
    else:
        slow = versions.folder / "slow"
        shutil.copytree(versions.folder / "migrations", slow)
        (slow / "postgres" / "0002_slow.up.sql").write_text("SELECT pg_sleep(600);\n")
        holder = subprocess.Popen([str(BINARY), "migrate", "up", "--dir", str(slow), "--proto", str(versions.folder / "first"),
                                   "--database", f"main={database}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cluster = request.getfixturevalue("shared_postgres")
        assert wait_for(lambda: cluster.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND state = 'active'"))
    address = f"127.0.0.1:{free_port()}"
    with open(versions.folder / "waiting.log", "wb") as log:
        waiting = subprocess.Popen([str(BINARY), "serve", "--listen", address, *versions.flags("first"), "--database", f"main={database}"],
                                   stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        channel = grpc.insecure_channel(address)
        assert wait_for(lambda: "waiting for the migration lock" in reason_of(channel)[1])
        status, why = reason_of(channel)
        assert status == "NOT_SERVING"
        if holder:
            assert f"process {holder.pid} on " in why and "migration 2" in why and "since" in why, why
        client = Client(address)
        failure = fails(lambda: client.call(notes.GET, {"id": "x"}), "UNAVAILABLE", "STARTING")
        assert "waiting for the migration lock" in failure.message and failure.retry_delay
        if holder:
            holder.kill()
            holder.wait()
            cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()")
        else:
            connection.execute("COMMIT")
        assert "serving" in waiting.stdout.readline()
        assert reason_of(channel) == ("SERVING", "")
        client.call(notes.CREATE, {"note": {"title": "x"}})
        client.close()
        assert "waiting for the migration lock" in (versions.folder / "waiting.log").read_text()
    finally:
        for process in filter(None, (waiting, holder)):
            process.kill()
            process.wait()


def test_a_start_that_waits_ends_at_a_signal(versions):
    versions.generate("create_notes", "first")
    connection = sqlite3.connect(versions.folder / "x.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    address = f"127.0.0.1:{free_port()}"
    waiting = subprocess.Popen([str(BINARY), "serve", "--listen", address, *versions.flags("first"), "--database", f"main=sqlite:{versions.folder}/x.db"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        channel = grpc.insecure_channel(address)
        assert wait_for(lambda: reason_of(channel)[0] == "NOT_SERVING")
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(timeout=30) == 128 + signal.SIGTERM
    finally:
        waiting.kill()
        waiting.wait()


def test_who_waits_too_long_says_for_whom(versions):
    versions.generate("create_notes", "first")
    connection = sqlite3.connect(versions.folder / "x.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    ended = versions.migrate(f"sqlite:{versions.folder}/x.db", "up", "--lock-timeout", "1", code=1)
    assert "lock" in ended.stderr, ended.stderr


def test_up_that_is_killed_is_finished_by_the_next(served, record_property):
    """At any moment: within a backfill, an index that is built, between steps."""
    landed = collections.Counter()
    versions, database, ids = served
    versions.generate("add_colour", "second")
    command = [str(BINARY), "migrate", "up", *versions.flags("second"), "--database", f"main={database}"]
    started = time.monotonic()
    versions.migrate(database, "up")
    whole = time.monotonic() - started
    # Who is killed on MongoDB holds its lease of 30 s, for which the next one waits.
    turns = long_count(50) if not database.startswith("mongodb") else max(2, long_count(50) - 3)
    for turn in range(turns):
        versions.migrate(database, "down", "1")
        up = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.Random(turn).uniform(0, whole))
        up.kill()
        up.wait()
        last = versions.json(database, "status")["migrations"][-1]
        landed[f"{last['state']}, {last.get('steps_done', 0)} steps done"] += 1
        versions.migrate(database, "up")
        assert versions.json(database, "verify")["drift"] == []
        versions.migrate(database, "status", "--check")
    record_property("killed", dict(landed))
    print("killed where:", dict(landed))
    with serving(versions.folder, *versions.flags("second"), database=database) as server:
        client = Client(server.address)
        assert [found["id"] for found in client.call(notes.LIST, {"search": "NOTE 777"})["notes"]] == [ids[777]]
        assert client.call(notes.GET, {"id": ids[7]})["pages"] == "7"
        client.close()
