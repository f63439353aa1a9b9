import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;

/** Consumer groups: members share partitions, commit, and others go on from there. */
final class Groups {
  private Groups() {}

  /** A consumer of a group and what it was given. */
  private static final class Member implements AutoCloseable {
    final KafkaConsumer<String, String> consumer;
    final List<String> seen = new ArrayList<>();

    Member(String group, String topic, Map<String, Object> more) {
      Map<String, Object> settings = new HashMap<>(more);
      settings.putAll(Map.of("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", false,
          "heartbeat.interval.ms", 500));
      consumer = Records.consumer(settings);
      consumer.subscribe(List.of(topic));
    }

    int poll() {
      for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(50))) seen.add(r.value());
      return consumer.assignment().size();
    }

    @Override
    public void close() {
      consumer.close();
    }
  }

  private static void spread(String topic, List<String> values) throws Exception {
    try (KafkaProducer<String, String> producer = Records.producer(Map.of())) {
      for (int i = 0; i < values.size(); ++i) producer.send(new ProducerRecord<>(topic, i % 4, null, values.get(i)));
    }
  }

  private static ConsumerGroupDescription describe(Admin admin, String group) throws Exception {
    return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
  }

  private static Map<Integer, Long> committed(Admin admin, String group) throws Exception {
    Map<Integer, Long> offsets = new TreeMap<>();
    admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach(
        (p, o) -> offsets.put(p.partition(), o.offset()));
    return offsets;
  }

  static void share(Admin admin, Class<? extends ConsumerPartitionAssignor> assignor) throws Exception {
    String group = assignor.getSimpleName(), topic = "java-" + group;
    Check.step("group, " + group);
    Records.create(admin, topic, 4);
    Map<String, Object> settings = Map.of("partition.assignment.strategy", assignor.getName());
    Set<TopicPartition> all = Stream.of(0, 1, 2, 3).map(p -> new TopicPartition(topic, p)).collect(Collectors.toSet());
    try (Member a = new Member(group, topic, settings); Member b = new Member(group, topic, settings)) {
      Check.eventually("one member has all partitions", () -> a.poll() == 4);
      Check.eventually(
          "two members have two each", () -> a.poll() + b.poll() == 4 && b.consumer.assignment().size() == 2);
      ConsumerGroupDescription described = describe(admin, group);
      Check.equal(described.state().toString(), "Stable", "the group's state");
      Check.equal(described.partitionAssignor(), assignor.getName().contains("Range") ? "range" : "cooperative-sticky",
          "assignor");
      Check.equal(described.members()
                      .stream()
                      .flatMap(m -> m.assignment().topicPartitions().stream())
                      .collect(Collectors.toSet()),
          all, "the assignment, as told");
      Check.refused(GroupNotEmptyException.class, "a group with members stays",
          () -> admin.deleteConsumerGroups(List.of(group)).all().get());

      List<String> sent = Records.numbers(100, 140);
      spread(topic, sent);
      Check.eventually("all records come", () -> {
        a.poll();
        b.poll();
        return a.seen.size() + b.seen.size() >= 40;
      });
      Check.equal(Stream.concat(a.seen.stream(), b.seen.stream()).sorted().collect(Collectors.toList()), sent,
          "each record once");
      a.consumer.commitSync();
      b.consumer.commitSync();
      TopicPartition mine = a.consumer.assignment().iterator().next();
      a.consumer.commitSync(Map.of(mine, new OffsetAndMetadata(10, "said by java")));
      Check.equal(a.consumer.committed(Set.of(mine)).get(mine).metadata(), "said by java", "metadata of an offset");
    }
    Check.equal(committed(admin, group), Map.of(0, 10L, 1, 10L, 2, 10L, 3, 10L), "committed");

    spread(topic, List.of("x0", "x1", "x2", "x3"));
    try (Member c = new Member(group, topic, settings)) {
      Check.eventually("a third member resumes", () -> {
        c.poll();
        return c.seen.size() >= 4;
      });
      Check.equal(c.seen.stream().sorted().collect(Collectors.toList()), List.of("x0", "x1", "x2", "x3"),
          "what the third sees");
      Check.equal(c.consumer.committed(all).size(), 4, "committed as the third sees it");
    }

    TopicPartition first = new TopicPartition(topic, 0);
    admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(3))).all().get();
    Check.equal(committed(admin, group).get(0), 3L, "an altered offset");
    admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get();
    Check.equal(committed(admin, group).keySet(), Set.of(1, 2, 3), "after one offset was deleted");
    Check.that(
        admin.listConsumerGroups().all().get().stream().map(ConsumerGroupListing::groupId).anyMatch(group::equals),
        "the group is listed");
    admin.deleteConsumerGroups(List.of(group)).all().get();
    Check.refused(GroupIdNotFoundException.class, "a group is deleted once",
        () -> admin.deleteConsumerGroups(List.of(group)).all().get());
  }

  static void staticMembers(Admin admin) throws Exception {
    Check.step("static members");
    Records.create(admin, "java-static", 4);
    String group = "java-statics";
    Map<String, Object> one = Map.of("group.instance.id", "one"), two = Map.of("group.instance.id", "two");
    try (Member b = new Member(group, "java-static", two)) {
      Set<TopicPartition> before;
      int generation;
      try (Member a = new Member(group, "java-static", one)) {
        Check.eventually("two members have two each", () -> a.poll() == 2 & b.poll() == 2);
        before = a.consumer.assignment();
        generation = a.consumer.groupMetadata().generationId();
      }
      try (Member again = new Member(group, "java-static", one)) { // it did not leave: the id is its own still
        Check.eventually("it has partitions again", () -> {
          b.poll();
          return again.poll() == 2;
        });
        Check.equal(again.consumer.assignment(), before, "the same partitions");
        Check.equal(again.consumer.groupMetadata().generationId(), generation, "no rebalance");
        try (Member thief = new Member(group, "java-static", one)) {
          Check.eventually("another with its id has its partitions", () -> {
            b.poll();
            return thief.poll() == 2;
          });
          Check.refused(FencedInstanceIdException.class, "the one before is fenced",
              () -> Check.eventually("fenced", () -> again.poll() < 0));
        }
      }
    }
    Check.equal(describe(admin, group).members().size(), 2, "static members stay until they time out");
    admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions()).all().get();
    Check.equal(describe(admin, group).members().size(), 0, "unless they are removed");
  }
}
