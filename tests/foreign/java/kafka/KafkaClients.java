import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.common.utils.AppInfoParser;

/** The clients of Apache Kafka itself: producer, consumer, groups, Admin. Arguments: the address of Kafka. */
final class KafkaClients {
  static String server;

  private KafkaClients() {}

  static Properties settings(Map<String, Object> more) {
    Properties all = new Properties();
    all.put("bootstrap.servers", server);
    all.putAll(more);
    return all;
  }

  public static void main(String[] arguments) {
    server = arguments[0];
    Check.program(() -> {
      Check.step("kafka-clients " + AppInfoParser.getVersion());
      try (Admin admin = Admin.create(settings(Map.of()))) {
        Records.everyAcksAndCompression(admin);
        Records.idempotent();
        Records.limits(admin);
        Records.seek(admin);
        Groups.share(admin, RangeAssignor.class);
        Groups.share(admin, CooperativeStickyAssignor.class);
        Groups.staticMembers(admin);
        Administration.topics(admin);
        Administration.configs(admin);
        Administration.records(admin);
        Administration.cluster(admin);
      }
    });
  }
}
