"""The same promises by asyncio."""

import contextlib
from typing import List

import grpc
import grpc.aio
import pytest
import storegate
from conftest import SERVICES
from fake import UNAVAILABLE, Cuts, Fake, time_left
from shop.v1 import product_store_pb2
from shop.v1.category_store_pb2 import Category, GetCategoryRequest
from shop.v1.category_store_pb2_grpc import CategoryStoreStub
from shop.v1.product_store_pb2 import (
    CreateProductRequest,
    GetProductRequest,
    ListProductsRequest,
    Product,
    StreamProductsRequest,
)
from shop.v1.product_store_pb2_grpc import ProductStoreStub
from storegate import aio
from storegate.testing import Gateway
from test_stream import TEN, fill


async def test_a_read_is_retried(fake: Fake) -> None:
    fake.failures = [UNAVAILABLE] * 3
    async with aio.connect(fake.target, services=[product_store_pb2]) as channel:
        await ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert fake.calls["GetProduct"] == 4


async def test_a_write_is_not_retried(fake: Fake) -> None:
    fake.failures = [UNAVAILABLE]
    async with aio.connect(fake.target, services=[product_store_pb2]) as channel:
        with pytest.raises(storegate.Unavailable):
            await ProductStoreStub(channel).CreateProduct(CreateProductRequest())
    assert fake.calls["CreateProduct"] == 1


async def test_deadlines(fake: Fake) -> None:
    fake.products = 2
    async with aio.connect(fake.target) as channel:
        products = ProductStoreStub(channel)
        await products.GetProduct(GetProductRequest())
        assert time_left(fake) < 2 * storegate.DEFAULT_TIMEOUT
        await products.GetProduct(GetProductRequest(), timeout=3600)
        assert time_left(fake) > 10 * storegate.DEFAULT_TIMEOUT
        async for _ in products.StreamProducts(StreamProductsRequest()):
            pass
        assert fake.remaining is None
    fake.go_on.clear()
    async with aio.connect(fake.target, timeout=0.05) as channel:
        with pytest.raises(storegate.DeadlineExceeded):
            await ProductStoreStub(channel).GetProduct(GetProductRequest())


async def test_errors(gateway: Gateway, shoes: Category) -> None:
    async with aio.connect(gateway.target) as channel:
        with pytest.raises(storegate.NotFound) as missing:
            await CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="hats"))
        assert missing.value.reason == "RECORD_NOT_FOUND"

        product = Product(price_cents=-5, category_slug="shoes")
        with pytest.raises(storegate.InvalidArgument) as invalid:
            await ProductStoreStub(channel).CreateProduct(CreateProductRequest(product=product))
        fields = [violation.field for violation in invalid.value.violations]
        assert fields == ["product.name", "product.price_cents"]

        # A stream that is read by hand, in either way.
        request = StreamProductsRequest(order_by="colour")
        with pytest.raises(storegate.InvalidArgument):
            async for _ in ProductStoreStub(channel).StreamProducts(request):
                pass
        with pytest.raises(storegate.InvalidArgument):
            await ProductStoreStub(channel).StreamProducts(request).read()


async def test_what_a_call_can_be_asked_for_beside_its_answer(
    gateway: Gateway, shoes: Category
) -> None:
    async with aio.connect(gateway.target) as channel:
        call = CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="shoes"))
        assert (await call).id == shoes.id
        assert await call.code() is grpc.StatusCode.OK


async def test_from_error_on_a_channel_of_grpc(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="hats"))
    assert storegate.from_error(caught.value).reason == "RECORD_NOT_FOUND"


async def test_pages_and_records(
    gateway: Gateway, channel: grpc.Channel, shoes: Category
) -> None:
    for cents in range(5):
        product = Product(name=f"P{cents}", price_cents=cents, category_slug="shoes")
        ProductStoreStub(channel).CreateProduct(CreateProductRequest(product=product))
    request = ListProductsRequest(page_size=2, skip=1, order_by="price_cents")
    async with aio.connect(gateway.target) as own:
        products = ProductStoreStub(own)
        pages = [
            [product.name for product in page.products]
            async for page in aio.pages(products.ListProducts, request)
        ]
        found = aio.records(products.ListProducts, request, lambda page: page.products)
        names = [product.name async for product in found]
    assert pages == [["P1", "P2"], ["P3", "P4"]]
    assert names == ["P1", "P2", "P3", "P4"]
    assert request == ListProductsRequest(page_size=2, skip=1, order_by="price_cents")


async def streamed(target: str) -> List[str]:
    async with aio.connect(target) as channel:
        messages = aio.stream(ProductStoreStub(channel).StreamProducts, StreamProductsRequest())
        return [product.id async for message in messages for product in message.products]


async def test_a_stream_goes_on_where_it_broke(fake: Fake) -> None:
    fake.products, fake.breaks = 10, [1, 2, 0]
    assert await streamed(fake.target) == TEN


async def test_a_stream_that_breaks_behind_its_end(fake: Fake) -> None:
    fake.products, fake.breaks = 10, [5]
    assert await streamed(fake.target) == TEN
    assert fake.calls["StreamProducts"] == 1


async def test_a_stream_that_makes_no_progress_is_given_up(fake: Fake) -> None:
    fake.products, fake.breaks = 10, [0] * 10
    with pytest.raises(storegate.Unavailable):
        await streamed(fake.target)
    assert fake.calls["StreamProducts"] == 4


async def test_other_errors_end_a_stream(fake: Fake) -> None:
    fake.products, fake.failures = 10, [grpc.StatusCode.INVALID_ARGUMENT]
    with pytest.raises(storegate.InvalidArgument):
        await streamed(fake.target)
    assert fake.calls["StreamProducts"] == 1


async def test_a_stream_through_a_bad_network(
    gateway: Gateway, channel: grpc.Channel, shoes: Category
) -> None:
    made = fill(channel)
    with contextlib.closing(Cuts(gateway.target, 1_500_000, 1_500_000)) as proxy:
        async with aio.connect(proxy.target, services=SERVICES) as bad:
            messages = aio.stream(ProductStoreStub(bad).StreamProducts, StreamProductsRequest())
            ids = [product.id async for message in messages for product in message.products]
    assert sorted(ids) == sorted(made)
    assert proxy.connections == 3
