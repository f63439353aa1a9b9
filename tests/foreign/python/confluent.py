"""confluent-kafka (a current librdkafka). Arguments: the address of Kafka."""

import sys
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

SERVER = sys.argv[1]
PATIENCE = 60
FIRST_TIME = 1_700_000_000_000  # of record 0 where records have times: one a second
BEGAN = time.monotonic()

admin = AdminClient({'bootstrap.servers': SERVER})


def step(name):
    print(f'-- {time.monotonic() - BEGAN:5.1f} s {name}', flush=True)


def equal(got, want, what):
    assert got == want, f'{what}: got {got!r}, want {want!r}'


def eventually(claim, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f'in time: {claim}'


def refused(error, claim, call):
    try:
        call()
    except KafkaException as e:
        return equal(e.args[0].name(), error, claim)
    raise AssertionError(f'{claim}: not refused')


def done(futures):
    """The results of an admin call, once they are there."""
    return [f.result(PATIENCE) for f in futures.values()]


def create(topic, partitions=1, **config):
    done(
        admin.create_topics(
            [NewTopic(topic, partitions, 1, config={k.replace('_', '.'): v for k, v in config.items()})]
        )
    )


def producer(**settings):
    return Producer({'bootstrap.servers': SERVER, **{k.replace('_', '.'): v for k, v in settings.items()}})


def produce(p, messages):
    """Their offsets, as they are reported."""
    offsets = []

    def report(error, message):
        assert error is None, f'delivery: {error}'
        offsets.append(message.offset())

    for m in messages:
        p.produce(on_delivery=report, **m)
        p.poll(0)
    equal(p.flush(PATIENCE), 0, 'messages not delivered')
    return offsets


def consumer(group, **settings):
    more = {k.replace('_', '.'): v for k, v in settings.items()}
    return Consumer(
        {
            'bootstrap.servers': SERVER,
            'group.id': group,
            'auto.offset.reset': 'earliest',
            'enable.auto.commit': False,
            'heartbeat.interval.ms': 500,
            'session.timeout.ms': 10_000,
            **more,
        }
    )


def take(c, count):
    messages = []

    def enough():
        m = c.poll(0.2)
        if m is not None:
            assert m.error() is None, f'consuming: {m.error()}'
            messages.append(m)
        return len(messages) >= count

    eventually(f'{count} messages', enough)
    return messages


def consume(topic, count, offset=0):
    c = consumer('reader')
    c.assign([TopicPartition(topic, 0, offset)])
    messages = take(c, count)
    c.close()
    return messages


def every_acks_and_compression():
    step('every acks and compression')
    for acks, idempotent in ((0, False), (1, False), (-1, False), (-1, True)):
        for codec in ('none', 'gzip', 'snappy', 'lz4', 'zstd'):
            topic = f'py-{acks}-{idempotent}-{codec}'
            create(topic)
            headers = [('a', b'1'), ('a', b'2'), ('empty', b''), ('null', None)]
            sent = [
                (b'key', b'value', None),
                (None, b'no key', None),
                (b'no value', None, None),
                (b'', b'', None),
                (b'headers', b'x' * 10_000, headers),
            ]
            p = producer(acks=acks, enable_idempotence=idempotent, compression_type=codec, linger_ms=50)
            offsets = produce(p, [{'topic': topic, 'key': k, 'value': v, 'headers': h} for k, v, h in sent])
            if acks:
                equal(offsets, [0, 1, 2, 3, 4], f'offsets answered in {topic}')
            got = consume(topic, 5)
            equal([(m.key(), m.value(), m.headers()) for m in got], sent, topic)
            equal([m.offset() for m in got], [0, 1, 2, 3, 4], f'offsets in {topic}')


def idempotent():
    step('an idempotent producer keeps the order, in a topic that is created for it')
    p = producer(enable_idempotence=True, max_in_flight=5, batch_num_messages=10)
    equal(
        produce(p, [{'topic': 'py-once', 'value': str(i)} for i in range(2000)]), list(range(2000)), 'offsets answered'
    )
    equal([int(m.value()) for m in consume('py-once', 2000)], list(range(2000)), 'records once and in order')


def seek():
    step('seek by offset and time')
    create('py-times')
    produce(producer(), [{'topic': 'py-times', 'value': str(i), 'timestamp': FIRST_TIME + i * 1000} for i in range(10)])
    equal(consume('py-times', 3, 7)[0].value(), b'7', 'at offset 7')
    c = consumer('seekers')
    equal(c.get_watermark_offsets(TopicPartition('py-times', 0)), (0, 10), 'watermarks')
    [by_time] = c.offsets_for_times([TopicPartition('py-times', 0, FIRST_TIME + 4500)])
    equal(by_time.offset, 5, 'after a time')
    c.assign([TopicPartition('py-times', 0, 0)])
    take(c, 10)
    c.seek(by_time)
    message = take(c, 5)[0]
    equal((message.value(), message.timestamp()[1]), (b'5', FIRST_TIME + 5000), 'at that time')
    c.close()

    def listed(spec):
        return done(
            admin.list_offsets({TopicPartition('py-times', 0): spec}, isolation_level=IsolationLevel.READ_COMMITTED)
        )[0].offset

    equal(
        [
            listed(s)
            for s in (
                OffsetSpec.earliest(),
                OffsetSpec.latest(),
                OffsetSpec.max_timestamp(),
                OffsetSpec.for_timestamp(FIRST_TIME + 1),
            )
        ],
        [0, 10, 9, 1],
        'listed offsets',
    )


class Member:
    """A consumer of a group and what it was given."""

    def __init__(self, group, topic, assignor):
        self.consumer = consumer(group, partition_assignment_strategy=assignor)
        self.consumer.subscribe([topic])
        self.seen = []

    def poll(self):
        m = self.consumer.poll(0.05)
        if m is not None:
            assert m.error() is None, f'polling: {m.error()}'
            self.seen.append(m.value().decode())
        return len(self.consumer.assignment())


def spread(topic, values):
    produce(producer(), [{'topic': topic, 'partition': i % 4, 'value': v} for i, v in enumerate(values)])


def committed(group):
    [result] = done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
    return {p.partition: p.offset for p in result.topic_partitions}


def group(assignor):
    name, topic = f'py-{assignor}', f'py-shared-{assignor}'
    step(f'group, {assignor}')
    create(topic, 4)
    a = Member(name, topic, assignor)
    eventually('one member has all partitions', lambda: a.poll() == 4)
    b = Member(name, topic, assignor)
    eventually('two members have two each', lambda: [a.poll(), b.poll()] == [2, 2])
    [described] = done(admin.describe_consumer_groups([name]))
    equal((described.state.name, described.partition_assignor), ('STABLE', assignor), 'the group')
    equal(
        sorted(p.partition for m in described.members for p in m.assignment.topic_partitions),
        [0, 1, 2, 3],
        'the assignment, as told',
    )

    sent = [str(100 + i) for i in range(40)]
    spread(topic, sent)
    eventually('all records come', lambda: a.poll() and b.poll() and len(a.seen) + len(b.seen) >= 40)
    equal(sorted(a.seen + b.seen), sent, 'each record once')
    for m in (a, b):
        m.consumer.commit(asynchronous=False)
        m.consumer.close()
    equal(committed(name), {0: 10, 1: 10, 2: 10, 3: 10}, 'committed')

    spread(topic, ['x0', 'x1', 'x2', 'x3'])
    c = Member(name, topic, assignor)
    eventually('a third member resumes', lambda: c.poll() is not None and len(c.seen) >= 4)
    equal(sorted(c.seen), ['x0', 'x1', 'x2', 'x3'], 'what the third sees')
    c.consumer.close()

    done(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 3)])]))
    equal(committed(name)[0], 3, 'an altered offset')
    assert name in [g.group_id for g in admin.list_consumer_groups().result(PATIENCE).valid], 'the group is listed'
    done(admin.delete_consumer_groups([name]))
    refused('GROUP_ID_NOT_FOUND', 'a group is deleted once', lambda: done(admin.delete_consumer_groups([name])))


def config(name):
    [entries] = done(admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, 'py-admin')]))
    return entries[name].value


def administer():
    step('administration')
    create('py-admin', 2, retention_ms='3600000')
    refused('TOPIC_ALREADY_EXISTS', 'a topic is created once', lambda: create('py-admin'))
    refused('TOPIC_EXCEPTION', 'names are checked', lambda: create('no/such'))
    refused('INVALID_CONFIG', 'configs are checked', lambda: create('py-bad', retention_ms='soon'))
    equal(config('retention.ms'), '3600000', 'a config')
    alter = ConfigResource(
        ConfigResource.Type.TOPIC,
        'py-admin',
        incremental_configs=[
            ConfigEntry('cleanup.policy', 'compact', incremental_operation=AlterConfigOpType.APPEND),
            ConfigEntry('retention.ms', None, incremental_operation=AlterConfigOpType.DELETE),
        ],
    )
    done(admin.incremental_alter_configs([alter]))
    equal((config('cleanup.policy'), config('retention.ms')), ('delete,compact', '604800000'), 'altered configs')
    done(admin.create_partitions([NewPartitions('py-admin', 5)]))
    [described] = done(admin.describe_topics(TopicCollection(['py-admin'])))
    equal(len(described.partitions), 5, 'partitions')
    p = producer()
    produce(p, [{'topic': 'py-admin', 'partition': 0, 'key': 'k', 'value': str(i)} for i in range(4)])
    refused_record = []
    p.produce('py-admin', 'a compacted topic needs keys', on_delivery=lambda e, _: refused_record.append(e.name()))
    p.flush(PATIENCE)
    equal(refused_record, ['INVALID_RECORD'], 'a record without a key in a compacted topic')
    equal(done(admin.delete_records([TopicPartition('py-admin', 0, 3)]))[0].low_watermark, 3, 'low watermark')
    equal(consume('py-admin', 1, 3)[0].value(), b'3', 'the first record left')
    cluster = admin.describe_cluster().result(PATIENCE)
    equal((len(cluster.nodes), cluster.controller.id), (1, cluster.nodes[0].id), 'the cluster')
    done(admin.delete_topics(['py-admin']))
    assert 'py-admin' not in admin.list_topics(timeout=PATIENCE).topics, 'a deleted topic is gone'
    refused('UNKNOWN_TOPIC_OR_PART', 'a topic is deleted once', lambda: done(admin.delete_topics(['py-admin'])))


every_acks_and_compression()
idempotent()
seek()
group('range')
group('cooperative-sticky')
administer()
