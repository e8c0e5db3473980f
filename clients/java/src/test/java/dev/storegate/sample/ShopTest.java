package dev.storegate.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.BadRequest.FieldViolation;
import dev.storegate.shop.v1.Category;
import dev.storegate.shop.v1.CategoryStoreGrpc;
import dev.storegate.shop.v1.CategoryStoreGrpc.CategoryStoreBlockingStub;
import dev.storegate.shop.v1.CreateCategoryRequest;
import dev.storegate.shop.v1.CreateProductRequest;
import dev.storegate.shop.v1.GetCategoryRequest;
import dev.storegate.shop.v1.ListCategoriesRequest;
import dev.storegate.shop.v1.ListCategoriesResponse;
import dev.storegate.shop.v1.Product;
import dev.storegate.shop.v1.ProductStoreGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The recipe against a real gateway. */
class ShopTest {
  @RegisterExtension static final GatewayExtension gateway = new GatewayExtension();

  private ManagedChannel channel;
  private CategoryStoreBlockingStub categories;

  @BeforeEach
  void open() {
    channel = Channels.open(gateway.target(), CategoryStoreGrpc.getServiceDescriptor());
    categories = CategoryStoreGrpc.newBlockingStub(channel);
  }

  @AfterEach
  void close() {
    channel.shutdownNow();
  }

  private Category create(String slug) {
    return categories.createCategory(
        CreateCategoryRequest.newBuilder()
            .setCategory(Category.newBuilder().setName("The " + slug).setSlug(slug))
            .build());
  }

  private Problem failure(Runnable call) {
    return Problem.of(assertThrows(StatusRuntimeException.class, call::run));
  }

  @Test
  void eachTestBeginsWithTheSeed() {
    for (int round = 0; round < 2; round++) {
      assertEquals(List.of(), slugs(ListCategoriesRequest.getDefaultInstance()));
      create("shoes");
      gateway.reset();
    }
  }

  @Test
  void pagesGoOverAllAndPassOverTheSkippedOnce() {
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      made.add(create("shelf-" + i).getSlug());
    }
    var request = ListCategoriesRequest.newBuilder().setPageSize(2).setOrderBy("slug");
    assertEquals(made, slugs(request.build()));
    assertEquals(made.subList(1, 5), slugs(request.setSkip(1).build()));
  }

  private List<String> slugs(ListCategoriesRequest request) {
    List<String> found = new ArrayList<>();
    for (ListCategoriesResponse page : Pages.of(categories::listCategories, request)) {
      assertTrue(page.getCategoriesCount() <= 2);
      page.getCategoriesList().forEach(category -> found.add(category.getSlug()));
    }
    return found;
  }

  @Test
  void anErrorHasCodeAndReason() {
    GetCategoryRequest nobody = GetCategoryRequest.newBuilder().setSlug("hats").build();
    Problem missing = failure(() -> categories.getCategory(nobody));
    assertEquals(Code.NOT_FOUND, missing.code());
    assertEquals("RECORD_NOT_FOUND", missing.reason());
    assertEquals("storegate", missing.domain());
    assertFalse(missing.message().isEmpty());
    assertNull(missing.retryDelay());

    create("shoes");
    assertEquals(Code.ALREADY_EXISTS, failure(() -> create("shoes")).code());
  }

  @Test
  void aBadRequestSaysWhichFields() {
    var products = ProductStoreGrpc.newBlockingStub(channel);
    Product product = Product.newBuilder().setPriceCents(-5).setCategorySlug("hats").build();
    CreateProductRequest request = CreateProductRequest.newBuilder().setProduct(product).build();
    Problem invalid = failure(() -> products.createProduct(request));
    assertEquals(Code.INVALID_ARGUMENT, invalid.code());
    assertEquals(
        List.of("product.name", "product.price_cents"),
        invalid.violations().stream().map(FieldViolation::getField).toList());
  }

  @Test
  void aStoppedGatewayIsGone() throws Exception {
    GatewayExtension other = new GatewayExtension();
    other.start();
    ProcessHandle process = ProcessHandle.of(other.pid()).orElseThrow();
    other.reset();
    other.stop();
    assertFalse(process.isAlive());
  }

  @Test
  void aGatewayThatDoesNotStartSaysWhy() {
    GatewayExtension broken = new GatewayExtension("--seed", "missing.jsonl");
    String said = assertThrows(IllegalStateException.class, broken::start).getMessage();
    assertTrue(said.contains("cannot be read"), said);
  }
}
