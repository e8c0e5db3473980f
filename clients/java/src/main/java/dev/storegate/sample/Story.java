package dev.storegate.sample;

import static dev.storegate.shop.v1.Order.Status.FAILED;
import static dev.storegate.shop.v1.Order.Status.SUCCESS;

import com.google.protobuf.FieldMask;
import dev.storegate.shop.v1.*;
import dev.storegate.shop.v1.GetOrderAnalyticsResponse.Month;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.security.SecureRandom;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The story that every client of storegate tells: Story HOST:PORT. */
public final class Story {
  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

  private final CategoryStoreGrpc.CategoryStoreBlockingStub categories;
  private final ProductStoreGrpc.ProductStoreBlockingStub products;
  private final OrderStoreGrpc.OrderStoreBlockingStub orders;
  private final UserStoreGrpc.UserStoreBlockingStub users;
  private final String tag =
      new SecureRandom()
          .ints(8, 0, LETTERS.length())
          .mapToObj(i -> LETTERS.substring(i, i + 1))
          .collect(Collectors.joining());

  private Story(ManagedChannel channel) {
    categories = CategoryStoreGrpc.newBlockingStub(channel);
    products = ProductStoreGrpc.newBlockingStub(channel);
    orders = OrderStoreGrpc.newBlockingStub(channel);
    users = UserStoreGrpc.newBlockingStub(channel);
  }

  public static void main(String[] args) throws InterruptedException {
    if (args.length != 1) {
      System.err.println("usage: Story HOST:PORT");
      System.exit(2);
    }
    ManagedChannel channel =
        Channels.open(
            args[0],
            CategoryStoreGrpc.getServiceDescriptor(),
            ProductStoreGrpc.getServiceDescriptor(),
            OrderStoreGrpc.getServiceDescriptor(),
            UserStoreGrpc.getServiceDescriptor());
    try {
      new Story(channel).tell();
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private void tell() {
    String slug = "shoes-" + tag;
    Category category =
        categories.createCategory(
            CreateCategoryRequest.newBuilder()
                .setCategory(Category.newBuilder().setName("Shoes " + tag).setSlug(slug))
                .build());
    say("category: created");

    List<Product> made =
        products
            .batchCreateProducts(
                BatchCreateProductsRequest.newBuilder()
                    .addRequests(product("Canvas sneaker", 4999, slug))
                    .addRequests(product("Derby", 12900, slug))
                    .addRequests(product("Sandal", 2900, slug))
                    .build())
            .getProductsList();
    say("products: " + made.size() + " created");

    shelf(slug);
    update(made.get(0));
    mistakes(slug);
    List<Order> placed = order(made.get(0), made.get(2));

    placed.forEach(o -> orders.purgeOrder(PurgeOrderRequest.newBuilder().setId(o.getId()).build()));
    users.purgeUser(PurgeUserRequest.newBuilder().setId(placed.get(0).getUserId()).build());
    made.forEach(
        p -> products.purgeProduct(PurgeProductRequest.newBuilder().setId(p.getId()).build()));
    categories.purgeCategory(PurgeCategoryRequest.newBuilder().setId(category.getId()).build());
    say("purged");
  }

  private void shelf(String slug) {
    ListProductsRequest request =
        ListProductsRequest.newBuilder()
            .setCategorySlug(slug)
            .setOrderBy("price_cents")
            .setPageSize(2)
            .build();
    int pages = 0;
    for (ListProductsResponse page : Pages.of(products::listProducts, request)) {
      pages++;
      page.getProductsList().forEach(p -> say("product: " + p.getName() + " " + p.getPriceCents()));
    }
    say("pages: " + pages);

    Category category =
        categories.getCategory(
            GetCategoryRequest.newBuilder()
                .setSlug(slug)
                .setInclude(FieldMask.newBuilder().addPaths("product_count"))
                .build());
    say("on the shelf: " + category.getProductCount());
  }

  private void update(Product sneaker) {
    Product cheaper = setPrice(sneaker, 3999);
    say("updated: " + cheaper.getName() + " " + cheaper.getPriceCents());

    Problem conflict = failure(() -> setPrice(sneaker, 1999));
    say("conflict: " + conflict.code() + " " + conflict.reason());
    Product read =
        products.getProduct(GetProductRequest.newBuilder().setId(sneaker.getId()).build());
    Product cheapest = setPrice(read, 3499);
    say("updated: " + cheapest.getName() + " " + cheapest.getPriceCents());
  }

  private Product setPrice(Product seen, long priceCents) {
    return products.updateProduct(
        UpdateProductRequest.newBuilder()
            .setProduct(
                Product.newBuilder()
                    .setId(seen.getId())
                    .setEtag(seen.getEtag())
                    .setPriceCents(priceCents))
            .setUpdateMask(FieldMask.newBuilder().addPaths("price_cents"))
            .build());
  }

  private void mistakes(String slug) {
    Problem invalid = failure(() -> products.createProduct(product("", -5, slug)));
    String fields =
        invalid.violations().stream().map(v -> v.getField()).collect(Collectors.joining(", "));
    say("invalid: " + invalid.code() + " " + fields);

    GetProductRequest nobody =
        GetProductRequest.newBuilder().setId("00000000-0000-4000-8000-000000000000").build();
    Problem missing = failure(() -> products.getProduct(nobody));
    say("missing: " + missing.code() + " " + missing.reason());
  }

  private List<Order> order(Product sneaker, Product sandal) {
    User ada =
        users.createUser(
            CreateUserRequest.newBuilder()
                .setUser(
                    User.newBuilder().setEmail("ada-" + tag + "@example.com").setName("Ada"))
                .build());
    Order first =
        orders.createOrder(
            CreateOrderRequest.newBuilder()
                .setOrder(
                    orderOf(ada, 9898, SUCCESS)
                        .addItems(item(sneaker, 2, 3499))
                        .addItems(item(sandal, 1, 2900)))
                .setInclude(FieldMask.newBuilder().addPaths("user"))
                .build());
    say(
        "order: %d %s of %s, %d items"
            .formatted(
                first.getAmountCents(),
                first.getStatus(),
                first.getUser().getName(),
                first.getItemsCount()));
    Order second = orders.createOrder(request(orderOf(ada, 5000, SUCCESS)));
    Order third = orders.createOrder(request(orderOf(ada, 100, FAILED)));
    ListOrdersResponse list =
        orders.listOrders(
            ListOrdersRequest.newBuilder()
                .setUserId(ada.getId())
                .setIncludeTotalSize(true)
                .build());
    say("orders: " + list.getTotalSize());

    int streamed = 0;
    StreamOrdersRequest all = StreamOrdersRequest.newBuilder().setUserId(ada.getId()).build();
    for (var messages = orders.streamOrders(all); messages.hasNext(); ) {
      streamed += messages.next().getOrdersCount();
    }
    say("streamed: " + streamed);

    List<Month> months =
        orders
            .getOrderAnalytics(
                GetOrderAnalyticsRequest.newBuilder()
                    .setStartTime(first.getCreateTime())
                    .setEndTime(third.getCreateTime())
                    .build())
            .getMonthsList();
    long total = months.stream().mapToLong(Month::getTotal).sum();
    long revenue = months.stream().mapToLong(Month::getRevenueCents).sum();
    say("analytics: " + total + " orders, " + revenue + " cents");
    return List.of(first, second, third);
  }

  private static CreateProductRequest product(String name, long priceCents, String slug) {
    return CreateProductRequest.newBuilder()
        .setProduct(
            Product.newBuilder().setName(name).setPriceCents(priceCents).setCategorySlug(slug))
        .build();
  }

  private static Order.Builder orderOf(User user, long amountCents, Order.Status status) {
    return Order.newBuilder()
        .setUserId(user.getId())
        .setEmail(user.getEmail())
        .setAmountCents(amountCents)
        .setStatus(status);
  }

  private static CreateOrderRequest request(Order.Builder order) {
    return CreateOrderRequest.newBuilder().setOrder(order).build();
  }

  private static Order.Item item(Product product, int quantity, long priceCents) {
    return Order.Item.newBuilder()
        .setProductId(product.getId())
        .setName(product.getName())
        .setQuantity(quantity)
        .setPriceCents(priceCents)
        .build();
  }

  /** What the call fails with; that it does is part of the story. */
  private static Problem failure(Supplier<?> call) {
    try {
      call.get();
    } catch (StatusRuntimeException error) {
      return Problem.of(error);
    }
    throw new IllegalStateException("the call should have failed");
  }

  private static void say(String line) {
    System.out.println(line);
  }
}
