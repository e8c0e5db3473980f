package storegate.test;

import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.oplog.Oplog;
import java.util.List;
import org.h2.mvstore.MVStore;

/** A database whose end is not that of databases whose names begin with its name. */
final class Database extends H2Database {
  private final MVStore store;

  Database(String name, MVStore store, CursorRegistry cursors) {
    super(name, store, cursors);
    this.store = store;
  }

  /** Instead of H2Database's, which drops "a" and "ab" for "a". */
  @Override
  public void drop(Oplog oplog) {
    for (String map : List.copyOf(store.getMapNames())) {
      for (String prefix : List.of("", "databases.", "meta.")) {
        if (map.startsWith(prefix + getDatabaseName() + ".")) store.removeMap(map);
      }
    }
  }

  /** What is left of an index that could not be built, which would pass for built. */
  void forgetIndex(String collection, String index) {
    store.removeMap(getFullCollectionNamespace(collection) + "._index_" + index);
  }
}
