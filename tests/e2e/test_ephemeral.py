"""`serve --ephemeral`: the server of other people's test suites."""

import json
import os
import pathlib
import signal
import subprocess
import threading

import grpc
import pytest
from google.protobuf import empty_pb2

from gateway import BINARY, ROOT, Client, Failure, run

SEED = ROOT / "seed" / "shop.jsonl"


class Ephemeral:
    def __init__(self, folder, *flags, stdin=subprocess.PIPE, env=None):
        self.process = subprocess.Popen(
            [str(BINARY), "serve", "--ephemeral", *map(str, flags)], cwd=folder, text=True,
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        timer = threading.Timer(60, self.process.kill)
        timer.start()
        self.line = self.process.stdout.readline()
        timer.cancel()
        self.log = []
        # Read on, so that it never waits for its log to be read.
        self._drain = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._drain.start()
        self.address = json.loads(self.line)["listen"] if self.line else None

    def reset(self):
        with grpc.insecure_channel(self.address) as channel:
            call = channel.unary_unary("/storegate.v1.Testing/Reset", empty_pb2.Empty.SerializeToString,
                                       empty_pb2.Empty.FromString)
            call(empty_pb2.Empty(), timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._drain.join()


def names(client):
    rows = client.call("shop.v1.CategoryStore/ListCategories", {"page_size": 1000})
    return sorted(row["name"] for row in rows.get("categories", []))


def test_one_line_of_json_says_where(tmp_path):
    with Ephemeral(tmp_path) as server:
        said = json.loads(server.line)
        assert set(said) == {"listen", "pid"} and said["pid"] == server.process.pid
        assert said["listen"].startswith("127.0.0.1:")
        client = Client(server.address)
        assert names(client) == []
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
        assert server.process.stdout.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_reset_puts_back_what_it_began_with(tmp_path):
    with Ephemeral(tmp_path, "--seed", SEED) as server:
        client = Client(server.address)
        before = names(client)
        assert len(before) > 3
        created = client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "New", "slug": "new"}})
        user = client.call("shop.v1.UserStore/CreateUser", {"user": {"email": "a@example.com", "password": "long enough"}})
        assert len(names(client)) == len(before) + 1
        page = client.call("shop.v1.ProductStore/ListProducts", {"page_size": 2})
        server.reset()
        assert names(client) == before
        for method, id in (("CategoryStore/GetCategory", created["id"]), ("UserStore/GetUser", user["id"])):
            with pytest.raises(Failure) as failed:
                client.call(f"shop.v1.{method}", {"id": id})
            assert failed.value.code == "NOT_FOUND"
        # A page token of before is still good: the records are those it was made of.
        client.call("shop.v1.ProductStore/ListProducts", {"page_size": 2, "page_token": page["next_page_token"]})
        # And what was taken is free again.
        client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "New", "slug": "new"}})


def test_resets_amid_calls_of_others(tmp_path):
    with Ephemeral(tmp_path) as server:
        over = threading.Event()
        failures = []

        def work(number):
            client = Client(server.address)
            turn = 0
            while not over.is_set():
                turn += 1
                try:
                    client.call("shop.v1.CategoryStore/CreateCategory",
                                {"category": {"name": f"{number} {turn}", "slug": f"c{number}-{turn}"}})
                    names(client)
                except Failure as failure:
                    failures.append(str(failure))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            server.reset()
        over.set()
        for thread in threads:
            thread.join()
        assert not failures
        server.reset()
        assert names(Client(server.address)) == []


def test_it_ends_with_whoever_started_it(tmp_path):
    with Ephemeral(tmp_path) as server:
        server.process.stdin.write("ignored\n")
        server.process.stdin.close()
        assert server.process.wait(timeout=30) == 0
    # What is no pipe says nothing: a background job of a shell reads from nowhere.
    with Ephemeral(tmp_path, stdin=subprocess.DEVNULL) as server:
        names(Client(server.address))
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(timeout=3)


def test_what_is_configured_otherwise_does_not_count(tmp_path):
    (tmp_path / "storegate.yaml").write_text(
        "listen: 127.0.0.1:1\ndatabases: {main: 'sqlite:kept.db', mongo: 'mongodb://127.0.0.1:1/x'}\n"
        "routes: {shop.v1.OrderStore: mongo}\nlimits: {max_batch: 2}\n")
    env = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "MONGODB_URI": "mongodb://127.0.0.1:1/x",
           "STOREGATE_ROUTES": "shop.v1.UserStore=mongo", "STOREGATE_MIGRATIONS": str(tmp_path)}
    with Ephemeral(tmp_path, "--config", "storegate.yaml", env=env) as server:
        client = Client(server.address)
        # But limits do.
        with pytest.raises(Failure) as failed:
            client.call("shop.v1.ProductStore/BatchGetProducts", {"ids": ["a", "b", "c"]})
        assert failed.value.reason == "BATCH_TOO_LARGE"
    assert not (tmp_path / "kept.db").exists()


def test_a_schema_of_ones_own_with_fixtures(tmp_path):
    folder = tmp_path / "proto" / "notes" / "v1"
    folder.mkdir(parents=True)
    (folder / "note_store.proto").write_text("""
        syntax = "proto3";
        package notes.v1;
        message Note { int64 id = 1; string text = 2; }
        service NoteStore {
          rpc CreateNote(CreateNoteRequest) returns (Note);
          rpc ListNotes(ListNotesRequest) returns (ListNotesResponse);
        }
        message CreateNoteRequest { Note note = 1; }
        message ListNotesRequest { int32 page_size = 1; }
        message ListNotesResponse { repeated Note notes = 1; }
    """)
    (tmp_path / "notes.jsonl").write_text('{"entity": "Note", "record": {"text": "first"}}\n')
    with Ephemeral(tmp_path, "--proto", "proto", "--seed", "notes.jsonl") as server:
        client = Client(server.address)
        for _ in range(3):
            # Ids are counted from where the fixtures left off, each time.
            created = client.call("notes.v1.NoteStore/CreateNote", {"note": {"text": "second"}})
            assert created["id"] == "2"
            server.reset()


def test_mistakes_are_said_before_it_serves(tmp_path):
    (tmp_path / "wrong.jsonl").write_text('{"entity": "Category", "record": {"name": "x"}}\n')
    for flags, code, said in (
            (["--seed", "nothing.jsonl"], 1, "nothing.jsonl"), (["--seed", "wrong.jsonl"], 1, "wrong.jsonl:1"),
            (["--seed", "-"], 2, "--seed"), (["--database", "sqlite:x.db"], 2, "--database"), (["--migrate", "off"], 2, "--migrate")):
        ended = run("serve", "--ephemeral", *flags, cwd=tmp_path)
        assert ended.returncode == code and said in ended.stderr and ended.stdout == "", ended
    ended = run("serve", "--seed", "wrong.jsonl", cwd=tmp_path)
    assert ended.returncode == 2 and "--ephemeral" in ended.stderr
