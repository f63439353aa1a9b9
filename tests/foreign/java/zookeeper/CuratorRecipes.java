import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;

/** Apache Curator: its framework and its recipes. Arguments: the addresses of Kafka (unused) and of ZooKeeper. */
final class CuratorRecipes {
  private static String server;
  private static CuratorFramework curator;

  private CuratorRecipes() {}

  public static void main(String[] arguments) {
    server = arguments[1];
    Check.program(() -> {
      curator = connect();
      framework();
      lock();
      readWriteLock();
      semaphore();
      leaderLatch();
      caches();
      persistentWatcher();
      ephemeral();
      counter();
      barrier();
      curator.close();
    });
  }

  private static CuratorFramework connect() throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(server, 10_000, 10_000, new RetryNTimes(3, 200));
    client.start();
    Check.that(client.blockUntilConnected((int) Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "Curator connects");
    return client;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void framework() throws Exception {
    Check.step("the framework");
    curator.create().creatingParentContainersIfNeeded().forPath("/curator/a/b/c", bytes("deep"));
    Check.equal(new String(curator.getData().forPath("/curator/a/b/c"), StandardCharsets.UTF_8), "deep", "data");
    String name = curator.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/curator/p-");
    Check.that(name.matches("/curator/_c_[-0-9a-f]+-p-\\d{10}"), "a protected name: " + name);
    curator.create().withTtl(3_600_000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/curator/ttl");
    curator.create().orSetData().forPath("/curator/ttl", bytes("set"));
    Check.equal(curator.checkExists().forPath("/curator/ttl").getVersion(), 1, "create or set");
    Check.equal(curator.transaction()
                    .forOperations(curator.transactionOp().create().forPath("/curator/t"),
                        curator.transactionOp().setData().forPath("/curator/t", bytes("x")),
                        curator.transactionOp().delete().forPath("/curator/t"))
                    .size(),
        3, "results of a transaction");
    curator.delete().deletingChildrenIfNeeded().forPath("/curator/a");
    Check.equal(curator.checkExists().forPath("/curator/a/b/c"), null, "a deleted tree");
  }

  private static void lock() throws Exception {
    Check.step("a lock is held by one");
    ExecutorService threads = Executors.newFixedThreadPool(4);
    AtomicInteger inside = new AtomicInteger(), entered = new AtomicInteger();
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < 4; ++i)
      all.add(threads.submit(() -> {
        try (CuratorFramework client = connect()) {
          InterProcessMutex mutex = new InterProcessMutex(client, "/curator/lock");
          for (int n = 0; n < 10; ++n) {
            Check.that(mutex.acquire(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "the lock comes");
            Check.equal(inside.incrementAndGet(), 1, "holders");
            entered.incrementAndGet();
            inside.decrementAndGet();
            mutex.release();
          }
        }
        return null;
      }));
    for (Future<?> f : all) f.get();
    threads.shutdown();
    Check.equal(entered.get(), 40, "times the lock was held");

    CuratorFramework dying = connect();
    Check.that(new InterProcessMutex(dying, "/curator/lock").acquire(1, TimeUnit.SECONDS), "a free lock");
    InterProcessMutex mine = new InterProcessMutex(curator, "/curator/lock");
    Check.that(!mine.acquire(200, TimeUnit.MILLISECONDS), "a held lock");
    dying.close();
    Check.that(mine.acquire(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "the lock of one who left");
    mine.release();
  }

  private static void readWriteLock() throws Exception {
    Check.step("a read-write lock");
    try (CuratorFramework other = connect()) {
      InterProcessReadWriteLock mine = new InterProcessReadWriteLock(curator, "/curator/rw"),
                                theirs = new InterProcessReadWriteLock(other, "/curator/rw");
      mine.readLock().acquire();
      Check.that(theirs.readLock().acquire(1, TimeUnit.SECONDS), "two read");
      theirs.readLock().release();
      Check.that(!theirs.writeLock().acquire(200, TimeUnit.MILLISECONDS), "none writes while one reads");
      mine.readLock().release();
      Check.that(theirs.writeLock().acquire(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "then one writes");
      theirs.writeLock().release();
    }
  }

  private static void semaphore() throws Exception {
    Check.step("a semaphore");
    InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(curator, "/curator/semaphore", 2);
    var leases = semaphore.acquire(2);
    Check.equal(semaphore.acquire(200, TimeUnit.MILLISECONDS), null, "a third lease of two");
    semaphore.returnAll(leases);
    Check.that(semaphore.acquire(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS) != null, "a returned lease");
  }

  private static void leaderLatch() throws Exception {
    Check.step("a leader latch");
    try (CuratorFramework other = connect(); LeaderLatch b = new LeaderLatch(curator, "/curator/leader", "b")) {
      LeaderLatch a = new LeaderLatch(other, "/curator/leader", "a");
      a.start();
      Check.that(a.await(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "the first leads");
      b.start();
      Check.eventually("both take part", () -> b.getParticipants().size() == 2);
      Check.equal(b.getLeader().getId(), "a", "the leader");
      Check.that(!b.hasLeadership(), "one leads");
      a.close();
      Check.that(b.await(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "the second leads when the first is gone");
    }
  }

  private static void caches() throws Exception {
    Check.step("caches follow a node and a tree");
    curator.create().forPath("/curator/cached", bytes("0"));
    BlockingQueue<String> changes = new LinkedBlockingQueue<>();
    CuratorCacheListener listener =
        CuratorCacheListener.builder()
            .forChanges((before, after) -> changes.add("set " + new String(after.getData(), StandardCharsets.UTF_8)))
            .forCreates(node -> changes.add("created " + node.getPath()))
            .forDeletes(node -> changes.add("deleted " + node.getPath()))
            .build();
    try (CuratorFramework other = connect();
        CuratorCache node = CuratorCache.build(curator, "/curator/cached", CuratorCache.Options.SINGLE_NODE_CACHE);
        CuratorCache tree = CuratorCache.build(curator, "/curator/cached")) {
      tree.listenable().addListener(listener);
      tree.start();
      node.start();
      expect(changes, "created /curator/cached");
      other.setData().forPath("/curator/cached", bytes("1"));
      expect(changes, "set 1");
      other.create().creatingParentsIfNeeded().forPath("/curator/cached/a/b", bytes("2"));
      expect(changes, "created /curator/cached/a");
      expect(changes, "created /curator/cached/a/b");
      other.delete().forPath("/curator/cached/a/b");
      expect(changes, "deleted /curator/cached/a/b");
      Check.equal(tree.stream().count(), 2L, "nodes in the tree cache");
      Check.eventually("the node cache has the new data", () -> {
        String now = node.get("/curator/cached").map(n -> new String(n.getData(), StandardCharsets.UTF_8)).orElse("");
        return now.equals("1");
      });
      Check.equal(node.stream().count(), 1L, "nodes in the node cache");
    }
  }

  private static void expect(BlockingQueue<String> queue, String want) throws Exception {
    Check.equal(queue.poll(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), want, "what the cache tells next");
  }

  private static void persistentWatcher() throws Exception {
    Check.step("a persistent watcher");
    BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
    curator.create().forPath("/curator/watched");
    try (PersistentWatcher watcher = new PersistentWatcher(curator, "/curator/watched", true)) {
      watcher.getListenable().addListener(event -> {
        if (event.getType() != EventType.None) events.add(event);
      });
      var set = new LinkedBlockingQueue<Boolean>();
      watcher.getResetListenable().addListener(() -> set.add(true));
      watcher.start();
      Check.that(set.poll(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS) != null, "the watcher is set");
      for (int i = 0; i < 5; ++i) curator.setData().forPath("/curator/watched", bytes("" + i));
      curator.create().forPath("/curator/watched/child");
      List<EventType> types = new ArrayList<>();
      for (int i = 0; i < 6; ++i) types.add(events.poll(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS).getType());
      Check.equal(types,
          List.of(EventType.NodeDataChanged, EventType.NodeDataChanged, EventType.NodeDataChanged,
              EventType.NodeDataChanged, EventType.NodeDataChanged, EventType.NodeCreated),
          "events");
    }
  }

  private static void ephemeral() throws Exception {
    Check.step("ephemerals");
    try (CuratorFramework other = connect()) {
      PersistentNode node = new PersistentNode(other, CreateMode.EPHEMERAL, false, "/curator/ephemeral", bytes("here"));
      node.start();
      Check.that(node.waitForInitialCreate(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "the node comes");
      Check.equal(curator.checkExists().forPath("/curator/ephemeral").getEphemeralOwner(),
          other.getZookeeperClient().getZooKeeper().getSessionId(), "owner");
      curator.delete().forPath("/curator/ephemeral");
      Check.eventually(
          "it comes again when another deletes it", () -> curator.checkExists().forPath("/curator/ephemeral") != null);
    }
    Check.equal(curator.checkExists().forPath("/curator/ephemeral"), null, "ephemerals go on close");
    try (PersistentTtlNode node = new PersistentTtlNode(curator, "/curator/kept", 60_000, bytes("kept"))) {
      node.start();
      Check.that(node.waitForInitialCreate(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS),
          "the node with a time to live comes");
    }
  }

  private static void counter() throws Exception {
    Check.step("an atomic counter");
    ExecutorService threads = Executors.newFixedThreadPool(3);
    List<Future<?>> all = new ArrayList<>();
    AtomicInteger counted = new AtomicInteger();
    for (int i = 0; i < 3; ++i)
      all.add(threads.submit(() -> {
        DistributedAtomicLong counter = new DistributedAtomicLong(curator, "/curator/counter", new RetryNTimes(100, 5));
        for (int n = 0; n < 20; ++n)
          if (counter.increment().succeeded()) counted.incrementAndGet();
        return null;
      }));
    for (Future<?> f : all) f.get();
    threads.shutdown();
    Check.that(counted.get() > 0, "some count");
    Check.equal(new DistributedAtomicLong(curator, "/curator/counter", new RetryNTimes(1, 1)).get().postValue(),
        (long) counted.get(), "the count");
  }

  private static void barrier() throws Exception {
    Check.step("a double barrier");
    ExecutorService threads = Executors.newFixedThreadPool(3);
    List<Future<?>> all = new ArrayList<>();
    AtomicInteger arrived = new AtomicInteger();
    for (int i = 0; i < 3; ++i)
      all.add(threads.submit(() -> {
        DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(curator, "/curator/barrier", 3);
        arrived.incrementAndGet();
        Check.that(barrier.enter(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "the barrier opens");
        Check.equal(arrived.get(), 3, "arrived when it opens");
        Check.that(barrier.leave(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "all leave");
        return null;
      }));
    for (Future<?> f : all) f.get();
    threads.shutdown();
  }
}
