"""Each query of the packages that the product grew from, made against the gateway."""

import datetime

import pytest

from gateway import ROOT, Client, serving

SEEDS = str(ROOT / "tests" / "protos" / "seeds")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def shop(tmp_path, postgres_url, own_mongodb):
    """As in production: orders in MongoDB, all else in PostgreSQL."""
    with serving(tmp_path, database=False,
                 env={"DATABASE_URL": postgres_url, "MONGODB_URI": own_mongodb.url("shop")}) as server:
        client = Client(server.address)
        yield client
        client.close()


@pytest.fixture
def seeds(tmp_path, any_database):
    with serving(tmp_path, "--proto", SEEDS, "--create-tables", database=any_database) as server:
        client = Client(server.address)
        yield client
        client.close()


def make(client, store, name, plural, records):
    """Creates them and answers them, in order."""
    answer = client.call(f"{store}/BatchCreate{plural}",
                         {"requests": [{name: record} for record in records], "allow_partial": True})
    assert "failed_requests" not in answer, answer["failed_requests"]
    return next(value for value in answer.values() if isinstance(value, list))


def make_products(shop):
    make(shop, "shop.v1.CategoryStore", "category", "Categories",
         [{"name": "Shoes", "slug": "shoes"}, {"name": "Hats", "slug": "hats"}, {"name": "Belts", "slug": "belts"}])
    return make(shop, "shop.v1.ProductStore", "product", "Products", [
        {"name": f"Sneaker {i}", "description": "Straße" if i % 2 else "Road", "price_cents": 1000 * i, "sizes": ["M", "L"][: i % 3],
         "colors": ["red"] if i % 2 else ["blue"], "category_slug": "shoes" if i < 6 else "hats"} for i in range(1, 9)])


def make_user(shop, name="ann"):
    return shop.call("shop.v1.UserStore/CreateUser",
                     {"user": {"email": f"{name}@example.com", "name": name, "password": "correct horse"}})


def names(answer, key="products"):
    return [record["name"] for record in answer.get(key, [])]


def test_get_products(shop):
    """getProducts: category, prices, search, sort, page, with its category."""
    make_products(shop)
    answer = shop.call("shop.v1.ProductStore/ListProducts", {
        "category_slug": "shoes", "min_price_cents": "2000", "max_price_cents": "5000", "search": "STRASSE",
        "order_by": "price_cents desc", "page": 1, "page_size": 1, "include": "category"})
    assert names(answer) == ["Sneaker 5"]
    assert answer["products"][0]["category"]["name"] == "Shoes"
    info = answer["page_info"]
    assert (info["page"], info["total_pages"], info["total_size"], info["has_next"]) == (1, 2, "2", True)
    assert names(shop.call("shop.v1.ProductStore/ListProducts", {"sizes": ["L"], "colors": ["red", "blue"], "order_by": "name"})) \
        == ["Sneaker 2", "Sneaker 5", "Sneaker 8"]
    # The same by filter, and through what a product refers to.
    same = {"filter": "category.name = 'Sho*' AND price_cents >= 2000 AND (colors : 'red' OR sizes : 'L')", "order_by": "name"}
    assert names(shop.call("shop.v1.ProductStore/ListProducts", same)) == ["Sneaker 2", "Sneaker 3", "Sneaker 5"]


def test_get_categories_with_counts(shop):
    """getCategories: each with the number of its living products."""
    products = make_products(shop)
    shop.call("shop.v1.ProductStore/DeleteProduct", {"id": products[0]["id"]})
    answer = shop.call("shop.v1.CategoryStore/ListCategories", {"order_by": "name", "include": "productCount"})
    assert [(c["slug"], c.get("product_count", "0")) for c in answer["categories"]] == [("belts", "0"), ("hats", "3"), ("shoes", "4")]
    made = shop.call("shop.v1.CategoryStore/CreateCategory", {"category": {"name": "Socks", "slug": "socks"}})
    assert made["slug"] == "socks"


def test_create_product_with_its_category(shop):
    """createProduct answers with the category that it is in."""
    make_products(shop)
    made = shop.call("shop.v1.ProductStore/CreateProduct",
                     {"product": {"name": "Fedora", "category_slug": "hats", "price_cents": "2999"}, "include": "category"})
    assert made["category"]["slug"] == "hats"


def orders_of(user, count, start=datetime.datetime(2026, 1, 15, tzinfo=datetime.timezone.utc)):
    return [{"user_id": user["id"], "email": user["email"], "amount_cents": 1000 + i, "status": "FAILED" if i % 5 == 0 else "SUCCESS",
             "items": [{"name": "Sneaker", "quantity": 1, "price_cents": 1000 + i}]} for i in range(count)]


def test_get_user_orders_with_page_information(shop):
    """getUserOrders: pages by number, newest first, by status; each order with its user, who is in another database."""
    ann, bob = make_user(shop), make_user(shop, "bob")
    make(shop, "shop.v1.OrderStore", "order", "Orders", orders_of(ann, 12) + orders_of(bob, 3))
    page = shop.call("shop.v1.OrderStore/ListOrders",
                     {"user_id": ann["id"], "status": "SUCCESS", "page": 2, "page_size": 5, "include": "user.name"})
    assert len(page["orders"]) == 4
    assert all(order["user"] == {"name": "ann"} for order in page["orders"])
    assert page["page_info"] == {"page": 2, "total_pages": 2, "total_size": "9", "has_previous": True}
    times = [order["create_time"] for order in page["orders"]]
    assert times == sorted(times, reverse=True)


def test_get_order_analytics(shop):
    """getOrderAnalytics: successful orders month by month."""
    ann = make_user(shop)
    made = make(shop, "shop.v1.OrderStore", "order", "Orders", orders_of(ann, 11))
    month = made[0]["create_time"][:7]
    answer = shop.call("shop.v1.OrderStore/GetOrderAnalytics",
                       {"start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"})
    amounts = [int(order["amount_cents"]) for order in made if order["status"] == "SUCCESS"]
    assert answer["months"] == [{"month": month, "total": str(len(amounts)), "revenue_cents": str(sum(amounts)),
                                 "average_order_value_cents": sum(amounts) / len(amounts)}]
    assert shop.call("shop.v1.OrderStore/GetOrderAnalytics", {"end_time": "2020-01-01T00:00:00Z"}) == {}


def test_get_users_paginated(shop):
    """getUsersPaginated: pages by number with the total; deleted ones on request."""
    users = [make_user(shop, f"user{i}") for i in range(5)]
    shop.call("shop.v1.UserStore/DeleteUser", {"id": users[0]["id"]})
    first = shop.call("shop.v1.UserStore/ListUsers", {"page": 1, "page_size": 3, "order_by": "email"})
    assert names(first, "users") == ["user1", "user2", "user3"]
    assert first["page_info"] == {"page": 1, "total_pages": 2, "total_size": "4", "has_next": True}
    everyone = shop.call("shop.v1.UserStore/ListUsers", {"page": 2, "page_size": 3, "order_by": "email", "show_deleted": True})
    assert names(everyone, "users") == ["user3", "user4"]


def test_message_history_by_chat(seeds):
    """Messages of one chat, newest first, going back in time; with what is attached."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    stamp = lambda i: (start + i * datetime.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    make(seeds, "market.v1.MessageStore", "message", "Messages", [
        {"chat_id": f"chat{i % 2}", "sender_id": "ann", "content": f"message {i}", "timestamp": stamp(i),
         "attachments": [{"path": "/a.jpg", "type": "image/jpeg", "size": "5"}] if i == 38 else []} for i in range(40)])
    page = seeds.call("market.v1.MessageStore/ListMessages", {"chat_id": "chat0", "page_size": 5})
    assert [m["content"] for m in page["messages"]] == [f"message {i}" for i in (38, 36, 34, 32, 30)]
    assert page["messages"][0]["attachments"] == [{"path": "/a.jpg", "type": "image/jpeg", "size": "5"}]
    older = seeds.call("market.v1.MessageStore/ListMessages", {"chat_id": "chat0", "page_size": 5, "page_token": page["next_page_token"]})
    assert [m["content"] for m in older["messages"]] == [f"message {i}" for i in (28, 26, 24, 22, 20)]
    before = seeds.call("market.v1.MessageStore/ListMessages", {"chat_id": "chat1", "filter": f'timestamp < "{stamp(3)}"'})
    assert [m["content"] for m in before["messages"]] == ["message 1"]


def make_services(seeds):
    owner = seeds.call("market.v1.PersonStore/CreatePerson",
                       {"person": {"full_name": "Ann A", "username": "ann", "email": "ann@example.com"}})
    category = seeds.call("market.v1.CategoryStore/CreateCategory", {"category": {"name": "Design"}})
    services = make(seeds, "market.v1.ServiceStore", "service", "Services", [
        {"title": f"Logo {i}", "status": "active" if i < 5 else "draft", "owner_id": owner["id"],
         **({"category_id": category["id"]} if i else {})} for i in range(7)])
    make(seeds, "market.v1.OptionStore", "option", "Options", [
        {"service_id": services[i]["id"], "label": f"{i}.{j}", "price_cents": j} for i in range(3) for j in range(i)])
    return services


def test_eager_loading(seeds):
    """A service with its owner (three of the fields), category and options, and pages of such."""
    services = make_services(seeds)
    paths = "owner.id,owner.fullName,owner.username,category,options"
    one = seeds.call("market.v1.ServiceStore/GetService", {"id": services[2]["id"], "include": paths})
    assert one["owner"] == {"id": services[2]["owner_id"], "full_name": "Ann A", "username": "ann"}
    assert one["category"]["name"] == "Design"
    assert [option["label"] for option in one["options"]] == ["2.1", "2.0"]
    page = seeds.call("market.v1.ServiceStore/ListServices",
                      {"status": "active", "page": 1, "page_size": 20, "order_by": "title", "include": paths})
    assert page["page_info"] == {"page": 1, "total_pages": 1, "total_size": "5"}
    assert [len(service.get("options", [])) for service in page["services"]] == [0, 1, 2, 0, 0]
    assert "category" not in page["services"][0]
    person = seeds.call("market.v1.PersonStore/GetPerson", {"id": services[0]["owner_id"], "include": "serviceCount"})
    assert person["service_count"] == "7"


def test_files_with_tags(seeds):
    """filesWithTags: a person's files, each with its tags, through the table between."""
    files = make(seeds, "files.v1.FileStore", "file", "Files", [
        {"user_id": f"user{i % 2}", "name": f"{i}.txt", "mime_type": "text/plain", "size": i, "storage_key": f"key{i}"} for i in range(6)])
    tags = make(seeds, "files.v1.TagStore", "tag", "Tags", [{"name": name} for name in ("work", "home", "old", "new")])
    make(seeds, "files.v1.FileTagStore", "fileTag", "FileTags", [
        {"file_id": files[i]["id"], "tag_id": tags[j]["id"]} for i in range(5) for j in range(i)])
    answer = seeds.call("files.v1.FileStore/ListFiles", {"user_id": "user0", "order_by": "name", "include": "tags.name,tagCount"})
    found = {f["name"]: ([tag["name"] for tag in f.get("tags", [])], f.get("tag_count", 0)) for f in answer["files"]}
    # At most three, by name.
    assert found == {"0.txt": ([], 0), "2.txt": (["home", "work"], 2), "4.txt": (["home", "new", "old"], 4)}


def test_files_by_tag(tmp_path):
    """Which files have a tag: a filter through the table between, where one SQL database has them all."""
    with serving(tmp_path, "--proto", SEEDS, "--create-tables") as server:
        client = Client(server.address)
        test_files_with_tags(client)
        found = client.call("files.v1.FileStore/ListFiles", {"filter": 'tags.name : "old" AND NOT tags.name : "new"', "order_by": "name"})
        assert names(found, "files") == ["3.txt"]
        client.close()
