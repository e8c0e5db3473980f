"""Iterators over the pages and records of a real gateway."""

import itertools
from typing import List

import grpc
import pytest
import storegate
from shop.v1.category_store_pb2 import Category
from shop.v1.product_store_pb2 import (
    BatchCreateProductsRequest,
    CreateProductRequest,
    ListProductsRequest,
    Product,
)
from shop.v1.product_store_pb2_grpc import ProductStoreStub


@pytest.fixture
def products(channel: grpc.Channel, shoes: Category) -> ProductStoreStub:
    """Of P1 to P7, each dearer than the one before."""
    stub = ProductStoreStub(channel)
    seven = [Product(name=f"P{i + 1}", price_cents=i, category_slug="shoes") for i in range(7)]
    stub.BatchCreateProducts(
        BatchCreateProductsRequest(
            requests=[CreateProductRequest(product=product) for product in seven]
        )
    )
    return stub


@pytest.mark.parametrize(
    "request_, expected",
    [
        (ListProductsRequest(page_size=3), ["P1 P2 P3", "P4 P5 P6", "P7"]),
        (ListProductsRequest(), ["P1 P2 P3 P4 P5 P6 P7"]),
        # The gateway takes a token or skip or page, but not two of them.
        (ListProductsRequest(page_size=3, skip=2), ["P3 P4 P5", "P6 P7"]),
        (ListProductsRequest(page_size=3, page=2), ["P4 P5 P6", "P7"]),
        (ListProductsRequest(category_slug="hats"), [""]),
    ],
)
def test_pages(
    products: ProductStoreStub, request_: ListProductsRequest, expected: List[str]
) -> None:
    request_.order_by = "price_cents"
    before = ListProductsRequest()
    before.CopyFrom(request_)
    names = [
        " ".join(product.name for product in page.products)
        for page in storegate.pages(products.ListProducts, request_)
    ]
    assert names == expected
    assert request_ == before


def test_records(products: ProductStoreStub) -> None:
    request = ListProductsRequest(page_size=2, order_by="price_cents desc")
    found = storegate.records(products.ListProducts, request, lambda page: page.products)
    names = [product.name for product in itertools.islice(found, 5)]
    assert names == ["P7", "P6", "P5", "P4", "P3"]
    assert [product.name for product in found] == ["P2", "P1"]


def test_errors_end_pages(products: ProductStoreStub) -> None:
    pages = storegate.pages(products.ListProducts, ListProductsRequest(order_by="colour"))
    with pytest.raises(storegate.InvalidArgument):
        next(pages)
    assert list(pages) == []
