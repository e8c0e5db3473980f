package dev.storegate.sample;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.BadRequest.FieldViolation;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * What the gateway says of a call that failed.
 *
 * @param code says what to do next
 * @param reason such as ETAG_MISMATCH; "" where the server gave none
 * @param violations what is wrong with the request, in the order of its fields
 * @param retryDelay how long to wait before trying again; null where the server does not say
 */
public record Problem(
    Status.Code code,
    String reason,
    String domain,
    String message,
    Map<String, String> metadata,
    List<FieldViolation> violations,
    Duration retryDelay) {

  public static Problem of(StatusRuntimeException error) {
    ErrorInfo info = ErrorInfo.getDefaultInstance();
    BadRequest bad = BadRequest.getDefaultInstance();
    Duration delay = null;
    try {
      // Also of errors without details: then these are none.
      for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          info = detail.unpack(ErrorInfo.class);
        } else if (detail.is(BadRequest.class)) {
          bad = detail.unpack(BadRequest.class);
        } else if (detail.is(RetryInfo.class)) {
          var retry = detail.unpack(RetryInfo.class).getRetryDelay();
          delay = Duration.ofSeconds(retry.getSeconds(), retry.getNanos());
        }
      }
    } catch (InvalidProtocolBufferException broken) {
      // Code and message still hold, and say more than an error about an error.
    }
    return new Problem(
        error.getStatus().getCode(),
        info.getReason(),
        info.getDomain(),
        error.getStatus().getDescription() == null ? "" : error.getStatus().getDescription(),
        info.getMetadataMap(),
        bad.getFieldViolationsList(),
        delay);
  }
}
