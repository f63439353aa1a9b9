import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.server.quorum.QuorumPeer.QuorumServer;

/**
 * Curator's EnsembleTracker: a client that was told of one server learns of all, outlives the one, and follows what
 * reconfig changes. Arguments: the addresses of Kafka (unused) and of ZooKeeper; HOLDFAST_SERVERS: the process ids.
 */
final class CuratorEnsemble {
  private static CuratorFramework curator;

  private CuratorEnsemble() {}

  public static void main(String[] arguments) {
    String[] servers = arguments[1].split(","), processes = System.getenv("HOLDFAST_SERVERS").split(" ");
    Check.program(() -> {
      curator = CuratorFrameworkFactory.builder()
                    .connectString(servers[0])
                    .sessionTimeoutMs(15_000)
                    .authorization("digest", "super:secret".getBytes(StandardCharsets.UTF_8))
                    .retryPolicy(new RetryNTimes(300, 200))
                    .build();
      curator.start();
      Check.that(curator.blockUntilConnected((int) Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "Curator connects");
      learnsOfAll(servers);
      outlivesItsServer(ProcessHandle.of(Long.parseLong(processes[0])).orElseThrow());
      followsReconfig(servers);
      curator.close();
    });
  }

  private static Set<String> known() {
    return new TreeSet<>(Set.of(curator.getZookeeperClient().getCurrentConnectionString().split(",")));
  }

  private static void learnsOfAll(String[] servers) throws Exception {
    Check.step("one server is known, and tells of the others");
    Check.eventually("the tracker has all", () -> known().equals(new TreeSet<>(Set.of(servers))));
    Check.equal(curator.getCurrentConfig().getVotingMembers().keySet(), Set.of(1L, 2L, 3L), "voting members");
  }

  private static void outlivesItsServer(ProcessHandle first) throws Exception {
    Check.step("that server is killed");
    long session = curator.getZookeeperClient().getZooKeeper().getSessionId();
    curator.create().withMode(CreateMode.EPHEMERAL).forPath("/held", new byte[0]);
    Check.that(first.destroyForcibly(), "the server is killed");
    first.onExit().get(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS);
    Check.equal(curator.setData().forPath("/held", new byte[] {1}).getVersion(), 1, "a write through another server");
    Check.equal(curator.getZookeeperClient().getZooKeeper().getSessionId(), session, "the session");
    Check.equal(curator.checkExists().forPath("/held").getEphemeralOwner(), session, "the ephemeral's owner");
  }

  private static void followsReconfig(String[] servers) throws Exception {
    Check.step("it is removed from the ensemble, and added again");
    QuorumServer gone = curator.getCurrentConfig().getAllMembers().get(1L);
    long before = curator.getCurrentConfig().getVersion();
    Check.refused(KeeperException.BadVersionException.class, "a change of a configuration that is no more",
        () -> curator.reconfig().leaving("1").fromConfig(before + 1).forEnsemble());
    byte[] after = curator.reconfig().leaving("1").fromConfig(before).forEnsemble();
    Check.that(!new String(after, StandardCharsets.UTF_8).contains("server.1="), "the answer has what is left");
    Check.eventually("the tracker forgets it", () -> known().equals(new TreeSet<>(Set.of(servers[1], servers[2]))));
    Check.that(curator.getCurrentConfig().getVersion() > before, "a newer version");
    curator.reconfig().joining(gone.toString().startsWith("server.") ? gone.toString() : "server.1=" + gone).forEnsemble();
    Check.eventually("the tracker has it again", () -> known().equals(new TreeSet<>(Set.of(servers))));
  }
}
