"""Few descriptors, many connections, bad files: the server stays or says why."""

import os
import pathlib
import resource
import socket
import subprocess

from gateway import BINARY, Client, Server, fails, run, serving, wait_for


def test_two_hundred_idle_connections_with_sixty_four_descriptors(tmp_path):
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with serving(tmp_path, preexec=few_descriptors) as server:
        host, port = server.address.split(":")
        idle = []
        for _ in range(200):
            connection = socket.socket()
            connection.settimeout(5)
            connection.connect((host, int(port)))
            idle.append(connection)
        for connection in idle:
            connection.close()
        client = Client(server.address)
        assert wait_for(lambda: client.health() == "SERVING")
        client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "a", "slug": "a"}})
        client.close()


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("These are notes, and no database. " * 200)
    before = path.read_bytes()
    ended = run("serve", "--listen", "127.0.0.1:0", "--database", f"main=sqlite:{path}", cwd=tmp_path)
    assert ended.returncode == 1
    assert str(path) in ended.stderr and "not a database" in ended.stderr.lower()
    assert path.read_bytes() == before


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        ended = run("serve", "--listen", address, "--database", f"main=sqlite:{tmp_path}/x.db", cwd=tmp_path)
    assert ended.returncode == 1 and address in ended.stderr


def test_wrong_configuration_is_named(tmp_path):
    config = tmp_path / "storegate.yaml"
    for text, word in [("listn: 127.0.0.1:1\n", "listn"), ("limits: {max_batch: many}\n", "max_batch"),
                       ("databases: {main: 'oracle://x'}\n", "oracle"), ("routes: {a.B: nowhere}\n", "a.B"),
                       ("listen: 0.0.0.0:7600\n", "insecure")]:
        config.write_text(text)
        ended = run("serve", "--config", str(config), cwd=tmp_path)
        assert ended.returncode in (1, 2), ended
        assert word in ended.stderr, (text, ended.stderr)


def test_invalid_text_does_not_flood_the_log(tmp_path):
    with serving(tmp_path) as server:
        client = Client(server.address)
        for _ in range(200):
            fails(lambda: client.raw("shop.v1.ProductStore/CreateProduct", b"\x0a\x04\x12\x02\xff\xfe"),
                  "INVALID_ARGUMENT", "INVALID_UTF8")
        client.close()
    log = pathlib.Path(tmp_path, "storegate.log").read_text()
    assert log.count("\n") < 100, log[:2000]
    for line in log.splitlines():
        assert line.startswith("{"), line


def test_a_disk_that_is_full(tmp_path):
    """Writes fail with a clear status, nothing is half there, and go on when
    there is room again."""
    room = tmp_path / "room"
    room.mkdir()

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))

    with serving(tmp_path, database=f"sqlite:{room}/storegate.db", preexec=small_files) as server:
        client = Client(server.address)
        kept, failure = [], None
        for number in range(200):
            row = {"category": {"name": f"n{number}", "slug": f"s{number}"}}
            client.call("shop.v1.CategoryStore/CreateCategory", row)
            items = [{"product": {"name": "n", "description": "d" * 9000, "category_slug": f"s{number}"}}] * 20
            try:
                answer = client.call("shop.v1.ProductStore/BatchCreateProducts", {"requests": items})
                kept += [row["id"] for row in answer["products"]]
            except Exception as error:
                failure = error
                break
        assert failure is not None and (failure.code, failure.reason) == ("RESOURCE_EXHAUSTED", "STORAGE_FULL"), failure
        listed, token = [], ""
        while True:
            answer = client.call("shop.v1.ProductStore/ListProducts", {"page_size": 100, "page_token": token})
            listed += [row["id"] for row in answer.get("products", [])]
            token = answer.get("next_page_token", "")
            if not token:
                break
        assert sorted(listed) == sorted(kept)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "again", "slug": "again"}})
        client.close()
