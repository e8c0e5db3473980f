"""One gateway for all tests; each that asks for it begins with one category, "shoes"."""

import contextlib
from typing import Iterator

import grpc
import pytest
import storegate
import storegate.testing
from fake import Fake
from shop.v1 import category_store_pb2, order_store_pb2, product_store_pb2, user_store_pb2
from shop.v1.category_store_pb2 import Category
from shop.v1.category_store_pb2_grpc import CategoryStoreStub

SERVICES = (category_store_pb2, order_store_pb2, product_store_pb2, user_store_pb2)


@pytest.fixture(scope="session")
def running() -> Iterator[storegate.testing.Gateway]:
    with storegate.testing.start() as gateway:
        yield gateway


@pytest.fixture
def gateway(running: storegate.testing.Gateway) -> storegate.testing.Gateway:
    running.reset()
    return running


@pytest.fixture
def channel(gateway: storegate.testing.Gateway) -> Iterator[grpc.Channel]:
    with storegate.connect(gateway.target, services=SERVICES) as connected:
        yield connected


@pytest.fixture
def shoes(channel: grpc.Channel) -> Category:
    request = category_store_pb2.CreateCategoryRequest(
        category=Category(name="Shoes", slug="shoes")
    )
    return CategoryStoreStub(channel).CreateCategory(request)


@pytest.fixture
def fake() -> Iterator[Fake]:
    # The other methods answer UNIMPLEMENTED, though their types say that they are abstract.
    with contextlib.closing(Fake()) as serving:  # type: ignore[abstract]
        yield serving
