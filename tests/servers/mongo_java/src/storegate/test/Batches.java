package storegate.test;

import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.InMemoryCursor;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Batches of cursors of no more than 16 MiB, and of 101 documents where the first one's size is
 * not said. mongo-java-server sends all that there is.
 *
 * <p>Source: mongodb.com, cursor batches.
 */
final class Batches {
  private static final int BYTES_MAX = 16 << 20;

  private final CursorRegistry cursors;

  Batches(CursorRegistry cursors) {
    this.cursors = cursors;
  }

  /** The reply of `run`, a find or getMore of this query. */
  Document bounded(String command, Document query, Supplier<Document> run) {
    Object size = query.get("batchSize");
    if (size == null || command.equals("getMore") && ((Number) size).intValue() == 0) {
      query.put("batchSize", command.equals("find") ? 101 : Integer.MAX_VALUE);
    }
    Document reply = run.get();
    Document cursor = (Document) reply.get("cursor");
    String name = cursor.containsKey("firstBatch") ? "firstBatch" : "nextBatch";
    List<Document> batch = new ArrayList<>();
    for (Object one : (Iterable<?>) cursor.get(name)) batch.add((Document) one);
    int taken = 0;
    long bytes = 0;
    for (; taken < batch.size(); ++taken) {
      bytes += bytes(batch.get(taken));
      if (taken > 0 && bytes > BYTES_MAX) break;
    }
    if (taken == batch.size()) return reply;

    List<Document> rest = new ArrayList<>(batch.subList(taken, batch.size()));
    long id = ((Number) cursor.get("id")).longValue();
    if (id == 0) {
      id = cursors.generateCursorId();
    } else {
      rest.addAll(cursors.getCursor(id).takeDocuments(Integer.MAX_VALUE));
      cursors.remove(id);
    }
    cursors.add(new InMemoryCursor(id, rest));
    cursor.put("id", id);
    cursor.put(name, batch.subList(0, taken));
    return reply;
  }

  private static int bytes(Document document) {
    ByteBuf buffer = Unpooled.buffer();
    try {
      BsonEncoder.encodeDocument(document, buffer);
      return buffer.writerIndex();
    } finally {
      buffer.release();
    }
  }
}
