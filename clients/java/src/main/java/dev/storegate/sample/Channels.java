package dev.storegate.sample;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServiceDescriptor;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** Channels to a gateway, with retries where they are safe and a deadline where there is none. */
public final class Channels {
  private static final Duration DEADLINE = Duration.ofSeconds(10);

  // The word must end there, so that ListenOnce is no read.
  private static final Pattern READS = Pattern.compile("(Get|BatchGet|List|Stream)(?![a-z]).*");

  private Channels() {}

  /**
   * A channel in plaintext. Does not wait for the connection; the first call does.
   *
   * @param services those that will be called, as {@code ProductStoreGrpc.getServiceDescriptor()}
   */
  public static ManagedChannel open(String target, ServiceDescriptor... services) {
    return Grpc.newChannelBuilder(target, InsecureChannelCredentials.create())
        .defaultServiceConfig(serviceConfig(services))
        // Else a TXT record of the target's would replace it.
        .disableServiceConfigLookUp()
        .enableRetry()
        .intercept(new DefaultDeadline())
        .build();
  }

  // UNAVAILABLE may mean that the answer got lost and not the call, so that only what has
  // no side effects is repeated. Numbers are doubles, as in JSON; grpc-java insists.
  static Map<String, ?> serviceConfig(ServiceDescriptor... services) {
    List<Map<String, String>> names =
        Arrays.stream(services)
            .flatMap(service -> service.getMethods().stream())
            .filter(Channels::isSafeToRepeat)
            .map(m -> Map.of("service", m.getServiceName(), "method", m.getBareMethodName()))
            .toList();
    if (names.isEmpty()) {
      return Map.of();
    }
    Map<String, ?> policy =
        Map.of(
            "maxAttempts", 4.0,
            "initialBackoff", "0.1s",
            "maxBackoff", "2s",
            "backoffMultiplier", 2.0,
            "retryableStatusCodes", List.of("UNAVAILABLE"));
    return Map.of("methodConfig", List.of(Map.of("name", names, "retryPolicy", policy)));
  }

  // The standard reads are known by name; others are safe by their
  // `option idempotency_level = NO_SIDE_EFFECTS`.
  static boolean isSafeToRepeat(MethodDescriptor<?, ?> method) {
    return method.getType().clientSendsOneMessage()
        && (READS.matcher(method.getBareMethodName()).matches()
            || method.isSafe());
  }

  /** Unary calls without a deadline get one; streams take as long as they take. */
  private static final class DefaultDeadline implements ClientInterceptor {
    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(
        MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
      if (method.getType() == MethodType.UNARY && options.getDeadline() == null) {
        options = options.withDeadlineAfter(DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
      }
      return next.newCall(method, options);
    }
  }
}
