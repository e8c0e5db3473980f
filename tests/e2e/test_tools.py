"""Clients that we did not write: grpcurl, grpcui, evans, ghz, buf curl."""

import http.cookiejar
import json
import os
import re
import subprocess
import urllib.request

from gateway import run


def grpcurl(tools, server, *arguments, data=None):
    """(exit code, output) of one grpcurl call."""
    command = [str(tools / "grpcurl"), "-plaintext", "-format-error"]
    if data is not None:
        command += ["-d", json.dumps(data)]
    tail = [server.address, *arguments]
    ended = subprocess.run(command + tail, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout + ended.stderr


def call(tools, server, method, data):
    code, text = grpcurl(tools, server, method, data=data)
    return code, json.loads(text)


def test_grpcurl_lists_and_describes(tools, server):
    code, text = grpcurl(tools, server, "list")
    assert code == 0
    assert set(text.split()) == {
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        "shop.v1.CategoryStore", "shop.v1.OrderStore", "shop.v1.ProductStore", "shop.v1.UserStore"}
    code, text = grpcurl(tools, server, "list", "shop.v1.ProductStore")
    assert code == 0 and "shop.v1.ProductStore.ListProducts" in text
    for symbol in ("shop.v1.Product", "shop.v1.ProductStore.ListProducts", "shop.v1.Order.Status",
                   "grpc.health.v1.Health", "storegate.v1.PageInfo"):
        code, text = grpcurl(tools, server, "describe", symbol)
        assert code == 0 and f"{symbol} is" in text, text
    code, text = grpcurl(tools, server, "describe", "shop.v1.Nothing")
    assert code != 0


def test_a_story_by_grpcurl(tools, server):
    code, category = call(tools, server, "shop.v1.CategoryStore/CreateCategory", {"category": {"name": "Shoes", "slug": "shoes"}})
    assert code == 0
    code, product = call(tools, server, "shop.v1.ProductStore/CreateProduct",
                         {"product": {"name": "Sneaker", "price_cents": 4999, "category_slug": "shoes"}})
    assert code == 0
    code, listed = call(tools, server, "shop.v1.ProductStore/ListProducts", {"category_slug": "shoes", "search": "SNEAK"})
    assert code == 0 and [row["id"] for row in listed["products"]] == [product["id"]]
    code, changed = call(tools, server, "shop.v1.ProductStore/UpdateProduct", {
        "product": {"id": product["id"], "price_cents": 3999, "etag": product["etag"]}, "update_mask": {"paths": ["price_cents"]}})
    assert code == 0 and changed["priceCents"] == "3999"
    code, wrong = call(tools, server, "shop.v1.ProductStore/UpdateProduct", {
        "product": {"id": product["id"], "price_cents": 1, "etag": product["etag"]}, "update_mask": {"paths": ["price_cents"]}})
    assert code != 0 and wrong["details"][0]["reason"] == "ETAG_MISMATCH", wrong
    code, wrong = call(tools, server, "shop.v1.ProductStore/CreateProduct", {"product": {"price_cents": -5}})
    assert code != 0 and wrong["code"] == 3
    fields = [v["field"] for d in wrong["details"] for v in d.get("fieldViolations", d.get("field_violations", []))]
    assert fields == ["product.name", "product.price_cents", "product.category_slug"], wrong
    code, deleted = call(tools, server, "shop.v1.ProductStore/DeleteProduct", {"id": product["id"]})
    assert code == 0 and deleted["deleteTime"]
    code, _ = call(tools, server, "shop.v1.ProductStore/UndeleteProduct", {"id": product["id"]})
    assert code == 0


def test_ghz_runs_a_bounded_load(tools, server, client):
    made = client.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "a", "slug": "a"}})
    ended = subprocess.run(
        [str(tools / "ghz"), "--insecure", "--call", "shop.v1.CategoryStore.GetCategory", "-d", json.dumps({"id": made["id"]}),
         "-n", "2000", "-c", "20", "--connections", "2", "--timeout", "20s", "-O", "json", server.address],
        capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["statusCodeDistribution"] == {"OK": 2000}


def test_buf_curl(buf, server):
    ended = subprocess.run(
        [str(buf), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d",
         json.dumps({"category": {"name": "b", "slug": "b"}}),
         f"http://{server.address}/shop.v1.CategoryStore/CreateCategory"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["slug"] == "b"
    ended = subprocess.run(
        [str(buf), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", json.dumps({"slug": "none"}),
         f"http://{server.address}/shop.v1.CategoryStore/GetCategory"], capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0 and "not_found" in ended.stderr, ended.stderr


def evans(tools, server, folder, *arguments, data=None):
    """(exit code, output, errors) of one call of evans' command line."""
    host, port = server.address.split(":")
    ended = subprocess.run(
        [str(tools / "evans"), "--host", host, "--port", port, "--reflection", "cli", *arguments],
        input=None if data is None else json.dumps(data), capture_output=True, text=True, timeout=60,
        # It keeps a configuration and looks for newer versions of itself.
        env={"HOME": str(folder), "PATH": os.environ["PATH"]})
    return ended.returncode, ended.stdout, ended.stderr


def test_evans(tools, server, tmp_path):
    code, text, _ = evans(tools, server, tmp_path, "list")
    assert code == 0 and "shop.v1.CategoryStore" in text.split()
    code, text, errors = evans(tools, server, tmp_path, "call", "shop.v1.CategoryStore.CreateCategory",
                               data={"category": {"name": "e", "slug": "e"}})
    assert code == 0 and json.loads(text)["slug"] == "e", errors
    code, _, errors = evans(tools, server, tmp_path, "call", "shop.v1.CategoryStore.GetCategory", data={"slug": "none"})
    assert code != 0 and "NotFound" in errors


def test_grpcui(tools, server):
    ui = subprocess.Popen(
        [str(tools / "grpcui"), "-plaintext", "-bind", "127.0.0.1", "-port", "0", "-open-browser=false", server.address],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = re.search(r"http://\S+", ui.stdout.readline()).group(0)
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := http.cookiejar.CookieJar()))
        page = browser.open(address, timeout=30).read().decode()
        assert '<option value="shop.v1.ProductStore">' in page
        token = next(cookie.value for cookie in jar if cookie.name == "_grpcui_csrf_token")

        def invoke(method, data):
            call = urllib.request.Request(
                f"{address}invoke/{method}", json.dumps({"metadata": [], "data": [data]}).encode(),
                {"content-type": "application/json", "x-grpcui-csrf-token": token})
            return json.loads(browser.open(call, timeout=30).read())

        made = invoke("shop.v1.CategoryStore.CreateCategory", {"category": {"name": "u", "slug": "u"}})
        assert made["responses"][0]["message"]["slug"] == "u"
        wrong = invoke("shop.v1.CategoryStore.CreateCategory", {"category": {"name": "u"}})
        assert wrong["error"]["name"] == "InvalidArgument"
        # It does not know the types of the details; the message says the first.
        assert "category.slug: required" in wrong["error"]["message"]
    finally:
        ui.kill()
        ui.wait()


def test_an_exported_schema_needs_no_reflection(tools, buf, server, tmp_path):
    exported = tmp_path / "shop.binpb"
    assert run("schema", "export", "--out", str(exported)).returncode == 0
    ended = subprocess.run(
        [str(tools / "grpcurl"), "-plaintext", "-protoset", str(exported), "-d", '{"category": {"name": "p", "slug": "p"}}',
         server.address, "shop.v1.CategoryStore/CreateCategory"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and json.loads(ended.stdout)["slug"] == "p", ended.stderr
    # buf reads it, with the comments, as it reads sources.
    ended = subprocess.run([str(buf), "breaking", str(exported), "--against", str(exported)], capture_output=True,
                           text=True, timeout=60, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    listed = subprocess.run([str(tools / "grpcurl"), "-protoset", str(exported), "describe", "shop.v1.Product"],
                            capture_output=True, text=True, timeout=60)
    assert "shop.v1.Product is a message" in listed.stdout and "// " in listed.stdout
    # And the server itself.
    checked = run("schema", "check", "--descriptor-set", str(exported), "--against", str(exported))
    assert checked.returncode == 0, checked.stderr
