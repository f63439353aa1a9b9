import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Producing and consuming without a group. */
final class Records {
  static final long FIRST_TIME = 1_700_000_000_000L; // of record 0 where records have times: one a second

  private Records() {}

  static KafkaProducer<String, String> producer(Map<String, Object> settings) {
    return new KafkaProducer<>(KafkaClients.settings(settings), new StringSerializer(), new StringSerializer());
  }

  static KafkaConsumer<String, String> consumer(Map<String, Object> settings) {
    return new KafkaConsumer<>(KafkaClients.settings(settings), new StringDeserializer(), new StringDeserializer());
  }

  static void create(Admin admin, String topic, int partitions) throws Exception {
    admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
  }

  /** Polls until there are so many records. */
  static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) throws Exception {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    Check.eventually(count + " records", () -> {
      consumer.poll(Duration.ofMillis(200)).forEach(records::add);
      return records.size() >= count;
    });
    return records;
  }

  static List<ConsumerRecord<String, String>> fromStart(String topic, int count, Map<String, Object> settings)
      throws Exception {
    try (KafkaConsumer<String, String> consumer = consumer(settings)) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      return take(consumer, count);
    }
  }

  static List<String> values(List<ConsumerRecord<String, String>> records) {
    return records.stream().map(ConsumerRecord::value).collect(Collectors.toList());
  }

  static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(Integer::toString).collect(Collectors.toList());
  }

  private static String show(String key, String value, Iterable<Header> headers) {
    StringBuilder text = new StringBuilder(key + "=" + value);
    for (Header h : headers) {
      String content = h.value() == null ? "null" : "'" + new String(h.value(), StandardCharsets.UTF_8) + "'";
      text.append(' ').append(h.key()).append(':').append(content);
    }
    return text.toString();
  }

  private static List<ProducerRecord<String, String>> samples(String topic) {
    ProducerRecord<String, String> withHeaders = new ProducerRecord<>(topic, 0, "headers", "x".repeat(10_000));
    withHeaders.headers().add("a", "1".getBytes(StandardCharsets.UTF_8)).add("a", "2".getBytes(StandardCharsets.UTF_8));
    withHeaders.headers().add("empty", new byte[0]).add("null", null);
    return List.of(new ProducerRecord<>(topic, 0, "key", "value"), new ProducerRecord<>(topic, 0, null, "no key"),
        new ProducerRecord<>(topic, 0, "no value", null), new ProducerRecord<>(topic, 0, "", ""), withHeaders);
  }

  static void everyAcksAndCompression(Admin admin) throws Exception {
    Check.step("every acks and compression");
    for (String acks : List.of("0", "1", "all", "idempotent"))
      for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
        String topic = "java-" + acks + "-" + codec;
        create(admin, topic, 1);
        boolean idempotent = acks.equals("idempotent");
        List<ProducerRecord<String, String>> sent = samples(topic);
        List<Future<RecordMetadata>> answers = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(Map.of("acks", idempotent ? "all" : acks,
                 "enable.idempotence", idempotent, "compression.type", codec, "linger.ms", 50))) {
          for (ProducerRecord<String, String> r : sent) answers.add(producer.send(r));
        }
        for (int i = 0; i < sent.size(); ++i)
          Check.equal(answers.get(i).get().offset(), acks.equals("0") ? -1L : i, "offset answered in " + topic);
        List<ConsumerRecord<String, String>> got =
            fromStart(topic, sent.size(), Map.of("isolation.level", "read_committed"));
        for (int i = 0; i < sent.size(); ++i) {
          ConsumerRecord<String, String> g = got.get(i);
          ProducerRecord<String, String> s = sent.get(i);
          Check.equal(g.offset(), (long) i, "offset in " + topic);
          Check.equal(show(g.key(), g.value(), g.headers()), show(s.key(), s.value(), s.headers()), topic);
        }
      }
  }

  static void idempotent() throws Exception {
    Check.step("an idempotent producer keeps the order, in a topic that is created for it");
    try (KafkaProducer<String, String> producer =
             producer(Map.of("max.in.flight.requests.per.connection", 5, "batch.size", 200, "linger.ms", 1))) {
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      for (String n : numbers(0, 2000)) answers.add(producer.send(new ProducerRecord<>("java-once", 0, null, n)));
      producer.flush();
      for (int i = 0; i < answers.size(); ++i) Check.equal(answers.get(i).get().offset(), (long) i, "offset answered");
    }
    Check.equal(values(fromStart("java-once", 2000, Map.of())), numbers(0, 2000), "records once and in order");
  }

  static void limits(Admin admin) throws Exception {
    Check.step("limits");
    admin.createTopics(List.of(new NewTopic("java-small", 1, (short) 1).configs(Map.of("max.message.bytes", "2000"))))
        .all()
        .get();
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      Check.refused(RecordTooLargeException.class, "max.message.bytes holds",
          () -> producer.send(new ProducerRecord<>("java-small", "x".repeat(5000))).get());
      Check.equal(
          producer.send(new ProducerRecord<>("java-small", "x".repeat(500))).get().offset(), 0L, "a small one goes");
    }
    create(admin, "java-large", 1);
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      for (int i = 0; i < 3; ++i) producer.send(new ProducerRecord<>("java-large", 0, null, "x".repeat(900_000)));
    }
    List<ConsumerRecord<String, String>> got =
        fromStart("java-large", 3, Map.of("max.partition.fetch.bytes", 1000, "fetch.max.bytes", 1000));
    Check.equal(got.size(), 3, "records larger than a fetch come one by one");
  }

  static void seek(Admin admin) throws Exception {
    Check.step("seek by offset and time");
    create(admin, "java-times", 1);
    TopicPartition partition = new TopicPartition("java-times", 0);
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      for (int i = 0; i < 10; ++i) {
        RecordMetadata answer =
            producer.send(new ProducerRecord<>("java-times", 0, FIRST_TIME + i * 1000, null, "" + i)).get();
        Check.equal(answer.timestamp(), FIRST_TIME + i * 1000, "time answered");
      }
      Check.equal(producer.partitionsFor("java-times").size(), 1, "partitions");
    }
    try (KafkaConsumer<String, String> consumer =
             consumer(Map.of("auto.offset.reset", "none", "group.id", "java-seekers"))) {
      consumer.assign(List.of(partition));
      Check.refused(NoOffsetForPartitionException.class, "there is no position yet", () -> take(consumer, 1));
      consumer.seek(partition, 7);
      Check.equal(values(take(consumer, 3)), List.of("7", "8", "9"), "at offset 7");
      Check.equal(consumer.position(partition), 10L, "position");
      consumer.seekToEnd(List.of(partition));
      Check.equal(consumer.position(partition), 10L, "end");
      Check.equal(consumer.beginningOffsets(List.of(partition)), Map.of(partition, 0L), "beginning");
      Check.equal(consumer.endOffsets(List.of(partition)), Map.of(partition, 10L), "end");
      var byTime = consumer.offsetsForTimes(Map.of(partition, FIRST_TIME + 4500)).get(partition);
      Check.equal(byTime.offset(), 5L, "offset after a time");
      Check.equal(byTime.timestamp(), FIRST_TIME + 5000, "its time");
      Check.equal(
          consumer.offsetsForTimes(Map.of(partition, FIRST_TIME + 99_000)).get(partition), null, "after every time");
      consumer.seek(partition, byTime.offset());
      Check.equal(values(take(consumer, 5)).get(0), "5", "at that time");
      consumer.seekToBeginning(List.of(partition));
      consumer.pause(List.of(partition));
      Check.that(consumer.poll(Duration.ofMillis(300)).isEmpty(), "a paused partition gives nothing");
      consumer.resume(List.of(partition));
      Check.equal(take(consumer, 10).size(), 10, "a resumed one does");
      Check.equal(consumer.listTopics().get("java-times").size(), 1, "the topic is listed");
    }
  }
}
