import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** zkCli.sh: commands in, what it prints out. Arguments: the addresses of Kafka (unused) and of ZooKeeper. */
final class ZkCli {
  private ZkCli() {}

  private static String run(String server, List<String> commands) throws Exception {
    String java = System.getProperty("java.home") + File.separator + "bin" + File.separator + "java";
    Process cli = new ProcessBuilder(java, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
        System.getProperty("java.class.path"), "org.apache.zookeeper.ZooKeeperMain", "-server", server,
        "-waitforconnection")
                      .redirectErrorStream(true)
                      .start();
    cli.getOutputStream().write((String.join("\n", commands) + "\nquit\n").getBytes(StandardCharsets.UTF_8));
    cli.getOutputStream().close();
    String output = new String(cli.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Check.that(cli.waitFor(Check.PATIENCE.toSeconds(), TimeUnit.SECONDS), "zkCli ends");
    return output;
  }

  /** The command prints this, as lines of its own, after what was found before. */
  private static final class Reader {
    final String output;
    int at;

    Reader(String output) {
      this.output = output;
    }

    void expect(String pattern) {
      var matcher = Pattern.compile("^" + pattern + "$", Pattern.MULTILINE).matcher(output);
      Check.that(matcher.find(at), "zkCli prints " + pattern + " next in:\n" + output);
      at = matcher.end();
    }
  }

  public static void main(String[] arguments) {
    Check.program(() -> {
      Reader printed = new Reader(run(arguments[1],
          List.of("create /cli hello", "get /cli", "set /cli world", "get -s /cli", "stat /cli", "create -s /cli/s- 1",
              "create -s /cli/s- 2", "create -e /cli/e", "create -c /cli/c", "create -t 3600000 /cli/t", "ls /cli",
              "ls -R /cli", "getAllChildrenNumber /cli", "getEphemerals /cli", "set -v 7 /cli late", "get /none",
              "delete /cli", "delete /cli/s-0000000000", "create /cli again", "getAcl /cli",
              "addauth digest user:secret", "create /cli/private x auth::cdrwa", "getAcl /cli/private", "whoami",
              "setquota -n 100 /cli", "listquota /cli", "sync /cli", "deleteall /cli", "stat /cli", "ls /brokers",
              "get /controller", "config", "version")));
      printed.expect("Created /cli");
      printed.expect("hello");
      printed.expect("world");
      printed.expect("cZxid = 0x[0-9a-f]+");
      printed.expect("dataVersion = 1");
      printed.expect("numChildren = 0");
      printed.expect("cZxid = 0x[0-9a-f]+");
      printed.expect("Created /cli/s-0000000000");
      printed.expect("Created /cli/s-0000000001");
      printed.expect("Created /cli/e");
      printed.expect("Created /cli/c");
      printed.expect("Created /cli/t");
      printed.expect("\\[c, e, s-0000000000, s-0000000001, t\\]");
      for (String node : List.of("", "/c", "/e", "/s-0000000000", "/s-0000000001", "/t")) printed.expect("/cli" + node);
      printed.expect("5");
      printed.expect("\\[/cli/e\\]");
      printed.expect("version No is not valid : /cli");
      printed.expect("Node does not exist: /none");
      printed.expect("Node not empty: /cli");
      printed.expect("Node already exists: /cli");
      printed.expect("'world,'anyone");
      printed.expect(": cdrwa");
      printed.expect("Created /cli/private");
      printed.expect("'digest,'user:.*");
      printed.expect("digest: user");
      printed.expect("Output quota for /cli count=100,.*");
      printed.expect("Output stat for /cli count=6,.*");
      printed.expect("Sync is OK");
      printed.expect("Node does not exist: /cli");
      printed.expect("\\[.*ids, .*topics\\]");
      printed.expect("\\{\"version\":\\d,\"brokerid\":\\d,.*\\}");
      String[] servers = arguments[1].split(",");
      for (int i = 0; servers.length > 1 && i < servers.length; ++i)
        printed.expect("server\\." + (i + 1) + "=.*:participant;" + servers[i]);
      printed.expect("ZooKeeper CLI version: 3\\.9.*");
    });
  }
}
