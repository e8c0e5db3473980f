"""What is retried, and for how long a call may take."""

import pytest
import storegate
from fake import UNAVAILABLE, Fake, time_left
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc import StatusCode
from shop.v1 import product_store_pb2, user_store_pb2
from shop.v1.product_store_pb2 import (
    CreateProductRequest,
    GetProductRequest,
    StreamProductsRequest,
)
from shop.v1.product_store_pb2_grpc import ProductStoreStub


def test_a_read_is_retried(fake: Fake) -> None:
    fake.failures = [UNAVAILABLE] * 3
    with storegate.connect(fake.target, services=[product_store_pb2]) as channel:
        ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert fake.calls["GetProduct"] == 4


def test_a_read_is_given_up_after_four_attempts(fake: Fake) -> None:
    fake.failures = [UNAVAILABLE] * 5
    with storegate.connect(fake.target, services=[product_store_pb2]) as channel:
        with pytest.raises(storegate.Unavailable):
            ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert fake.calls["GetProduct"] == 4


def test_a_write_is_not_retried(fake: Fake) -> None:
    """Who wrote must look first: the write may have been done."""
    fake.failures = [UNAVAILABLE]
    with storegate.connect(fake.target, services=[product_store_pb2]) as channel:
        with pytest.raises(storegate.Unavailable):
            ProductStoreStub(channel).CreateProduct(CreateProductRequest())
    assert fake.calls["CreateProduct"] == 1


@pytest.mark.parametrize(
    "code", [StatusCode.NOT_FOUND, StatusCode.ABORTED, StatusCode.INTERNAL, StatusCode.UNKNOWN]
)
def test_other_errors_are_not_retried(fake: Fake, code: StatusCode) -> None:
    fake.failures = [code]
    with storegate.connect(fake.target, services=[product_store_pb2]) as channel:
        with pytest.raises(storegate.StoregateError) as caught:
            ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert caught.value.code is code
    assert fake.calls["GetProduct"] == 1


def test_reads_of_services_that_are_not_named_are_not_retried(fake: Fake) -> None:
    fake.failures = [UNAVAILABLE]
    with storegate.connect(fake.target, services=[user_store_pb2]) as channel:
        with pytest.raises(storegate.Unavailable):
            ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert fake.calls["GetProduct"] == 1


def test_services_are_named_by_module_file_or_descriptor() -> None:
    file = product_store_pb2.DESCRIPTOR
    by_module = storegate.service_config([product_store_pb2])
    assert '"ListProducts"' in by_module
    assert by_module == storegate.service_config([file])
    assert by_module == storegate.service_config(file.services_by_name.values())
    with pytest.raises(TypeError, match="ProductStoreStub"):
        storegate.service_config([ProductStoreStub])  # type: ignore[list-item]


def test_only_what_is_safe_to_repeat_is_retried() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    file.message_type.add(name="M")
    service = file.service.add(name="S")

    def method(name: str, **of: bool) -> descriptor_pb2.MethodDescriptorProto:
        return service.method.add(name=name, input_type=".t.M", output_type=".t.M", **of)

    for name in ("GetThing", "BatchGetThings", "ListThings", "StreamThings"):
        method(name)
    for name in ("CreateThing", "UpdateThing", "DeleteThing", "PurgeThing", "Listen", "Getaway"):
        method(name)
    method("GetAll", client_streaming=True)
    levels = descriptor_pb2.MethodOptions
    method("Search").options.idempotency_level = levels.NO_SIDE_EFFECTS
    # Idempotent is not enough: a delete that was done and is repeated finds nothing.
    method("Forget").options.idempotency_level = levels.IDEMPOTENT
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    config = storegate.service_config([pool.FindServiceByName("t.S")])
    reads = ["GetThing", "BatchGetThings", "ListThings", "StreamThings", "Search"]
    names = ", ".join(f'{{"service": "t.S", "method": "{name}"}}' for name in reads)
    assert config == (
        f'{{"methodConfig": [{{"name": [{names}], "retryPolicy": {{"maxAttempts": 4, '
        '"initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2, '
        '"retryableStatusCodes": ["UNAVAILABLE"]}}]}'
    )
    assert storegate.service_config([]) == "{}"


def test_unary_calls_have_a_deadline(fake: Fake) -> None:
    with storegate.connect(fake.target) as channel:
        products = ProductStoreStub(channel)
        products.GetProduct(GetProductRequest())
        assert time_left(fake) < 2 * storegate.DEFAULT_TIMEOUT
        products.GetProduct(GetProductRequest(), timeout=3600)
        assert time_left(fake) > 10 * storegate.DEFAULT_TIMEOUT
        products.GetProduct.with_call(GetProductRequest())
        assert time_left(fake) < 2 * storegate.DEFAULT_TIMEOUT
        products.GetProduct.future(GetProductRequest()).result()
        assert time_left(fake) < 2 * storegate.DEFAULT_TIMEOUT


def test_streams_have_no_deadline(fake: Fake) -> None:
    fake.products = 2
    with storegate.connect(fake.target) as channel:
        assert len(list(ProductStoreStub(channel).StreamProducts(StreamProductsRequest()))) == 1
    assert fake.remaining is None


def test_the_deadline_is_the_callers_choice(fake: Fake) -> None:
    with storegate.connect(fake.target, timeout=None) as channel:
        ProductStoreStub(channel).GetProduct(GetProductRequest())
    assert fake.remaining is None
    fake.go_on.clear()
    with storegate.connect(fake.target, timeout=0.05) as channel:
        with pytest.raises(storegate.DeadlineExceeded):
            ProductStoreStub(channel).CreateProduct(CreateProductRequest())
