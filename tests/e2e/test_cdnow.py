"""Real input: the 69,659 purchases of the public CDNOW log as orders, loaded by
BatchCreateOrders, every count and sum found again by ListOrders."""

import collections
import importlib.util
import pathlib
import uuid

from gateway import Client, serving

PURCHASES = 69659
BATCH = 500


def purchases():
    """(customer, date, number of CDs, cents) of each line of the log."""
    package = pathlib.Path(importlib.util.find_spec("lifetimes").submodule_search_locations[0])
    lines = (package / "datasets" / "CDNOW_master.txt").read_text().splitlines()[1:]
    for line in lines:
        customer, date, number, dollars = line.split()
        yield customer, date, int(number), round(float(dollars) * 100)


def customer_id(customer):
    return str(uuid.UUID(int=(0x7000_8000 << 64) | int(customer)))


def batches(rows, size):
    for start in range(0, len(rows), size):
        yield rows[start:start + size]


def test_the_log_goes_in_and_comes_out(tmp_path):
    log = list(purchases())
    assert len(log) == PURCHASES
    wanted = collections.defaultdict(lambda: [0, 0, 0])
    for customer, _, number, cents in log:
        mine = wanted[customer_id(customer)]
        mine[0] += 1
        mine[1] += cents
        mine[2] += number

    with serving(tmp_path) as server:
        client = Client(server.address, **{"grpc.max_receive_message_length": 16 << 20})
        for group in batches(sorted(wanted), BATCH):
            client.call("shop.v1.UserStore/BatchCreateUsers", {"requests": [
                {"user": {"id": key, "email": f"c{key[-12:]}@example.com", "name": key[-12:]}} for key in group]})
        disc = str(uuid.UUID(int=1))
        for group in batches(log, BATCH):
            answer = client.call("shop.v1.OrderStore/BatchCreateOrders", {"requests": [{"order": {
                "user_id": customer_id(customer), "email": f"c{customer_id(customer)[-12:]}@example.com",
                "amount_cents": cents, "status": "SUCCESS",
                "items": [{"product_id": disc, "name": f"CD of {date}", "quantity": number,
                           "price_cents": cents // number}],
            }} for customer, date, number, cents in group]})
            assert len(answer["orders"]) == len(group)

        found, token, rows = collections.defaultdict(lambda: [0, 0, 0]), "", 0
        while True:
            answer = client.call("shop.v1.OrderStore/ListOrders",
                                 {"page_size": 1000, "page_token": token, "include_total_size": not token})
            if not token:
                assert answer["total_size"] == str(PURCHASES)
            for order in answer["orders"]:
                mine = found[order["user_id"]]
                mine[0] += 1
                mine[1] += int(order.get("amount_cents", 0))
                mine[2] += order["items"][0]["quantity"]
                rows += 1
            token = answer.get("next_page_token", "")
            if not token:
                break
        assert rows == PURCHASES
        assert found == wanted

        # A few customers once more, each by the list's own filter.
        for key in sorted(wanted)[::2000]:
            answer = client.call("shop.v1.OrderStore/ListOrders", {"user_id": key, "include_total_size": True})
            assert answer["total_size"] == str(wanted[key][0])
        client.close()
