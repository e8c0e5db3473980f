package dev.storegate.sample;

import com.google.protobuf.Empty;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A gateway for the tests of a class, `storegate serve --ephemeral`: in memory, on a free port,
 * put back to its seed before each test. Register it as a static field:
 *
 * <pre>{@code
 * @RegisterExtension
 * static final GatewayExtension gateway = new GatewayExtension("--seed", "fixtures.jsonl");
 * }</pre>
 */
public final class GatewayExtension
    implements BeforeAllCallback, BeforeEachCallback, AfterAllCallback {
  private static final long START_SECONDS = 30;
  private static final long STOP_SECONDS = 10;
  private static final Pattern LISTEN = Pattern.compile("\"listen\":\\s*\"([^\"]+)\"");

  // Said by hand, so that no stubs of storegate.v1.Testing are needed: both messages
  // are empty.
  private static final MethodDescriptor<Empty, Empty> RESET =
      MethodDescriptor.<Empty, Empty>newBuilder()
          .setType(MethodType.UNARY)
          .setFullMethodName("storegate.v1.Testing/Reset")
          .setRequestMarshaller(ProtoUtils.marshaller(Empty.getDefaultInstance()))
          .setResponseMarshaller(ProtoUtils.marshaller(Empty.getDefaultInstance()))
          .build();

  private final List<String> flags;
  private Process process;
  private Path log;
  private String target;
  private ManagedChannel channel;

  /** Flags of `storegate serve`: --seed FILE, --proto DIR or --descriptor-set FILE. */
  public GatewayExtension(String... flags) {
    this.flags = List.of(flags);
  }

  /** HOST:PORT. */
  public String target() {
    return target;
  }

  public long pid() {
    return process.pid();
  }

  @Override
  public void beforeAll(ExtensionContext context) throws IOException, InterruptedException {
    start();
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    reset();
  }

  @Override
  public void afterAll(ExtensionContext context) throws IOException, InterruptedException {
    stop();
  }

  /** Starts it and waits until it serves. The binary is STOREGATE_BIN's, else that on PATH. */
  public void start() throws IOException, InterruptedException {
    String binary = System.getenv("STOREGATE_BIN");
    List<String> command = new ArrayList<>();
    command.add(binary == null || binary.isEmpty() ? "storegate" : binary);
    command.addAll(List.of("serve", "--ephemeral"));
    command.addAll(flags);
    log = Files.createTempFile("storegate-", ".log");
    // Its standard input stays a pipe from here: it ends with this process.
    process = new ProcessBuilder(command).redirectError(log.toFile()).start();
    try {
      target = firstLine();
    } catch (IllegalStateException error) {
      process.destroyForcibly().waitFor();
      String said = Files.readString(log);
      Files.delete(log);
      throw new IllegalStateException(String.join(" ", command) + " did not start\n" + said, error);
    }
    channel = Channels.open(target);
  }

  /** Puts everything back to the seed. */
  public void reset() {
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.SECONDS);
    ClientCalls.blockingUnaryCall(channel, RESET, options, Empty.getDefaultInstance());
  }

  /** Ends it, and returns when it is gone. */
  public void stop() throws IOException, InterruptedException {
    channel.shutdownNow();
    process.destroy();
    if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
    Files.deleteIfExists(log);
  }

  private String firstLine() throws InterruptedException {
    var output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    CompletableFuture<String> line =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return output.readLine();
              } catch (IOException error) {
                throw new IllegalStateException(error);
              }
            });
    try {
      String said = line.get(START_SECONDS, TimeUnit.SECONDS);
      Matcher listen = LISTEN.matcher(said == null ? "" : said);
      if (!listen.find()) {
        throw new IllegalStateException("it said: " + said);
      }
      return listen.group(1);
    } catch (ExecutionException | TimeoutException error) {
      throw new IllegalStateException(error);
    }
  }
}
