package dev.storegate.sample;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;

/** Everything of a list, a page at a time. */
public final class Pages {
  private Pages() {}

  /**
   * The responses of all pages from the one that the request asks for:
   * {@code Pages.of(products::listProducts, request)}. Each iteration begins anew.
   */
  public static <Q extends Message, R extends Message> Iterable<R> of(
      Function<Q, R> list, Q request) {
    return () -> new PageIterator<>(list, request);
  }

  private static final class PageIterator<Q extends Message, R extends Message>
      implements Iterator<R> {
    private final Function<Q, R> list;
    private Q next; // null behind the last page

    PageIterator(Function<Q, R> list, Q first) {
      this.list = list;
      this.next = first;
    }

    @Override
    public boolean hasNext() {
      return next != null;
    }

    @Override
    public R next() {
      if (next == null) {
        throw new NoSuchElementException();
      }
      R page = list.apply(next);
      FieldDescriptor tokenField =
          page.getDescriptorForType().findFieldByName("next_page_token");
      String token = (String) page.getField(tokenField);
      next = token.isEmpty() ? null : withToken(next, token);
      return page;
    }
  }

  // `skip` and `page` say where the first page begins; from there the token does.
  @SuppressWarnings("unchecked")
  private static <Q extends Message> Q withToken(Q request, String token) {
    Message.Builder next = request.toBuilder();
    for (FieldDescriptor field : request.getDescriptorForType().getFields()) {
      switch (field.getName()) {
        case "page_token" -> next.setField(field, token);
        case "skip", "page" -> next.clearField(field);
        default -> {}
      }
    }
    return (Q) next.build();
  }
}
