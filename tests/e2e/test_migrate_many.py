"""Many servers and one database: who migrates, and who serves meanwhile."""

import contextlib
import shutil
import threading

import pytest

import notes
from gateway import Client, Server, long_count, run, serving

SERVERS = 10


@pytest.fixture(params=["sqlite", "postgresql", "mongodb"])
def fresh_database(request, tmp_path):
    """Makes empty databases of one kind."""
    if request.param == "sqlite":
        return lambda name: f"sqlite:{tmp_path}/{name}.db"
    if request.param == "mongodb":
        return request.getfixturevalue("own_mongodb").url
    cluster = request.getfixturevalue("shared_postgres")
    # Ten servers' worth of connections is more than a cluster takes by default.
    return lambda name: cluster.create_database(f"{name}_{abs(hash(str(tmp_path))) % 10**9}")


def test_ten_servers_start_at_once_on_an_empty_database(fresh_database, tmp_path):
    lanes = ["--point-threads", "1", "--write-threads", "1", "--scan-threads", "1", "--edge-threads", "1", "--lead-ms", "0"]
    for turn in range(long_count(20)):
        database = fresh_database(f"ten{turn}")
        servers, wrong = [], []

        def start(number):
            folder = tmp_path / f"{turn}-{number}"
            folder.mkdir()
            try:
                servers.append(Server(folder, *lanes, database=database))
            except AssertionError as error:
                wrong.append(str(error) + (folder / "storegate.log").read_text())

        starts = [threading.Thread(target=start, args=(number,)) for number in range(SERVERS)]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        assert not wrong, wrong
        clients = [Client(server.address) for server in servers]
        made = clients[0].call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "Shoes", "slug": "shoes"}})
        for client in clients:
            assert client.health() == "SERVING"
            assert client.call("shop.v1.CategoryStore/GetCategory", {"id": made["id"]}) == made
            client.close()
        applied = sum((tmp_path / f"{turn}-{number}" / "storegate.log").read_text().count("applied a migration") for number in range(SERVERS))
        assert applied == 1
        for server in servers:
            assert server.stop() == 0
        ended = run("migrate", "status", "--check", "--database", f"main={database}", cwd=tmp_path)
        assert ended.returncode == 0, ended


@contextlib.contextmanager
def load(address, ids):
    """Reads and writes by four threads; yields what went wrong and how many went well."""
    errors, done, over = [], [0], threading.Event()

    def work(number):
        client = None
        while not over.is_set():
            try:
                client = client or Client(address)
                made = client.call(notes.CREATE, {"note": {"title": f"During {number}", "pages": 5}})
                client.call(notes.UPDATE, {"note": {"id": made["id"], "pages": 6}, "update_mask": "pages"})
                assert client.call(notes.GET, {"id": made["id"]})["pages"] == "6"
                client.call(notes.GET, {"id": ids[number]})
                client.call(notes.LIST, {"page_size": 3})
                done[0] += 1
            except Exception as error:  # whatever it is, somebody waits to hear of it
                errors.append(repr(error))
                break
        if client is not None:
            client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield errors, done
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_the_old_version_serves_through_the_whole_of_an_expand_step(any_database, tmp_path):
    versions = notes.Versions(tmp_path)
    versions.generate("create_notes", "first")
    shutil.copytree(tmp_path / "migrations", tmp_path / "old")
    with serving(tmp_path, "--proto", str(tmp_path / "first"), "--migrations", str(tmp_path / "old"), database=any_database) as server:
        client = Client(server.address)
        ids = [note["id"] for note in client.call(notes.BATCH, notes.notes(1000), timeout=120)["notes"]]
        versions.generate("add_colour", "second")
        with load(server.address, ids) as (errors, done):
            versions.migrate(any_database, "up")
            before = done[0]
            while done[0] < before + 20 and not errors:
                threading.Event().wait(0.05)
        assert not errors, errors[:3]
        # The new one beside it reads what the old one writes.
        folder = tmp_path / "new"
        folder.mkdir()
        with serving(folder, *versions.flags("second"), database=any_database) as newer:
            beside = Client(newer.address)
            made = client.call(notes.CREATE, {"note": {"title": "Beside", "pages": 5}})
            seen = beside.call(notes.GET, {"id": made["id"]})
            assert seen["title"] == "Beside" and "colour" not in seen
            note = beside.call(notes.CREATE, {"note": {"title": "New", "colour": "red"}})
            client.call(notes.UPDATE, {"note": {"id": note["id"], "pages": 9}, "update_mask": "pages"})
            assert beside.call(notes.GET, {"id": note["id"]})["colour"] == "red"
            beside.close()
        client.close()
    # An old one starts on a database that is ahead of it.
    with serving(tmp_path, "--proto", str(tmp_path / "first"), "--migrations", str(tmp_path / "old"), database=any_database) as server:
        client = Client(server.address)
        assert client.call(notes.GET, {"id": ids[1]})["title"] == "Note 1"
        client.close()
