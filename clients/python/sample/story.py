"""A morning at the shop: what a client of storegate does, in the order in which one meets it.
Every language's sample tells this story and prints the same.
"""

from __future__ import annotations

import random
import string
import sys

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from shop.v1 import category_store_pb2, order_store_pb2, product_store_pb2, user_store_pb2
from shop.v1.category_store_pb2 import Category
from shop.v1.category_store_pb2_grpc import CategoryStoreStub
from shop.v1.order_store_pb2 import Order
from shop.v1.order_store_pb2_grpc import OrderStoreStub
from shop.v1.product_store_pb2 import Product
from shop.v1.product_store_pb2_grpc import ProductStoreStub
from shop.v1.user_store_pb2 import User
from shop.v1.user_store_pb2_grpc import UserStoreStub

import storegate

SERVICES = [category_store_pb2, order_store_pb2, product_store_pb2, user_store_pb2]


class Story:
    def __init__(self, channel: grpc.Channel) -> None:
        self.categories = CategoryStoreStub(channel)
        self.products = ProductStoreStub(channel)
        self.orders = OrderStoreStub(channel)
        self.users = UserStoreStub(channel)
        # Makes names unique, so that the story can be told again.
        self.tag = "".join(random.choices(string.ascii_lowercase + string.digits, k=8))

    def tell(self) -> None:
        self.fill_the_shelf()
        self.list_the_shelf()
        self.change_a_price()
        self.meet_errors()
        self.sell()
        self.look_back()
        self.clean()

    def fill_the_shelf(self) -> None:
        self.category = self.categories.CreateCategory(
            category_store_pb2.CreateCategoryRequest(
                category=Category(name=f"Shoes {self.tag}", slug=f"shoes-{self.tag}")
            )
        )
        print("category: created")

        shelf = [("Canvas sneaker", 4999), ("Derby", 12900), ("Sandal", 2900)]
        made = self.products.BatchCreateProducts(
            product_store_pb2.BatchCreateProductsRequest(
                requests=[
                    product_store_pb2.CreateProductRequest(
                        product=Product(
                            name=name, price_cents=cents, category_slug=self.category.slug
                        )
                    )
                    for name, cents in shelf
                ]
            )
        )
        self.sneaker, self.derby, self.sandal = made.products
        print(f"products: {len(made.products)} created")

    def list_the_shelf(self) -> None:
        request = product_store_pb2.ListProductsRequest(
            category_slug=self.category.slug, order_by="price_cents", page_size=2
        )
        pages = 0
        for page in storegate.pages(self.products.ListProducts, request):
            for product in page.products:
                print(f"product: {product.name} {product.price_cents}")
            pages += 1
        print(f"pages: {pages}")

        category = self.categories.GetCategory(
            category_store_pb2.GetCategoryRequest(
                slug=self.category.slug, include=FieldMask(paths=["product_count"])
            )
        )
        print(f"on the shelf: {category.product_count}")

    def set_price(self, etag: str, cents: int) -> Product:
        # The etag says which state of the record the change was thought of for.
        return self.products.UpdateProduct(
            product_store_pb2.UpdateProductRequest(
                product=Product(id=self.sneaker.id, etag=etag, price_cents=cents),
                update_mask=FieldMask(paths=["price_cents"]),
            )
        )

    def change_a_price(self) -> None:
        updated = self.set_price(self.sneaker.etag, 3999)
        print(f"updated: {updated.name} {updated.price_cents}")
        try:
            self.set_price(self.sneaker.etag, 1999)
        except storegate.Conflict as error:
            print(f"conflict: {error.code.name} {error.reason}")

        current = self.products.GetProduct(
            product_store_pb2.GetProductRequest(id=self.sneaker.id)
        )
        self.sneaker = self.set_price(current.etag, 3499)
        print(f"updated: {self.sneaker.name} {self.sneaker.price_cents}")

    def meet_errors(self) -> None:
        try:
            self.products.CreateProduct(
                product_store_pb2.CreateProductRequest(
                    product=Product(price_cents=-5, category_slug=self.category.slug)
                )
            )
        except storegate.InvalidArgument as error:
            fields = ", ".join(violation.field for violation in error.violations)
            print(f"invalid: {error.code.name} {fields}")

        nobodys = "00000000-0000-4000-8000-000000000000"
        try:
            self.products.GetProduct(product_store_pb2.GetProductRequest(id=nobodys))
        except storegate.NotFound as error:
            print(f"missing: {error.code.name} {error.reason}")

    def order(self, cents: int, status: Order.Status.ValueType, items: list[Order.Item]) -> Order:
        order = Order(
            user_id=self.user.id,
            email=self.user.email,
            amount_cents=cents,
            status=status,
            items=items,
        )
        return self.orders.CreateOrder(
            order_store_pb2.CreateOrderRequest(order=order, include=FieldMask(paths=["user"]))
        )

    def sell(self) -> None:
        self.user = self.users.CreateUser(
            user_store_pb2.CreateUserRequest(
                user=User(email=f"ada-{self.tag}@example.com", name="Ada")
            )
        )
        order = self.order(9898, Order.SUCCESS, [item(self.sneaker, 2), item(self.sandal, 1)])
        status = Order.Status.Name(order.status)
        print(
            f"order: {order.amount_cents} {status} of {order.user.name}, {len(order.items)} items"
        )
        self.sold = [
            order,
            self.order(5000, Order.SUCCESS, []),
            self.order(100, Order.FAILED, []),
        ]
        listed = self.orders.ListOrders(
            order_store_pb2.ListOrdersRequest(user_id=self.user.id, include_total_size=True)
        )
        print(f"orders: {listed.total_size}")

    def look_back(self) -> None:
        request = order_store_pb2.StreamOrdersRequest(user_id=self.user.id)
        messages = storegate.stream(self.orders.StreamOrders, request)
        print(f"streamed: {sum(len(message.orders) for message in messages)}")

        analytics = self.orders.GetOrderAnalytics(
            order_store_pb2.GetOrderAnalyticsRequest(
                start_time=self.sold[0].create_time, end_time=self.sold[-1].create_time
            )
        )
        orders = sum(month.total for month in analytics.months)
        cents = sum(month.revenue_cents for month in analytics.months)
        print(f"analytics: {orders} orders, {cents} cents")

    def clean(self) -> None:
        """Removes for good all that the story made, what refers to others first."""
        for order in self.sold:
            self.orders.PurgeOrder(order_store_pb2.PurgeOrderRequest(id=order.id))
        self.users.PurgeUser(user_store_pb2.PurgeUserRequest(id=self.user.id))
        for product in (self.sneaker, self.derby, self.sandal):
            self.products.PurgeProduct(product_store_pb2.PurgeProductRequest(id=product.id))
        self.categories.PurgeCategory(
            category_store_pb2.PurgeCategoryRequest(id=self.category.id)
        )
        print("purged")


def item(product: Product, quantity: int) -> Order.Item:
    return Order.Item(
        product_id=product.id,
        name=product.name,
        quantity=quantity,
        price_cents=product.price_cents,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: sample HOST:PORT")
    with storegate.connect(sys.argv[1], services=SERVICES) as to_gateway:
        Story(to_gateway).tell()
