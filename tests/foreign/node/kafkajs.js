// kafkajs: producing, consuming, groups, administration.
const assert = require('node:assert/strict')
const {
  AssignerProtocol,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  Partitioners,
  logLevel,
} = require('kafkajs')
const lz4 = require('lz4js')
const xxhash = require('lz4js/xxh32.js')
const snappy = require('snappyjs')
const zstd = require('@bokuweb/zstd-wasm')

const patience = 60_000
const firstTime = 1_700_000_000_000 // of record 0 where records have times: one a second
const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.NOTHING })
const admin = kafka.admin()
const began = Date.now()

const step = (name) => console.log('--', ((Date.now() - began) / 1000).toFixed(1), 's', name)

async function eventually(claim, condition) {
  for (
    const deadline = Date.now() + patience;
    !(await condition());
    await new Promise((resolve) => setTimeout(resolve, 20))
  )
    assert.ok(Date.now() < deadline, `in time: ${claim}`)
}

const codec = (compress, decompress) => () => ({
  compress: async (encoder) => Buffer.from(compress(encoder.buffer)),
  decompress: async (bytes) => Buffer.from(decompress(bytes)),
})

// Kafka takes LZ4 frames of independent blocks only. These have one block: it depends on nothing, but must say so.
function independentLz4(bytes) {
  const frame = lz4.compress(bytes)
  frame[4] |= 0x20
  frame[6] = xxhash.hash(0, frame, 4, 2) >> 8
  return frame
}

async function giveCodecs() {
  await zstd.init()
  CompressionCodecs[CompressionTypes.LZ4] = codec(independentLz4, lz4.decompress)
  CompressionCodecs[CompressionTypes.Snappy] = codec(snappy.compress, snappy.uncompress)
  CompressionCodecs[CompressionTypes.ZSTD] = codec((b) => zstd.compress(b, 3), zstd.decompress)
}

const create = (topic, numPartitions = 1, more = {}) =>
  admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, ...more }] })

async function produce(batch, options = {}) {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options })
  await producer.connect()
  const results = await producer.send(batch)
  await producer.disconnect()
  return results
}

// Messages of each topic, from the start.
async function consumeAll(topics, countOfEach) {
  const consumer = kafka.consumer({ groupId: `reader-${topics[0]}`, maxWaitTimeInMs: 100 })
  const messages = Object.fromEntries(topics.map((topic) => [topic, []]))
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, message }) => void messages[topic].push(message),
  })
  for (const topic of topics)
    await eventually(`${countOfEach} messages of ${topic}`, () => messages[topic].length >= countOfEach)
  await consumer.disconnect()
  return messages
}

const consume = async (topic, count) => (await consumeAll([topic], count))[topic]

const text = (bytes) => (bytes == null ? 'null' : JSON.stringify(bytes.toString()))
const headers = (message) =>
  Object.entries(message.headers)
    .map(([k, v]) => ` ${k}:${[v].flat().map(text)}`)
    .join('')
const show = (message) => text(message.key) + '=' + text(message.value) + headers(message)

async function everyAcksAndCompression() {
  step('every acks and compression')
  const messages = [
    { key: 'key', value: 'value' },
    { key: null, value: 'no key' },
    { key: 'no value', value: null },
    { key: '', value: '' },
    { key: 'headers', value: 'x'.repeat(10_000), headers: { one: '1', two: ['2', '3'], empty: '' } },
  ]
  const expected = [
    '"key"="value"',
    'null="no key"',
    '"no value"=null',
    '""=""',
    `"headers"="${'x'.repeat(10_000)}" one:"1" two:"2","3" empty:""`,
  ]
  const offsets = {}
  for (const [acks, idempotent] of [
    [0, false],
    [1, false],
    [-1, false],
    [-1, true],
  ])
    for (const [name, compression] of Object.entries(CompressionTypes)) {
      const topic = `js-${acks}-${idempotent}-${name}`
      await create(topic)
      const results = await produce({ topic, acks, compression, messages }, { idempotent, maxInFlightRequests: 1 })
      offsets[topic] = acks === 0 ? '0' : results[0].baseOffset
    }
  for (const [topic, got] of Object.entries(await consumeAll(Object.keys(offsets), messages.length))) {
    assert.equal(offsets[topic], '0', topic)
    assert.deepEqual(got.map(show), expected, topic)
    assert.deepEqual(
      got.map((m) => m.offset),
      ['0', '1', '2', '3', '4'],
      topic,
    )
  }
}

async function idempotent() {
  step('an idempotent producer keeps the order, in a topic that is created for it')
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  for (let batch = 0; batch < 20; ++batch) {
    const messages = Array.from({ length: 50 }, (_, i) => ({ value: String(batch * 50 + i) }))
    await producer.send({ topic: 'js-once', messages })
  }
  await producer.disconnect()
  const values = (await consume('js-once', 1000)).map((m) => m.value.toString())
  assert.deepEqual(
    values,
    Array.from({ length: 1000 }, (_, i) => String(i)),
    'records once and in order',
  )
}

async function seek() {
  step('seek by offset and time')
  await create('js-times')
  const messages = Array.from({ length: 10 }, (_, i) => ({ value: String(i), timestamp: String(firstTime + i * 1000) }))
  await produce({ topic: 'js-times', messages })
  assert.deepEqual(await admin.fetchTopicOffsets('js-times'), [{ partition: 0, offset: '10', high: '10', low: '0' }])
  const byTime = async (time) => (await admin.fetchTopicOffsetsByTimestamp('js-times', time))[0].offset
  assert.equal(await byTime(firstTime + 4500), '5', 'after a time')
  assert.equal(await byTime(firstTime + 99_000), '10', 'after every time')

  const consumer = kafka.consumer({ groupId: 'seekers', maxWaitTimeInMs: 100 })
  let got = []
  await consumer.connect()
  await consumer.subscribe({ topics: ['js-times'], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => void got.push(message) })
  await eventually('all come', () => got.length === 10)
  for (const offset of ['7', await byTime(firstTime + 4500)]) {
    got = []
    consumer.seek({ topic: 'js-times', partition: 0, offset })
    await eventually(`those from ${offset} come`, () => got.length === 10 - Number(offset))
    assert.equal(got[0].value.toString(), offset, 'where it was sought')
    assert.equal(got[0].timestamp, String(firstTime + 1000 * Number(offset)), 'its time')
  }
  await consumer.disconnect()
}

async function join(groupId, topic) {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 500, maxWaitTimeInMs: 100 })
  const member = { consumer, partitions: 0, seen: [], next: {} }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.partitions = (payload.memberAssignment[topic] ?? []).length
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      member.seen.push(message.value.toString())
      member.next[partition] = String(Number(message.offset) + 1)
    },
  })
  member.commit = () =>
    consumer.commitOffsets(
      Object.entries(member.next).map(([partition, offset]) => ({
        topic,
        partition: Number(partition),
        offset,
        metadata: 'js',
      })),
    )
  return member
}

const spread = (topic, values) => produce({ topic, messages: values.map((value, i) => ({ value, partition: i % 4 })) })

async function group() {
  step('group')
  await create('js-shared', 4)
  const a = await join('js', 'js-shared')
  await eventually('one member has all partitions', () => a.partitions === 4)
  const b = await join('js', 'js-shared')
  await eventually('two members have two each', () => a.partitions === 2 && b.partitions === 2)
  const described = (await admin.describeGroups(['js'])).groups[0]
  assert.equal(described.state, 'Stable')
  assert.equal(described.members.length, 2)
  const sharing = described.members.map(
    (m) => AssignerProtocol.MemberAssignment.decode(m.memberAssignment).assignment['js-shared'],
  )
  assert.deepEqual(sharing.flat().sort(), [0, 1, 2, 3], 'the assignment, as told')

  const sent = Array.from({ length: 40 }, (_, i) => String(100 + i))
  await spread('js-shared', sent)
  await eventually('all records come', () => a.seen.length + b.seen.length >= 40)
  assert.deepEqual([...a.seen, ...b.seen].sort(), sent, 'each record once')
  await a.commit()
  await b.commit()
  await a.consumer.disconnect()
  await b.consumer.disconnect()

  const [committed] = await admin.fetchOffsets({ groupId: 'js', topics: ['js-shared'] })
  assert.deepEqual(
    committed.partitions.map((p) => p.offset),
    ['10', '10', '10', '10'],
    'committed',
  )
  assert.equal(committed.partitions[0].metadata, 'js')
  await spread('js-shared', ['x0', 'x1', 'x2', 'x3'])
  const c = await join('js', 'js-shared')
  await eventually('a third member resumes', () => c.seen.length >= 4)
  assert.deepEqual(c.seen.sort(), ['x0', 'x1', 'x2', 'x3'], 'what the third sees')
  await c.consumer.disconnect()

  await admin.resetOffsets({ groupId: 'js', topic: 'js-shared', earliest: true })
  const [reset] = await admin.fetchOffsets({ groupId: 'js', topics: ['js-shared'] })
  assert.equal(reset.partitions.length, 4)
  assert.ok(
    (await admin.listGroups()).groups.some((g) => g.groupId === 'js'),
    'the group is listed',
  )
  await admin.deleteGroups(['js'])
  assert.ok(!(await admin.listGroups()).groups.some((g) => g.groupId === 'js'), 'a deleted group is gone')
}

async function administer() {
  step('administration')
  const configEntries = [{ name: 'retention.ms', value: '3600000' }]
  assert.equal(await create('js-admin', 2, { configEntries }), true)
  assert.equal(await create('js-admin', 2), false, 'a topic is created once')
  await assert.rejects(
    create('no/such'),
    ({ errors }) => errors[0].type === 'INVALID_TOPIC_EXCEPTION',
    'names are checked',
  )
  const config = async (name) => {
    const { resources } = await admin.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: 'js-admin', configNames: [name] }],
    })
    return resources[0].configEntries.map((e) => e.configValue).join()
  }
  assert.equal(await config('retention.ms'), '3600000')
  await admin.alterConfigs({
    resources: [
      {
        type: ConfigResourceTypes.TOPIC,
        name: 'js-admin',
        configEntries: [{ name: 'retention.ms', value: '7200000' }],
      },
    ],
  })
  assert.equal(await config('retention.ms'), '7200000')
  await admin.createPartitions({ topicPartitions: [{ topic: 'js-admin', count: 5 }] })
  assert.equal((await admin.fetchTopicMetadata({ topics: ['js-admin'] })).topics[0].partitions.length, 5)
  await produce({ topic: 'js-admin', messages: ['0', '1', '2', '3'].map((value) => ({ value, partition: 0 })) })
  await admin.deleteTopicRecords({ topic: 'js-admin', partitions: [{ partition: 0, offset: '3' }] })
  assert.equal((await consume('js-admin', 1))[0].value.toString(), '3', 'the first record left')
  const cluster = await admin.describeCluster()
  assert.equal(cluster.brokers.length, 1)
  assert.equal(cluster.brokers[0].nodeId, cluster.controller)
  await admin.deleteTopics({ topics: ['js-admin'] })
  assert.ok(!(await admin.listTopics()).includes('js-admin'), 'a deleted topic is gone')
}

async function main() {
  await giveCodecs()
  await admin.connect()
  await everyAcksAndCompression()
  await idempotent()
  await seek()
  await group()
  await administer()
  await admin.disconnect()
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
