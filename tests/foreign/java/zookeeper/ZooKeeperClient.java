import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Transaction;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** The client of Apache ZooKeeper itself. Arguments: the addresses of Kafka (unused) and of ZooKeeper. */
final class ZooKeeperClient {
  private static final List<ACL> OPEN = Ids.OPEN_ACL_UNSAFE;

  private static String server;
  private static Session zk;

  private ZooKeeperClient() {}

  public static void main(String[] arguments) {
    server = arguments[1];
    Check.program(() -> {
      zk = Session.open(server);
      create();
      data();
      watches();
      persistentWatches();
      brokenConnection();
      sessions();
      multi();
      acls();
      pipeline();
      zk.close();
    });
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String get(String path) throws Exception {
    return new String(zk.getData(path, false, null), StandardCharsets.UTF_8);
  }

  private static String create(String path, CreateMode mode) throws Exception {
    return zk.create(path, bytes("data"), OPEN, mode);
  }

  private static void create() throws Exception {
    Check.step("create in every mode");
    Stat stat = new Stat();
    Check.equal(zk.create("/java", bytes("root"), OPEN, CreateMode.PERSISTENT, stat), "/java", "persistent");
    Check.equal(stat.getDataLength(), 4, "the stat of create2");
    Check.refused(KeeperException.NodeExistsException.class, "a node is created once",
        () -> create("/java", CreateMode.PERSISTENT));
    Check.refused(KeeperException.NoNodeException.class, "a node needs its parent",
        () -> create("/none/child", CreateMode.PERSISTENT));
    Check.equal(create("/java/s-", CreateMode.PERSISTENT_SEQUENTIAL), "/java/s-0000000000", "persistent sequential");
    Check.equal(create("/java/s-", CreateMode.PERSISTENT_SEQUENTIAL), "/java/s-0000000001", "the next");
    Check.equal(create("/java/e", CreateMode.EPHEMERAL), "/java/e", "ephemeral");
    Check.equal(create("/java/es-", CreateMode.EPHEMERAL_SEQUENTIAL), "/java/es-0000000003", "ephemeral sequential");
    Check.equal(create("/java/c", CreateMode.CONTAINER), "/java/c", "container");
    Check.equal(zk.create("/java/t", null, OPEN, CreateMode.PERSISTENT_WITH_TTL, stat, 3_600_000), "/java/t",
        "with a time to live");
    Check.equal(zk.create("/java/ts-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 3_600_000),
        "/java/ts-0000000006", "sequential with a time to live");
    Check.refused(KeeperException.NoChildrenForEphemeralsException.class, "ephemerals have no children",
        () -> create("/java/e/child", CreateMode.PERSISTENT));
    Check.equal(zk.exists("/java/e", false).getEphemeralOwner(), zk.getSessionId(), "owner of an ephemeral");
    Check.equal(zk.getEphemerals("/java").size(), 2, "ephemerals of this session");
    Check.equal(zk.getAllChildrenNumber("/java"), 7, "nodes below");
  }

  private static void data() throws Exception {
    Check.step("data and versions");
    Stat stat = new Stat();
    Check.equal(new String(zk.getData("/java", false, stat), StandardCharsets.UTF_8), "root", "data");
    Check.equal(stat.getNumChildren(), zk.getChildren("/java", false).size(), "children");
    Check.equal(zk.setData("/java", bytes("new"), 0).getVersion(), 1, "version");
    Check.refused(
        KeeperException.BadVersionException.class, "versions are checked", () -> zk.setData("/java", bytes("late"), 0));
    Check.refused(KeeperException.NotEmptyException.class, "a node with children stays", () -> zk.delete("/java", -1));
    zk.delete("/java/s-0000000000", 0);
    Check.equal(zk.exists("/java/s-0000000000", false), null, "a deleted node");
    Check.refused(
        KeeperException.NoNodeException.class, "a node is deleted once", () -> zk.delete("/java/s-0000000000", -1));
    create("/java/null", CreateMode.PERSISTENT);
    zk.setData("/java/null", null, -1);
    Check.equal(zk.getData("/java/null", false, null), null, "no data");
    zk.setData("/java/null", new byte[1_000_000], -1);
    Check.equal(zk.getData("/java/null", false, null).length, 1_000_000, "nearly the largest data");
    Check.equal(zk.getConfig(false, null).length, 0, "configuration of an ensemble of one");
  }

  private static void watches() throws Exception {
    Check.step("watches fire once");
    try (Session other = Session.open(server)) {
      zk.exists("/java/w", true);
      zk.getChildren("/java", true);
      other.create("/java/w", bytes("1"), OPEN, CreateMode.PERSISTENT);
      zk.events().expect(EventType.NodeCreated, "/java/w");
      zk.events().expect(EventType.NodeChildrenChanged, "/java");
      zk.getData("/java/w", true, null);
      other.setData("/java/w", bytes("2"), -1);
      zk.events().expect(EventType.NodeDataChanged, "/java/w");
      other.setData("/java/w", bytes("3"), -1);
      zk.events().expectNothing(zk);
      zk.getData("/java/w", true, null);
      zk.getChildren("/java/w", true);
      other.delete("/java/w", -1);
      zk.events().expect(EventType.NodeDeleted, "/java/w");

      Session.Events removed = new Session.Events();
      zk.exists("/java/r", removed);
      zk.removeWatches("/java/r", removed, WatcherType.Data, false);
      removed.expect(EventType.DataWatchRemoved, "/java/r");
      other.create("/java/r", null, OPEN, CreateMode.PERSISTENT);
      removed.expectNothing(zk);
      Check.refused(KeeperException.NoWatcherException.class, "a watch is removed once",
          () -> zk.removeWatches("/java/r", removed, WatcherType.Data, false));
    }
  }

  private static void persistentWatches() throws Exception {
    Check.step("persistent watches stay");
    Session.Events one = new Session.Events(), tree = new Session.Events();
    create("/java/p", CreateMode.PERSISTENT);
    zk.addWatch("/java/p", one, AddWatchMode.PERSISTENT);
    zk.addWatch("/java/p", tree, AddWatchMode.PERSISTENT_RECURSIVE);
    for (int i = 0; i < 3; ++i) {
      zk.setData("/java/p", bytes("" + i), -1);
      one.expect(EventType.NodeDataChanged, "/java/p");
      tree.expect(EventType.NodeDataChanged, "/java/p");
    }
    create("/java/p/a", CreateMode.PERSISTENT);
    create("/java/p/a/b", CreateMode.PERSISTENT);
    zk.setData("/java/p/a/b", bytes("x"), -1);
    zk.delete("/java/p/a/b", -1);
    one.expect(EventType.NodeChildrenChanged, "/java/p");
    tree.expect(EventType.NodeCreated, "/java/p/a");
    tree.expect(EventType.NodeCreated, "/java/p/a/b");
    tree.expect(EventType.NodeDataChanged, "/java/p/a/b");
    tree.expect(EventType.NodeDeleted, "/java/p/a/b");
    one.expectNothing(zk);
    tree.expectNothing(zk);
    zk.removeAllWatches("/java/p", WatcherType.Any, false);
    one.expect(EventType.PersistentWatchRemoved, "/java/p");
    zk.setData("/java/p", bytes("unseen"), -1);
    one.expectNothing(zk);
  }

  private static void brokenConnection() throws Exception {
    Check.step("a session and its watches outlive a connection");
    Session.Events data = new Session.Events(), created = new Session.Events(), tree = new Session.Events(),
                   missed = new Session.Events();
    create("/java/b", CreateMode.PERSISTENT);
    zk.getData("/java/b", data, null);
    zk.exists("/java/b/later", created);
    zk.addWatch("/java/b", tree, AddWatchMode.PERSISTENT_RECURSIVE);
    zk.getChildren("/java/p", missed);
    long session = zk.getSessionId();
    zk.breakConnection();
    try (Session other = Session.open(server)) {
      other.create("/java/b/later", null, OPEN, CreateMode.PERSISTENT);
      other.setData("/java/b", bytes("2"), -1);
      other.delete("/java/p/a", -1);
    }
    Check.equal(zk.getSessionId(), session, "the session");
    Check.that(zk.exists("/java/e", false) != null, "its ephemerals stay");
    created.expect(EventType.NodeCreated, "/java/b/later");
    data.expect(EventType.NodeDataChanged, "/java/b");
    tree.expect(EventType.NodeCreated, "/java/b/later");
    tree.expect(EventType.NodeDataChanged, "/java/b");
    missed.expect(EventType.NodeChildrenChanged, "/java/p");
  }

  private static void sessions() throws Exception {
    Check.step("sessions");
    Session.Events gone = new Session.Events();
    Session other = Session.open(server);
    other.create("/java/short", null, OPEN, CreateMode.EPHEMERAL);
    zk.exists("/java/short", gone);

    ZooKeeper moved =
        new ZooKeeper(server, Session.TIMEOUT_MS, event -> {}, other.getSessionId(), other.getSessionPasswd());
    Check.eventually("the session moves", () -> moved.getState() == ZooKeeper.States.CONNECTED);
    Check.equal(moved.getEphemerals(), List.of("/java/short"), "what the moved session owns");
    moved.close();
    gone.expect(EventType.NodeDeleted, "/java/short");
    Check.equal(zk.exists("/java/short", false), null, "ephemerals go on close");
    Check.eventually("the other end of the session notices", () -> !other.getState().isAlive());

    ZooKeeper stranger = new ZooKeeper(server, Session.TIMEOUT_MS, event -> {}, 0x1234567890L, new byte[16]);
    Check.eventually("an unknown session is expired", () -> stranger.getState() == ZooKeeper.States.CLOSED);
  }

  private static void multi() throws Exception {
    Check.step("multi");
    List<OpResult> results = zk.multi(List.of(Op.create("/java/m", bytes("1"), OPEN, CreateMode.PERSISTENT),
        Op.create("/java/m/s-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL),
        Op.create("/java/m/c", null, OPEN, CreateMode.CONTAINER), Op.setData("/java/m", bytes("2"), 0),
        Op.check("/java/m", 1), Op.delete("/java/m/c", -1)));
    Check.equal(((OpResult.CreateResult) results.get(1)).getPath(), "/java/m/s-0000000000", "a sequential name");
    Check.equal(((OpResult.SetDataResult) results.get(3)).getStat().getVersion(), 1, "a version");
    List<Op> failing =
        List.of(Op.setData("/java/m", bytes("3"), -1), Op.check("/java/m", 77), Op.delete("/java/m", -1));
    KeeperException failed =
        Check.refused(KeeperException.BadVersionException.class, "a multi with a false check", () -> zk.multi(failing));
    List<Integer> errors = new ArrayList<>();
    for (OpResult r : failed.getResults()) errors.add(((OpResult.ErrorResult) r).getErr());
    Check.equal(errors,
        List.of(KeeperException.Code.OK.intValue(), KeeperException.Code.BADVERSION.intValue(),
            KeeperException.Code.RUNTIMEINCONSISTENCY.intValue()),
        "its results");
    Check.equal(get("/java/m"), "2", "a failed multi changes nothing");
    Transaction transaction = zk.transaction().setData("/java/m", bytes("4"), 1).delete("/java/m/s-0000000000", -1);
    Check.equal(transaction.commit().size(), 2, "results of a transaction");

    List<OpResult> read =
        zk.multi(List.of(Op.getData("/java/m"), Op.getChildren("/java/nothing"), Op.getChildren("/java/p")));
    Check.equal(new String(((OpResult.GetDataResult) read.get(0)).getData(), StandardCharsets.UTF_8), "4",
        "data of a multi that reads");
    Check.equal(
        ((OpResult.ErrorResult) read.get(1)).getErr(), KeeperException.Code.NONODE.intValue(), "an error among them");
    Check.equal(((OpResult.GetChildrenResult) read.get(2)).getChildren(), List.of(), "children after an error");
  }

  private static void acls() throws Exception {
    Check.step("ACLs");
    try (Session owner = Session.open(server)) {
      owner.addAuthInfo("digest", bytes("user:secret"));
      owner.create("/java/private", bytes("mine"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
      Check.that(
          owner.whoAmI().stream().anyMatch(i -> i.getAuthScheme().equals("digest") && i.getUser().startsWith("user")),
          "who I am");
      Check.refused(KeeperException.NoAuthException.class, "others may not read", () -> get("/java/private"));
      Stat stat = new Stat();
      Check.equal(owner.getACL("/java/private", stat).get(0).getId().getScheme(), "digest", "the ACL's scheme");
      owner.setACL(
          "/java/private", Collections.singletonList(new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE)), stat.getAversion());
      Check.equal(get("/java/private"), "mine", "after it was opened");
      Check.refused(
          KeeperException.NoAuthException.class, "reading is not writing", () -> zk.setData("/java/private", null, -1));
      List<ACL> unknown = Collections.singletonList(new ACL(Perms.ALL, new Id("telepathy", "user")));
      Check.refused(KeeperException.InvalidACLException.class, "schemes are checked",
          () -> owner.create("/java/bad", null, unknown, CreateMode.PERSISTENT));
    }
  }

  private static void pipeline() throws Exception {
    Check.step("many calls at once are answered in order");
    int count = 2000;
    CountDownLatch answered = new CountDownLatch(count);
    AtomicInteger next = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    create("/java/many", CreateMode.PERSISTENT);
    for (int i = 0; i < count; ++i)
      zk.create("/java/many/n-", null, OPEN, CreateMode.PERSISTENT_SEQUENTIAL, (rc, path, context, name) -> {
        if (rc != 0 || !name.equals(String.format("/java/many/n-%010d", next.getAndIncrement())))
          wrong.incrementAndGet();
        answered.countDown();
      }, null);
    Check.that(answered.await(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "all are answered");
    Check.equal(wrong.get(), 0, "answers out of order");
    Check.equal(zk.getChildren("/java/many", false).size(), count, "nodes");
  }
}
