import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** What Admin does to topics, configs and records, and what it tells of the cluster. */
final class Administration {
  private Administration() {}

  private static TopicDescription describe(Admin admin, String topic) throws Exception {
    return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
  }

  /** Creates topics; what says that one is there already, if it is. */
  private static TopicExistsException taken(Admin admin, List<NewTopic> wanted) throws Exception {
    try {
      admin.createTopics(wanted).all().get();
      return null;
    } catch (ExecutionException refused) {
      if (refused.getCause() instanceof TopicExistsException exists) return exists;
      throw refused;
    }
  }

  static void topics(Admin admin) throws Exception {
    Check.step("topics");
    List<NewTopic> wanted = List.of(
        new NewTopic("java-admin", Optional.of(2), Optional.empty()).configs(Map.of("retention.ms", "3600000")));
    admin.createTopics(wanted, new CreateTopicsOptions().validateOnly(true)).all().get();
    Check.that(!admin.listTopics().names().get().contains("java-admin"), "validating creates nothing");
    CreateTopicsResult created = admin.createTopics(wanted);
    Uuid id = created.topicId("java-admin").get();
    Check.equal(created.numPartitions("java-admin").get(), 2, "partitions in the answer");
    Check.equal(created.replicationFactor("java-admin").get(), 1, "replicas in the answer");
    Check.equal(created.config("java-admin").get().get("retention.ms").value(), "3600000", "config in the answer");
    Check.that(admin.listTopics().names().get().contains("java-admin"), "the topic is listed");
    Check.refused(TopicExistsException.class, "a topic is created once", () -> admin.createTopics(wanted).all().get());
    Check.refused(InvalidTopicException.class, "names are checked",
        () -> admin.createTopics(List.of(new NewTopic("no/such", 1, (short) 1))).all().get());
    Check.refused(InvalidReplicationFactorException.class, "one broker holds no three replicas",
        () -> admin.createTopics(List.of(new NewTopic("java-three", 1, (short) 3))).all().get());
    NewTopic misconfigured = new NewTopic("java-bad", 1, (short) 1).configs(Map.of("retention.ms", "soon"));
    Check.refused(InvalidConfigurationException.class, "configs are checked",
        () -> admin.createTopics(List.of(misconfigured)).all().get());

    TopicDescription described = describe(admin, "java-admin");
    Check.equal(described.topicId(), id, "the topic's id");
    Check.equal(described.partitions().size(), 2, "partitions");
    Check.equal(described.partitions().get(1).isr().size(), 1, "in-sync replicas");
    Map<Uuid, TopicDescription> byId =
        admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get();
    Check.equal(byId.get(id).name(), "java-admin", "the topic by its id");
    Check.refused(UnknownTopicOrPartitionException.class, "what is not there is not described",
        () -> describe(admin, "java-nothing"));

    int broker = described.partitions().get(0).leader().id();
    admin.createTopics(List.of(new NewTopic("java-placed", Map.of(0, List.of(broker), 1, List.of(broker)))))
        .all()
        .get();
    Check.equal(
        describe(admin, "java-placed").partitions().size(), 2, "partitions of a topic whose replicas are given");

    admin.createPartitions(Map.of("java-admin", NewPartitions.increaseTo(5))).all().get();
    Check.equal(describe(admin, "java-admin").partitions().size(), 5, "more partitions");
    Check.refused(InvalidPartitionsException.class, "fewer partitions are refused",
        () -> admin.createPartitions(Map.of("java-admin", NewPartitions.increaseTo(3))).all().get());

    admin.deleteTopics(List.of("java-admin")).all().get();
    Check.that(!admin.listTopics().names().get().contains("java-admin"), "a deleted topic is gone");
    Check.refused(UnknownTopicOrPartitionException.class, "a topic is deleted once",
        () -> admin.deleteTopics(List.of("java-admin")).all().get());
    Check.eventually(
        "the name is free again", () -> taken(admin, wanted) == null); // Kafka deletes after it has answered
    Check.eventually(
        "a topic of the same name is there", () -> admin.listTopics().names().get().contains("java-admin"));
    Uuid second = describe(admin, "java-admin").topicId();
    Check.that(!second.equals(id), "it is another");
    admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all().get();
    Check.that(!admin.listTopics().names().get().contains("java-admin"), "it is deleted by its id");
  }

  private static void alter(Admin admin, ConfigResource resource, AlterConfigOp... operations) throws Exception {
    admin.incrementalAlterConfigs(Map.<ConfigResource, Collection<AlterConfigOp>>of(resource, List.of(operations)))
        .all()
        .get();
  }

  private static AlterConfigOp operation(OpType type, String name, String value) {
    return new AlterConfigOp(new ConfigEntry(name, value), type);
  }

  private static Config configs(Admin admin, ConfigResource resource) throws Exception {
    return admin.describeConfigs(List.of(resource)).all().get().get(resource);
  }

  static void configs(Admin admin) throws Exception {
    Check.step("configs");
    Records.create(admin, "java-configs", 1);
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "java-configs");
    Check.equal(configs(admin, topic).get("cleanup.policy").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG,
        "source of a default");
    alter(admin, topic, operation(OpType.APPEND, "cleanup.policy", "compact"),
        operation(OpType.SET, "retention.ms", "3600000"));
    Check.equal(configs(admin, topic).get("cleanup.policy").value(), "delete,compact", "appended");
    Check.equal(configs(admin, topic).get("retention.ms").value(), "3600000", "set");
    Check.equal(configs(admin, topic).get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG,
        "source of what is set");
    alter(admin, topic, operation(OpType.SUBTRACT, "cleanup.policy", "delete"),
        operation(OpType.DELETE, "retention.ms", ""));
    Check.equal(configs(admin, topic).get("cleanup.policy").value(), "compact", "subtracted");
    Check.equal(configs(admin, topic).get("retention.ms").value(), "604800000", "deleted");
    Check.refused(InvalidConfigurationException.class, "values are checked",
        () -> alter(admin, topic, operation(OpType.SET, "retention.ms", "soon")));
    Check.refused(InvalidConfigurationException.class, "names are checked",
        () -> alter(admin, topic, operation(OpType.SET, "no.such", "1")));

    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    Config all = configs(admin, broker);
    Check.that(all.entries().size() > 50 && all.get("log.segment.bytes").value().equals("1073741824"),
        "the broker tells its configs");
    Check.that(
        all.get("log.dirs").isReadOnly() && !all.get("log.retention.ms").isReadOnly(), "it tells which can be altered");
    ConfigResource everyBroker = new ConfigResource(ConfigResource.Type.BROKER, "");
    alter(admin, everyBroker, operation(OpType.SET, "log.retention.ms", "7200000"));
    Check.eventually(
        "a topic has what every broker has", () -> configs(admin, topic).get("retention.ms").value().equals("7200000"));
    Check.equal(configs(admin, topic).get("retention.ms").source(),
        ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, "and says so");
    alter(admin, everyBroker, operation(OpType.DELETE, "log.retention.ms", ""));
    Check.eventually(
        "until that is deleted", () -> configs(admin, topic).get("retention.ms").value().equals("604800000"));
  }

  static void records(Admin admin) throws Exception {
    Check.step("records and offsets");
    Records.create(admin, "java-records", 1);
    TopicPartition partition = new TopicPartition("java-records", 0);
    try (KafkaProducer<String, String> producer = Records.producer(Map.of())) {
      for (int i = 0; i < 10; ++i)
        producer.send(new ProducerRecord<>("java-records", 0, Records.FIRST_TIME + i * 1000, null, "" + i));
    }
    Check.equal(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)))
                    .lowWatermarks()
                    .get(partition)
                    .get()
                    .lowWatermark(),
        4L, "low watermark");
    Check.equal(Records.fromStart("java-records", 6, Map.of()).get(0).value(), "4", "the first record left");
    Check.equal(offset(admin, partition, OffsetSpec.earliest()), 4L, "earliest");
    Check.equal(offset(admin, partition, OffsetSpec.latest()), 10L, "latest");
    Check.equal(offset(admin, partition, OffsetSpec.forTimestamp(Records.FIRST_TIME + 6500)), 7L, "after a time");
    Check.equal(offset(admin, partition, OffsetSpec.maxTimestamp()), 9L, "the latest time");
    Check.refused(OffsetOutOfRangeException.class, "nothing is deleted beyond the end",
        () -> admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(11))).all().get());
    admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1))).all().get();
    Check.equal(offset(admin, partition, OffsetSpec.earliest()), 10L, "all deleted");
  }

  private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
    return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
  }

  static void cluster(Admin admin) throws Exception {
    Check.step("the cluster");
    DescribeClusterResult cluster = admin.describeCluster();
    Check.equal(cluster.nodes().get().size(), 1, "brokers");
    int broker = cluster.controller().get().id();
    Check.that(!cluster.clusterId().get().isEmpty(), "the cluster has an id");
    KafkaFuture<?> logs = admin.describeLogDirs(List.of(broker))
                              .allDescriptions()
                              .thenApply(all
                                  -> all.get(broker).values().iterator().next().replicaInfos().keySet().contains(
                                      new TopicPartition("java-once", 0)));
    Check.equal(logs.get(), true, "the log directory holds java-once");
    TopicPartition once = new TopicPartition("java-once", 0);
    Check.equal(admin.describeProducers(Set.of(once)).partitionResult(once).get().activeProducers().size(), 1,
        "producers of java-once");
  }
}
