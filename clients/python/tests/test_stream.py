"""Streams that break off, from a fake store and from a real one behind a bad network."""

import contextlib
from typing import List

import grpc
import pytest
import storegate
from conftest import SERVICES
from fake import Cuts, Fake
from google.protobuf.struct_pb2 import Struct
from shop.v1.category_store_pb2 import Category
from shop.v1.product_store_pb2 import (
    BatchCreateProductsRequest,
    CreateProductRequest,
    Product,
    StreamProductsRequest,
)
from shop.v1.product_store_pb2_grpc import ProductStoreStub
from storegate.testing import Gateway

TEN = list("0123456789")


def streamed(target: str) -> List[str]:
    request = StreamProductsRequest()
    with storegate.connect(target) as channel:
        messages = storegate.stream(ProductStoreStub(channel).StreamProducts, request)
        ids = [product.id for message in messages for product in message.products]
    assert request == StreamProductsRequest()
    return ids


def test_a_stream_goes_on_where_it_broke(fake: Fake) -> None:
    fake.products, fake.breaks = 10, [1, 2, 0]
    assert streamed(fake.target) == TEN


def test_a_stream_goes_on_while_there_is_progress(fake: Fake) -> None:
    fake.products, fake.breaks = 20, [1] * 8
    assert len(streamed(fake.target)) == 20


def test_a_stream_that_breaks_behind_its_end(fake: Fake) -> None:
    """Everything was there: that the call broke off does not matter."""
    fake.products, fake.breaks = 10, [5]
    assert streamed(fake.target) == TEN
    assert fake.calls["StreamProducts"] == 1


def test_a_stream_that_makes_no_progress_is_given_up(fake: Fake) -> None:
    fake.products, fake.breaks = 10, [0] * 10
    with pytest.raises(storegate.Unavailable):
        streamed(fake.target)
    assert fake.calls["StreamProducts"] == 4


def test_other_errors_end_a_stream(fake: Fake) -> None:
    fake.products, fake.failures = 10, [grpc.StatusCode.INVALID_ARGUMENT]
    with pytest.raises(storegate.InvalidArgument):
        streamed(fake.target)
    assert fake.calls["StreamProducts"] == 1


def test_a_stream_on_a_channel_of_grpc(fake: Fake) -> None:
    fake.products, fake.breaks = 10, [1, 2, 0]
    with grpc.insecure_channel(fake.target) as channel:
        stub = ProductStoreStub(channel)
        messages = list(storegate.stream(stub.StreamProducts, StreamProductsRequest()))
    assert len(messages) == 5


def test_a_stream_is_left_early(fake: Fake) -> None:
    fake.products = 10_000
    with storegate.connect(fake.target) as channel:
        messages = storegate.stream(
            ProductStoreStub(channel).StreamProducts, StreamProductsRequest()
        )
        assert next(messages).products[0].id == "0"
        with contextlib.closing(messages):
            pass
        assert fake.stream_ended.wait(60)


def fill(channel: grpc.Channel) -> List[str]:
    """40 products of 100 kB: four messages of a stream."""
    padding = Struct()
    padding["padding"] = "x" * 100_000
    boot = Product(name="Boot", category_slug="shoes", metadata=padding)
    batch = BatchCreateProductsRequest(requests=[CreateProductRequest(product=boot)] * 10)
    stub = ProductStoreStub(channel)
    return [p.id for _ in range(4) for p in stub.BatchCreateProducts(batch).products]


def test_a_stream_through_a_bad_network(
    gateway: Gateway, channel: grpc.Channel, shoes: Category
) -> None:
    """Cut within the second message, twice."""
    made = fill(channel)
    with contextlib.closing(Cuts(gateway.target, 1_500_000, 1_500_000)) as proxy:
        with storegate.connect(proxy.target, services=SERVICES) as bad:
            messages = storegate.stream(
                ProductStoreStub(bad).StreamProducts, StreamProductsRequest()
            )
            ids = [product.id for message in messages for product in message.products]
    assert sorted(ids) == sorted(made)
    assert proxy.connections == 3
