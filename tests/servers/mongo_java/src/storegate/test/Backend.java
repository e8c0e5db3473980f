package storegate.test;

import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.DefaultQueryMatcher;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import de.bwaldvogel.mongo.exception.MongoServerException;
import io.netty.channel.Channel;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVStore;

/**
 * mongo-java-server's backend, made to keep what MongoDB promises: one command at a time, its
 * reply a copy that later commands do not change, on the disk before it is sent. What commands
 * of 1.47.0 get wrong, and is easily put right around them, is put right here.
 */
final class Backend extends H2Backend {
  private static final Set<String> READS =
      Set.of("find", "getmore", "killcursors", "aggregate", "count", "distinct", "ping", "hello",
          "ismaster", "buildinfo", "serverstatus", "listcollections", "listindexes",
          "listdatabases", "endsessions");

  private final Batches batches = new Batches(getCursorRegistry());
  private int commits = 0;

  Backend(MVStore store) {
    super(store);
  }

  @Override
  protected MongoDatabase openOrCreateDatabase(String name) {
    return new Database(name, getMvStore(), getCursorRegistry());
  }

  @Override
  public synchronized Document handleCommand(
      Channel channel, String database, String command, Document query) {
    Document reply;
    try {
      reply = mended(channel, database, command, query);
    } catch (MongoServerException answered) {
      throw answered;
    } catch (RuntimeException unexpected) {
      // The server answers it too, without a code; here is why.
      System.err.println("in a " + command + " command: " + unexpected);
      throw unexpected;
    }
    if (!READS.contains(command.toLowerCase())) {
      commit();
      // Nobody else gives back the space of what was overwritten.
      if (++commits % 64 == 0) getMvStore().compact(50, 1 << 20);
    }
    return reply == null ? null : reply.cloneDeeply();
  }

  private Document plain(Channel channel, String database, String command, Document query) {
    return super.handleCommand(channel, database, command, query);
  }

  private Document mended(Channel channel, String database, String command, Document query) {
    switch (command) {
      case "insert":
        query.putIfAbsent("ordered", true);
        return counted(plain(channel, database, command, query), query);
      case "update":
        return oneByOne(channel, database, command, "updates", query);
      case "delete":
        return oneByOne(channel, database, command, "deletes", query);
      case "find":
      case "getMore":
        return batches.bounded(command, query, () -> plain(channel, database, command, query));
      case "listCollections":
        return filtered(plain(channel, database, command, query), query);
      case "listIndexes":
        require(database, query.get(command), "ns does not exist");
        return plain(channel, database, command, query);
      case "drop":
        require(database, query.get(command), "ns not found");
        return plain(channel, database, command, query);
      case "createIndexes":
        return createIndexes(channel, database, query);
      case "dropIndexes":
        require(database, query.get(command), "ns not found");
        return dropIndexes(channel, database, query);
      default:
        return plain(channel, database, command, query);
    }
  }

  private void require(String database, Object collection, String otherwise) {
    if (resolveDatabase(database).resolveCollection(collection.toString(), false) == null) {
      throw new MongoServerError(26, "NamespaceNotFound", otherwise);
    }
  }

  /** `n` is what was inserted, not what was sent. */
  private static Document counted(Document reply, Document query) {
    List<Document> errors = documents(reply, "writeErrors");
    if (errors.isEmpty()) return reply;
    boolean ordered = Utils.isTrue(query.get("ordered"));
    Object first = errors.get(0).get("index");
    reply.put("n", ordered ? first : documents(query, "documents").size() - errors.size());
    return reply;
  }

  /**
   * Each statement on its own: one that fails is an entry of writeErrors, for deletes too, and
   * the last one to run when they are ordered.
   */
  private Document oneByOne(
      Channel channel, String database, String command, String list, Document query) {
    boolean ordered = Utils.isTrue(query.getOrDefault("ordered", true));
    int n = 0;
    int modified = 0;
    List<Document> errors = new ArrayList<>();
    List<Document> upserted = new ArrayList<>();
    List<Document> statements = documents(query, list);
    for (int i = 0; i < statements.size() && !(ordered && !errors.isEmpty()); ++i) {
      Document one = query.clone().append(list, List.of(statements.get(i)));
      Document reply;
      try {
        reply = plain(channel, database, command, one);
      } catch (MongoServerError failed) {
        errors.add(
            new Document("index", i)
                .append("code", failed.getCode())
                .append("errmsg", failed.getMessageWithoutErrorCode()));
        continue;
      }
      n += (Integer) reply.get("n");
      modified += (Integer) reply.getOrDefault("nModified", 0);
      for (Document entry : documents(reply, "upserted")) upserted.add(entry.append("index", i));
      for (Document entry : documents(reply, "writeErrors")) errors.add(entry.append("index", i));
    }
    Document all = new Document("n", n);
    if (command.equals("update")) all.append("nModified", modified);
    if (!upserted.isEmpty()) all.append("upserted", upserted);
    if (!errors.isEmpty()) all.append("writeErrors", errors);
    return all.append("ok", 1.0);
  }

  private static Document filtered(Document reply, Document query) {
    if (!(query.get("filter") instanceof Document)) return reply;
    Document cursor = (Document) reply.get("cursor");
    List<Document> found = new ArrayList<>(documents(cursor, "firstBatch"));
    DefaultQueryMatcher matcher = new DefaultQueryMatcher();
    found.removeIf(one -> !matcher.matches(one, (Document) query.get("filter")));
    cursor.put("firstBatch", found);
    return reply;
  }

  private Document createIndexes(Channel channel, String database, Document query) {
    try {
      return plain(channel, database, "createIndexes", query);
    } catch (MongoServerException failed) {
      String collection = query.get("createIndexes").toString();
      Set<Object> names = Set.copyOf(indexNames(channel, database, collection));
      for (Document index : documents(query, "indexes")) {
        Object name = index.get("name");
        if (names.contains(name)) continue;
        ((Database) resolveDatabase(database)).forgetIndex(collection, name.toString());
      }
      throw failed;
    }
  }

  /** By key, since dropping by name forgets the indexes of that name of all collections. */
  private Document dropIndexes(Channel channel, String database, Document query) {
    if (!(query.get("index") instanceof String)) {
      return plain(channel, database, "dropIndexes", query);
    }
    String collection = query.get("dropIndexes").toString();
    String wanted = (String) query.get("index");
    boolean any = false;
    for (Document index : indexes(channel, database, collection)) {
      Object name = index.get("name");
      if (name.equals("_id_") || !(wanted.equals("*") || wanted.equals(name))) continue;
      any = true;
      plain(channel, database, "dropIndexes", query.clone().append("index", index.get("key")));
    }
    if (!any && !wanted.equals("*")) {
      throw new MongoServerError(27, "IndexNotFound", "index not found with name [" + wanted + "]");
    }
    return new Document("ok", 1.0);
  }

  private List<Document> indexes(Channel channel, String database, String collection) {
    Document query = new Document("listIndexes", collection);
    Document reply = plain(channel, database, "listIndexes", query);
    return documents((Document) reply.get("cursor"), "firstBatch");
  }

  private List<Object> indexNames(Channel channel, String database, String collection) {
    List<Object> names = new ArrayList<>();
    for (Document index : indexes(channel, database, collection)) names.add(index.get("name"));
    return names;
  }

  private static List<Document> documents(Document of, String field) {
    List<Document> found = new ArrayList<>();
    if (of.get(field) instanceof Iterable) {
      for (Object one : (Iterable<?>) of.get(field)) found.add((Document) one);
    }
    return found;
  }
}
