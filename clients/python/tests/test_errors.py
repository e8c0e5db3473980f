"""Errors as the real gateway says them, and what nobody but a fake one says."""

import datetime
import pickle
from typing import Type

import grpc
import pytest
import storegate
from fake import UNAVAILABLE, Fake
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2, status_pb2
from shop.v1.category_store_pb2 import (
    BatchCreateCategoriesRequest,
    Category,
    CreateCategoryRequest,
    GetCategoryRequest,
    UpdateCategoryRequest,
)
from shop.v1.category_store_pb2_grpc import CategoryStoreStub
from shop.v1.product_store_pb2 import (
    CreateProductRequest,
    GetProductRequest,
    Product,
    StreamProductsRequest,
)
from shop.v1.product_store_pb2_grpc import ProductStoreStub
from storegate.testing import Gateway


def test_violations(channel: grpc.Channel, shoes: Category) -> None:
    product = Product(price_cents=-5, category_slug="shoes")
    with pytest.raises(storegate.InvalidArgument) as caught:
        ProductStoreStub(channel).CreateProduct(CreateProductRequest(product=product))
    assert caught.value.reason == "INVALID_FIELD"
    assert caught.value.violations == [
        storegate.Violation("product.name", "required, but not set"),
        storegate.Violation("product.price_cents", "must be at least 0; got -5"),
    ]


def test_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(storegate.NotFound) as caught:
        CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="hats"))
    error = caught.value
    assert (error.code, error.reason, error.domain) == (
        grpc.StatusCode.NOT_FOUND,
        "RECORD_NOT_FOUND",
        "storegate",
    )
    assert str(error) == f"NOT_FOUND (RECORD_NOT_FOUND): {error.message}" and error.message
    assert isinstance(error.__cause__, grpc.RpcError)


def test_already_exists(channel: grpc.Channel, shoes: Category) -> None:
    again = CreateCategoryRequest(category=Category(name="More shoes", slug="shoes"))
    with pytest.raises(storegate.AlreadyExists) as caught:
        CategoryStoreStub(channel).CreateCategory(again)
    assert caught.value.reason == "UNIQUE_VIOLATION"
    assert caught.value.metadata["fields"] == "slug"


def test_conflict(channel: grpc.Channel, shoes: Category) -> None:
    update = UpdateCategoryRequest(
        category=Category(id=shoes.id, name="Boots", etag="0123456789abcdef"),
        update_mask=FieldMask(paths=["name"]),
    )
    with pytest.raises(storegate.Conflict) as caught:
        CategoryStoreStub(channel).UpdateCategory(update)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


def test_failed_precondition(channel: grpc.Channel) -> None:
    product = Product(name="Cap", category_slug="hats")
    with pytest.raises(storegate.FailedPrecondition) as caught:
        ProductStoreStub(channel).CreateProduct(CreateProductRequest(product=product))
    assert caught.value.reason == "REFERENCE_NOT_FOUND"


def test_errors_of_each_way_to_call(channel: grpc.Channel) -> None:
    get = CategoryStoreStub(channel).GetCategory
    with pytest.raises(storegate.NotFound):
        get.with_call(GetCategoryRequest(slug="hats"))
    future = get.future(GetCategoryRequest(slug="hats"))
    with pytest.raises(storegate.NotFound):
        future.result()
    assert isinstance(future.exception(), storegate.NotFound)
    assert future.code() is grpc.StatusCode.NOT_FOUND  # what is gRPC's own is still there
    with pytest.raises(storegate.InvalidArgument) as caught:
        list(ProductStoreStub(channel).StreamProducts(StreamProductsRequest(order_by="colour")))
    assert caught.value.reason == "INVALID_ORDER_BY"


def test_unimplemented(channel: grpc.Channel) -> None:
    polish = channel.unary_unary(
        "/shop.v1.ProductStore/Polish",
        request_serializer=Product.SerializeToString,
        response_deserializer=Product.FromString,
    )
    with pytest.raises(storegate.Unimplemented):
        polish(Product())


def test_no_gateway() -> None:
    """Nobody gave details: code and message are all there is."""
    with storegate.connect("127.0.0.1:1") as channel:
        with pytest.raises(storegate.Unavailable) as caught:
            CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="hats"))
    error = caught.value
    assert (error.reason, error.domain, error.metadata, error.violations, error.retry_delay) == (
        "",
        "",
        {},
        [],
        None,
    )


def test_what_failed_of_a_batch(channel: grpc.Channel, shoes: Category) -> None:
    batch = CategoryStoreStub(channel).BatchCreateCategories(
        BatchCreateCategoriesRequest(
            requests=[
                CreateCategoryRequest(category=Category(name="Hats", slug="hats")),
                CreateCategoryRequest(category=Category(name="More shoes", slug="shoes")),
            ],
            allow_partial=True,
        )
    )
    failed = {i: storegate.from_status(status) for i, status in batch.failed_requests.items()}
    assert [type(error) for error in failed.values()] == [storegate.AlreadyExists]
    assert storegate.from_status(status_pb2.Status()) is None


def test_from_error_on_a_channel_of_grpc(gateway: Gateway) -> None:
    with grpc.insecure_channel(gateway.target) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            CategoryStoreStub(channel).GetCategory(GetCategoryRequest(slug="hats"))
    error = storegate.from_error(caught.value)
    assert isinstance(error, storegate.NotFound) and error.reason == "RECORD_NOT_FOUND"
    assert storegate.from_error(error) is error


def test_all_details(fake: Fake) -> None:
    status = status_pb2.Status(code=8, message="as the test says")
    for detail in (
        error_details_pb2.ErrorInfo(reason="QUEUE_FULL", metadata={"limit": "10"}),
        error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
        Empty(),  # of a kind that is not known here
    ):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    fake.failures, fake.details = [grpc.StatusCode.RESOURCE_EXHAUSTED], status.SerializeToString()
    with storegate.connect(fake.target) as channel:
        with pytest.raises(storegate.ResourceExhausted) as caught:
            ProductStoreStub(channel).GetProduct(GetProductRequest())
    error = caught.value
    assert (error.reason, error.metadata) == ("QUEUE_FULL", {"limit": "10"})
    assert error.retry_delay == datetime.timedelta(seconds=1.5)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error) and vars(copied) == vars(error)


def test_details_that_are_none(fake: Fake) -> None:
    fake.failures, fake.details = [UNAVAILABLE], b"\xff"
    with storegate.connect(fake.target) as channel:
        with pytest.raises(storegate.Unavailable, match="as the test says") as caught:
            ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert caught.value.reason == ""


@pytest.mark.parametrize(
    "code, kind",
    [
        (1, storegate.Cancelled),
        (2, storegate.Unknown),
        (3, storegate.InvalidArgument),
        (4, storegate.DeadlineExceeded),
        (5, storegate.NotFound),
        (6, storegate.AlreadyExists),
        (7, storegate.PermissionDenied),
        (8, storegate.ResourceExhausted),
        (9, storegate.FailedPrecondition),
        (10, storegate.Conflict),
        (11, storegate.OutOfRange),
        (12, storegate.Unimplemented),
        (13, storegate.Internal),
        (14, storegate.Unavailable),
        (15, storegate.DataLoss),
        (16, storegate.Unauthenticated),
        (99, storegate.Unknown),
    ],
)
def test_each_code_has_a_class(code: int, kind: Type[storegate.StoregateError]) -> None:
    assert type(storegate.from_status(status_pb2.Status(code=code))) is kind
