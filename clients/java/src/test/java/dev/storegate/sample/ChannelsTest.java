package dev.storegate.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.storegate.shop.v1.CreateProductRequest;
import dev.storegate.shop.v1.GetProductRequest;
import dev.storegate.shop.v1.Product;
import dev.storegate.shop.v1.ProductStoreGrpc;
import dev.storegate.shop.v1.ProductStoreGrpc.ProductStoreBlockingStub;
import dev.storegate.shop.v1.StreamProductsRequest;
import dev.storegate.shop.v1.StreamProductsResponse;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a channel adds to each call, seen by a server that fails as it is told. */
class ChannelsTest {
  private final List<String> calls = Collections.synchronizedList(new ArrayList<>());
  private int failures;
  private Deadline deadline;
  private Server server;
  private ManagedChannel channel;
  private ProductStoreBlockingStub products;

  private final class Fake extends ProductStoreGrpc.ProductStoreImplBase {
    private <T> void answer(String method, StreamObserver<T> observer, T response) {
      deadline = Context.current().getDeadline();
      calls.add(method);
      if (calls.size() <= failures) {
        observer.onError(Status.UNAVAILABLE.asRuntimeException());
      } else {
        observer.onNext(response);
        observer.onCompleted();
      }
    }

    @Override
    public void getProduct(GetProductRequest request, StreamObserver<Product> observer) {
      answer("get", observer, Product.getDefaultInstance());
    }

    @Override
    public void createProduct(CreateProductRequest request, StreamObserver<Product> observer) {
      answer("create", observer, Product.getDefaultInstance());
    }

    @Override
    public void streamProducts(
        StreamProductsRequest request, StreamObserver<StreamProductsResponse> observer) {
      answer("stream", observer, StreamProductsResponse.getDefaultInstance());
    }
  }

  @BeforeEach
  void serve() throws Exception {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .addService(new Fake())
            .build()
            .start();
    channel =
        Channels.open("127.0.0.1:" + server.getPort(), ProductStoreGrpc.getServiceDescriptor());
    products = ProductStoreGrpc.newBlockingStub(channel);
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.shutdownNow();
  }

  @Test
  void aReadIsRepeated() {
    failures = 3;
    products.getProduct(GetProductRequest.getDefaultInstance());
    assertEquals(List.of("get", "get", "get", "get"), calls);
  }

  @Test
  void threeTimesAndNoMore() {
    failures = 4;
    assertThrows(
        StatusRuntimeException.class,
        () -> products.getProduct(GetProductRequest.getDefaultInstance()));
    assertEquals(4, calls.size());
  }

  @Test
  void aStreamThatDidNotBeginIsRepeated() {
    failures = 1;
    products.streamProducts(StreamProductsRequest.getDefaultInstance()).next();
    assertEquals(List.of("stream", "stream"), calls);
  }

  @Test
  void aWriteIsNotRepeated() {
    failures = 1;
    var error =
        assertThrows(
            StatusRuntimeException.class,
            () -> products.createProduct(CreateProductRequest.getDefaultInstance()));
    Problem problem = Problem.of(error);
    assertEquals(Status.Code.UNAVAILABLE, problem.code());
    assertEquals("", problem.reason());
    assertEquals(List.of("create"), calls);
  }

  @Test
  void aUnaryCallHasADeadlineAndAStreamHasNone() {
    products.getProduct(GetProductRequest.getDefaultInstance());
    assertNotNull(deadline);
    assertTrue(deadline.timeRemaining(TimeUnit.SECONDS) <= 10);
    products
        .withDeadlineAfter(1, TimeUnit.HOURS)
        .createProduct(CreateProductRequest.getDefaultInstance());
    assertTrue(deadline.timeRemaining(TimeUnit.MINUTES) > 10);
    products.streamProducts(StreamProductsRequest.getDefaultInstance()).next();
    assertNull(deadline);
  }

  @Test
  void whatIsRepeatedIsKnownByNameOrSaysThatItIsSafe() {
    var get = ProductStoreGrpc.getGetProductMethod();
    var create = ProductStoreGrpc.getCreateProductMethod();
    assertTrue(Channels.isSafeToRepeat(get));
    assertTrue(Channels.isSafeToRepeat(ProductStoreGrpc.getBatchGetProductsMethod()));
    assertTrue(Channels.isSafeToRepeat(ProductStoreGrpc.getStreamProductsMethod()));
    assertFalse(Channels.isSafeToRepeat(create));
    assertTrue(Channels.isSafeToRepeat(create.toBuilder().setSafe(true).build()));
    assertFalse(
        Channels.isSafeToRepeat(get.toBuilder().setFullMethodName("a.B/ListenOnce").build()));
  }
}
