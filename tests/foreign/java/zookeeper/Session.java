import java.io.IOException;
import java.net.SocketAddress;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooKeeper;

/** A ZooKeeper session whose events are kept until they are asked for. */
final class Session extends ZooKeeper {
  static final int TIMEOUT_MS = 10_000;

  private final Events events;

  /** A watcher that keeps what it is told of nodes. */
  static final class Events implements Watcher {
    private final BlockingQueue<WatchedEvent> queue = new LinkedBlockingQueue<>();

    @Override
    public void process(WatchedEvent event) {
      if (event.getType() != EventType.None) queue.add(event);
    }

    /** The next event must be this one. */
    void expect(EventType type, String path) throws InterruptedException {
      WatchedEvent event = queue.poll(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS);
      Check.that(event != null, "a watch fires: " + type + " " + path);
      Check.equal(List.of(event.getType(), event.getPath()), List.of(type, path), "event");
    }

    /** All that happened before a round trip has been told: events come before the answers after them. */
    void expectNothing(ZooKeeper session) throws Exception {
      session.exists("/", false);
      Check.equal(List.copyOf(queue), List.of(), "further events");
    }
  }

  private Session(String server, Events events) throws IOException {
    super(server, TIMEOUT_MS, events);
    this.events = events;
  }

  static Session open(String server) throws Exception {
    Session session = new Session(server, new Events());
    Check.eventually("a session", () -> session.getState() == States.CONNECTED);
    return session;
  }

  Events events() {
    return events;
  }

  /** Breaks the connection under the session, and waits until it has another. */
  void breakConnection() throws Exception {
    SocketAddress before = testableLocalSocketAddress();
    getTestable().closeSocket();
    Check.eventually("another connection", () -> {
      SocketAddress now = testableLocalSocketAddress();
      return getState() == States.CONNECTED && now != null && !now.equals(before);
    });
  }
}
