package storegate.test;

import de.bwaldvogel.mongo.MongoServer;
import java.net.InetSocketAddress;
import org.h2.mvstore.MVStore;

/**
 * A MongoDB server for tests: mongo-java-server on one file, which survives kill -9 with all
 * that it acknowledged.
 *
 * <p>Arguments: PORT (0: a free one) and FILE. Says "LISTENING port" on standard output once
 * it takes connections; runs until it is killed.
 */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      System.err.println("usage: run PORT FILE");
      System.exit(2);
    }
    // Written when a command is done, and only then: no command is found half done after
    // a crash.
    MVStore store =
        new MVStore.Builder()
            .fileName(arguments[1])
            .autoCommitDisabled()
            .autoCommitBufferSize(0)
            .open();
    // What is overwritten need not be kept for a power failure.
    store.setRetentionTime(0);
    store.setVersionsToKeep(0);
    MongoServer server = new MongoServer(new Backend(store));
    server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])));
    System.out.println("LISTENING " + server.getLocalAddress().getPort());
    System.out.flush();
  }
}
