"""The shop through Python's grpcio over reflection: each operation right, and
wrong in one way."""

import grpc
import pytest

from gateway import Client, fails

CATEGORY = {"name": "Shoes", "slug": "shoes"}
ITEM = {
    "name": "Canvas Sneaker", "short_description": "Light", "description": "For the Straße, 100% cotton",
    "price_cents": 4999, "sizes": ["M", "L"], "colors": ["red"], "images": {"red": "https://example.com/red.jpg"},
    "category_slug": "shoes", "metadata": {"brand": "Åse", "weights": [1, 2.5, None, True]},
}


@pytest.fixture
def shop(client):
    client.call("shop.v1.CategoryStore/CreateCategory", {"category": CATEGORY})
    return client


def create(shop, **changes):
    return shop.call("shop.v1.ProductStore/CreateProduct", {"product": {**ITEM, **changes}})


def test_create_answers_the_record_as_it_is_stored(shop):
    made = create(shop)
    assert {key: made[key] for key in ITEM} == {**ITEM, "price_cents": "4999"}
    assert made["etag"] and made["create_time"] == made["update_time"]
    assert shop.call("shop.v1.ProductStore/GetProduct", {"id": made["id"]}) == made


def test_create_names_every_violation(shop):
    failure = fails(lambda: create(shop, name="", price_cents=-1, images={"red": "nowhere"}),
                    "INVALID_ARGUMENT", "INVALID_FIELD")
    assert [field for field, _ in failure.violations] == [
        "product.name", "product.price_cents", 'product.images["red"]']


def test_a_reference_to_nothing_is_refused(shop):
    failure = fails(lambda: create(shop, category_slug="hats"), "FAILED_PRECONDITION", "REFERENCE_NOT_FOUND")
    assert failure.metadata["field"].endswith("category_slug")


def test_a_duplicate_is_refused_by_name_of_the_field(shop):
    failure = fails(lambda: shop.call("shop.v1.CategoryStore/CreateCategory", {"category": {**CATEGORY, "name": "Boots"}}),
                    "ALREADY_EXISTS", "UNIQUE_VIOLATION")
    assert failure.metadata["fields"] == "slug"


def test_get_by_any_unique_key(shop):
    category = shop.call("shop.v1.CategoryStore/GetCategory", {"slug": "shoes"})
    assert category == shop.call("shop.v1.CategoryStore/GetCategory", {"id": category["id"]})
    fails(lambda: shop.call("shop.v1.CategoryStore/GetCategory", {"slug": "hats"}), "NOT_FOUND", "RECORD_NOT_FOUND")
    fails(lambda: shop.call("shop.v1.CategoryStore/GetCategory", {}), "INVALID_ARGUMENT", "KEY_REQUIRED")
    fails(lambda: shop.call("shop.v1.CategoryStore/GetCategory", {"id": category["id"], "slug": "shoes"}),
          "INVALID_ARGUMENT", "KEY_AMBIGUOUS")


def test_each_filter_of_a_list(shop):
    shop.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "Hats", "slug": "hats"}})
    red = create(shop)
    blue = create(shop, name="STRASSE hat", description="", colors=["blue"], sizes=["XL"], price_cents=100,
                  category_slug="hats")

    def ids(**request):
        answer = shop.call("shop.v1.ProductStore/ListProducts", request)
        return [row["id"] for row in answer.get("products", [])]

    assert ids(category_slug="shoes") == [red["id"]]
    assert ids(min_price_cents=101) == [red["id"]]
    assert ids(max_price_cents=100) == [blue["id"]]
    assert ids(sizes=["XL", "XXL"]) == [blue["id"]]
    assert ids(colors=["red", "blue"], order_by="price_cents") == [blue["id"], red["id"]]
    assert ids(search="straße", order_by="price_cents desc") == [red["id"], blue["id"]]
    assert ids(search="100%") == [red["id"]]
    assert ids(search="%") == [red["id"]]
    assert ids(search="_") == []
    fails(lambda: ids(order_by="colour"), "INVALID_ARGUMENT", "INVALID_ORDER_BY")
    fails(lambda: ids(page_size=-1), "INVALID_ARGUMENT", "INVALID_FIELD")
    fails(lambda: ids(page_token="forged"), "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
    fails(lambda: ids(skip=1, page=2), "INVALID_ARGUMENT", "PAGING_CONFLICT")


def test_pages_by_number(shop):
    for number in range(7):
        create(shop, name=f"No {number}", price_cents=number)
    answer = shop.call("shop.v1.ProductStore/ListProducts", {"page": 2, "page_size": 3, "order_by": "price_cents"})
    assert [row["name"] for row in answer["products"]] == ["No 3", "No 4", "No 5"]
    assert answer["page_info"] == {"page": 2, "total_pages": 3, "total_size": "7", "has_next": True, "has_previous": True}


def test_update_with_mask_and_etag(shop):
    made = create(shop)

    def update(mask, **changes):
        return shop.call("shop.v1.ProductStore/UpdateProduct",
                         {"product": {"id": made["id"], **changes}, "update_mask": mask})

    changed = update("priceCents,images.blue", price_cents=1, images={"blue": "https://example.com/b.jpg"},
                     etag=made["etag"], name="ignored")
    assert changed["price_cents"] == "1" and changed["name"] == made["name"]
    assert changed["images"] == {"red": "https://example.com/red.jpg", "blue": "https://example.com/b.jpg"}
    assert changed["etag"] != made["etag"]
    fails(lambda: update("priceCents", price_cents=2, etag=made["etag"]), "ABORTED", "ETAG_MISMATCH")
    fails(lambda: update("colour"), "INVALID_ARGUMENT", "INVALID_UPDATE_MASK")
    fails(lambda: update("createTime"), "INVALID_ARGUMENT", "INVALID_UPDATE_MASK")
    fails(lambda: update(""), "INVALID_ARGUMENT", "UPDATE_MASK_REQUIRED")


def test_delete_undelete_purge(shop):
    made = create(shop)
    key = {"id": made["id"]}
    deleted = shop.call("shop.v1.ProductStore/DeleteProduct", key)
    assert deleted["delete_time"] and deleted["etag"] != made["etag"]
    fails(lambda: shop.call("shop.v1.ProductStore/GetProduct", key), "NOT_FOUND", "RECORD_DELETED")
    fails(lambda: shop.call("shop.v1.ProductStore/DeleteProduct", key), "NOT_FOUND", "RECORD_DELETED")
    assert shop.call("shop.v1.ProductStore/GetProduct", {**key, "show_deleted": True}) == deleted
    back = shop.call("shop.v1.ProductStore/UndeleteProduct", key)
    assert "delete_time" not in back
    fails(lambda: shop.call("shop.v1.ProductStore/UndeleteProduct", key), "ALREADY_EXISTS", "RECORD_NOT_DELETED")
    shop.call("shop.v1.ProductStore/PurgeProduct", key)
    fails(lambda: shop.call("shop.v1.ProductStore/PurgeProduct", key), "NOT_FOUND", "RECORD_NOT_FOUND")


def test_a_category_in_use_is_not_deleted(shop):
    create(shop)
    category = shop.call("shop.v1.CategoryStore/GetCategory", {"slug": "shoes"})
    fails(lambda: shop.call("shop.v1.CategoryStore/DeleteCategory", {"id": category["id"]}),
          "FAILED_PRECONDITION", "RECORD_REFERENCED")


def test_batch_get_keeps_the_order_asked(shop):
    first, second = create(shop), create(shop)
    nobody = "00000000-0000-7000-8000-000000000000"
    answer = shop.call("shop.v1.ProductStore/BatchGetProducts", {"ids": [second["id"], nobody, first["id"], second["id"]]})
    assert [row["id"] for row in answer["products"]] == [second["id"], first["id"], second["id"]]
    assert answer["missing_ids"] == [nobody]


def test_batch_create_is_all_or_none_unless_partial_is_allowed(shop):
    requests = [{"product": ITEM}, {"product": {**ITEM, "category_slug": "nowhere"}}, {"product": ITEM}]
    failure = fails(lambda: shop.call("shop.v1.ProductStore/BatchCreateProducts", {"requests": requests}),
                    "FAILED_PRECONDITION", "REFERENCE_NOT_FOUND")
    assert failure.metadata["index"] == "1"
    assert shop.call("shop.v1.ProductStore/ListProducts") == {}
    answer = shop.call("shop.v1.ProductStore/BatchCreateProducts", {"requests": requests, "allow_partial": True})
    assert len(answer["products"]) == 2
    assert list(answer["failed_requests"]) == ["1"]


def test_passwords_are_checked_and_never_shown(client):
    made = client.call("shop.v1.UserStore/CreateUser",
                       {"user": {"email": "Zoe@Example.com", "name": "Zoë", "password": "correct horse"}})
    assert made["email"] == "zoe@example.com" and made["is_active"] is True and "password" not in made

    def verify(email, password):
        return client.call("shop.v1.UserStore/VerifyPassword", {"email": email, "password": password})

    assert verify("ZOE@example.com", "correct horse") == {"valid": True, "user": made}
    assert verify("zoe@example.com", "wrong") == {}
    assert verify("nobody@example.com", "correct horse") == {}
    client.call("shop.v1.UserStore/UpdateUser", {"user": {"id": made["id"], "is_active": False}, "update_mask": "isActive"})
    assert verify("zoe@example.com", "correct horse") == {}


def test_bytes_that_are_no_request(shop):
    create_path = "shop.v1.ProductStore/CreateProduct"
    fails(lambda: shop.raw(create_path, b"\xff\xff\xff"), "INVALID_ARGUMENT", "MALFORMED_REQUEST")
    invalid = fails(lambda: shop.raw(create_path, b"\x0a\x04\x12\x02\xff\xfe"), "INVALID_ARGUMENT", "INVALID_UTF8")
    assert invalid.violations[0][0] == "product.name"
    fails(lambda: shop.raw(create_path, b"\x0a\x03\xf8\x07\x01"), "INVALID_ARGUMENT", "UNKNOWN_FIELD")
    fails(lambda: create(shop, name="a\0b"), "INVALID_ARGUMENT", "INVALID_FIELD")
    fails(lambda: shop.raw("shop.v1.ProductStore/Nothing", b""), "UNIMPLEMENTED", "UNKNOWN_METHOD")


def test_what_is_too_large(shop, server):
    path = "shop.v1.ProductStore/GetProduct"
    fails(lambda: shop.call(path, {"id": "x" * (1 << 20)}), "INVALID_ARGUMENT", "INVALID_FIELD")
    failure = fails(lambda: shop.call(path, {"id": "x" * (5 << 20)}), "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE")
    assert "4194304" in failure.message
    many = {"requests": [{"product": {"name": "", "price_cents": -1}}] * 1000}
    failure = fails(lambda: shop.call("shop.v1.ProductStore/BatchCreateProducts", many), "INVALID_ARGUMENT", "INVALID_FIELD")
    assert int(failure.metadata["violations_total"]) >= 2000
    assert int(failure.metadata["violations_shown"]) == len(failure.violations) > 0
    compressed = Client(server.address)
    with pytest.raises(Exception):
        compressed.raw(path, b"\x0a\x01x", compression=grpc.Compression.Gzip)
    compressed.close()
    assert shop.health() == "SERVING"


def test_health_has_a_name_for_each_store(client):
    assert client.health() == "SERVING"
    for store in ("Product", "Category", "Order", "User"):
        assert client.health(f"shop.v1.{store}Store") == "SERVING"
    with pytest.raises(grpc.RpcError) as error:
        client.health("shop.v1.NoStore")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
