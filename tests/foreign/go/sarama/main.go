// sarama: sync producers, partition consumers, consumer groups, the cluster admin.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"holdfast/foreign/check"
)

const firstTime = 1_700_000_000_000 // of record 0 where records have times: one a second

var brokers []string

// config is sarama at its newest protocol. What is acknowledged by all is within the offsets that are listed next.
func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	return c
}

func produce(c *sarama.Config, messages []*sarama.ProducerMessage) {
	producer := check.Must(sarama.NewSyncProducer(brokers, c))
	check.Fine(producer.SendMessages(messages), "produce to ", messages[0].Topic)
	check.Fine(producer.Close(), "close the producer")
}

func consumeFrom(topic string, offset int64, count int) []*sarama.ConsumerMessage {
	consumer := check.Must(sarama.NewConsumer(brokers, config()))
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, offset)
	check.Fine(err, "consume ", topic)
	defer partition.Close()
	var messages []*sarama.ConsumerMessage
	timeout := time.After(check.Patience)
	for len(messages) < count {
		select {
		case m := <-partition.Messages():
			messages = append(messages, m)
		case <-timeout:
			check.That(false, "%d of %d messages of %s came", len(messages), count, topic)
		}
	}
	return messages
}

// text tells null from empty.
func text(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return fmt.Sprintf("%q", bytes)
}

func show(m *sarama.ConsumerMessage) string {
	s := text(m.Key) + "=" + text(m.Value)
	for _, h := range m.Headers {
		s += " " + string(h.Key) + ":" + text(h.Value)
	}
	return s
}

func samples(topic string) []*sarama.ProducerMessage {
	big := sarama.ByteEncoder(make([]byte, 10_000))
	headers := []sarama.RecordHeader{{Key: []byte("a"), Value: []byte("1")},
		{Key: []byte("a"), Value: []byte("2")}, {Key: []byte("null")}}
	return []*sarama.ProducerMessage{
		{Topic: topic, Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder("value")},
		{Topic: topic, Key: nil, Value: sarama.StringEncoder("no key")},
		{Topic: topic, Key: sarama.StringEncoder("no value"), Value: nil},
		{Topic: topic, Key: sarama.StringEncoder("headers"), Value: big, Headers: headers},
	}
}

func expected() []string {
	big := text(make([]byte, 10_000))
	return []string{`"key"="value"`, `null="no key"`, `"no value"=null`, `"headers"=` + big + ` a:"1" a:"2" null:null`}
}

func everyAcksAndCompression() {
	check.Step("every acks and compression")
	acks := map[string]sarama.RequiredAcks{"none": sarama.NoResponse, "leader": sarama.WaitForLocal,
		"all": sarama.WaitForAll}
	for ackName, ack := range acks {
		for codec := sarama.CompressionNone; codec <= sarama.CompressionZSTD; codec++ {
			topic := "sarama-" + ackName + "-" + codec.String()
			c := config()
			c.Producer.RequiredAcks, c.Producer.Compression = ack, codec
			produce(c, samples(topic))
			var got []string
			for i, m := range consumeFrom(topic, sarama.OffsetOldest, 4) {
				check.Equal(m.Offset, int64(i), "offset in ", topic)
				got = append(got, show(m))
			}
			check.Equal(got, expected(), topic)
		}
	}
}

func everyVersion() {
	check.Step("the protocol of every Kafka since 2.1") // Kafka 4 dropped what is older
	for i, version := range sarama.SupportedVersions {
		if !version.IsAtLeast(sarama.V2_1_0_0) || !strings.HasSuffix(version.String(), ".0") {
			continue
		}
		c := config()
		c.Version = version
		topic := "sarama-version-" + strconv.Itoa(i)
		produce(c, []*sarama.ProducerMessage{{Topic: topic, Value: sarama.StringEncoder(version.String())}})
		consumer := check.Must(sarama.NewConsumer(brokers, c))
		partition := check.Must(consumer.ConsumePartition(topic, 0, sarama.OffsetOldest))
		select {
		case m := <-partition.Messages():
			check.Equal(string(m.Value), version.String(), topic)
		case <-time.After(check.Patience):
			check.That(false, "a message comes with version %s", version)
		}
		partition.Close()
		consumer.Close()
	}
}

func idempotent() {
	check.Step("an idempotent producer keeps the order")
	c := config()
	c.Producer.Idempotent, c.Net.MaxOpenRequests = true, 1
	var messages []*sarama.ProducerMessage
	for i := range 1000 {
		messages = append(messages, &sarama.ProducerMessage{Topic: "sarama-once",
			Value: sarama.StringEncoder(strconv.Itoa(i))})
	}
	c.Producer.Flush.MaxMessages = 50
	produce(c, messages)
	for i, m := range consumeFrom("sarama-once", sarama.OffsetOldest, 1000) {
		check.Equal(string(m.Value), strconv.Itoa(i), "record ", i)
	}
}

func seek() {
	check.Step("seek by offset and time")
	for i := range 10 {
		produce(config(), []*sarama.ProducerMessage{{Topic: "sarama-times",
			Value:     sarama.StringEncoder(strconv.Itoa(i)),
			Timestamp: time.UnixMilli(firstTime + int64(i)*1000)}})
	}
	check.Equal(string(consumeFrom("sarama-times", 7, 3)[0].Value), "7", "at offset 7")
	client := check.Must(sarama.NewClient(brokers, config()))
	defer client.Close()
	offset := func(at int64) int64 { return check.Must(client.GetOffset("sarama-times", 0, at)) }
	check.Equal(offset(sarama.OffsetOldest), int64(0), "oldest")
	check.Equal(offset(sarama.OffsetNewest), int64(10), "newest")
	byTime := offset(firstTime + 4500)
	check.Equal(byTime, int64(5), "after a time")
	m := consumeFrom("sarama-times", byTime, 5)[0]
	check.Equal(m.Timestamp.UnixMilli(), int64(firstTime+5000), "its time")
	consumer := check.Must(sarama.NewConsumer(brokers, config()))
	defer consumer.Close()
	_, err := consumer.ConsumePartition("sarama-times", 0, 99)
	check.That(errors.Is(err, sarama.ErrOffsetOutOfRange), "no partition is consumed beyond its end: %v", err)
}

// member is a consumer of a group that knows what it has and what it was given.
type member struct {
	group  sarama.ConsumerGroup
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	claims int
	seen   []string
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims = 0
	for _, partitions := range s.Claims() {
		m.claims += len(partitions)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.mu.Lock()
		m.seen = append(m.seen, string(message.Value))
		m.mu.Unlock()
		s.MarkMessage(message, "marked by sarama")
	}
	return nil
}

func (m *member) state() (int, []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.claims, slices.Clone(m.seen)
}

func join(name, topic string, strategy sarama.BalanceStrategy) *member {
	c := config()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{group: check.Must(sarama.NewConsumerGroup(brokers, name, c)), cancel: cancel,
		done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			err := m.group.Consume(ctx, []string{topic}, m)
			check.That(err == nil || errors.Is(err, sarama.ErrClosedConsumerGroup), "consume: %v", err)
		}
	}()
	return m
}

// leave commits what was marked.
func (m *member) leave() {
	m.cancel()
	<-m.done
	check.Fine(m.group.Close(), "close the group")
}

func produceTo(topic string, partitions int, values []string) {
	c := config()
	c.Producer.Partitioner = sarama.NewManualPartitioner
	var messages []*sarama.ProducerMessage
	for i, v := range values {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Partition: int32(i % partitions),
			Value: sarama.StringEncoder(v)})
	}
	produce(c, messages)
}

func group(admin sarama.ClusterAdmin, strategy sarama.BalanceStrategy) {
	name := strategy.Name()
	check.Step("group, " + name)
	topic := "sarama-" + name
	check.Fine(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false),
		"create ", topic)
	a := join(name, topic, strategy)
	check.Eventually("one member has all partitions", func() bool { n, _ := a.state(); return n == 4 })
	b := join(name, topic, strategy)
	check.Eventually("two members have two each", func() bool {
		inA, _ := a.state()
		inB, _ := b.state()
		return inA == 2 && inB == 2
	})
	described := check.Must(admin.DescribeConsumerGroups([]string{name}))[0]
	check.Equal(described.State, "Stable", "the group's state")
	check.Equal(len(described.Members), 2, "its members")

	var sent []string
	for i := range 40 {
		sent = append(sent, strconv.Itoa(100+i))
	}
	produceTo(topic, 4, sent)
	var all []string
	check.Eventually("all records come", func() bool {
		_, ofA := a.state()
		_, ofB := b.state()
		all = append(ofA, ofB...)
		return len(all) >= 40
	})
	slices.Sort(all)
	check.Equal(all, sent, "each record once")
	a.leave()
	b.leave()

	committed := check.Must(admin.ListConsumerGroupOffsets(name, map[string][]int32{topic: {0, 1, 2, 3}}))
	for p := range int32(4) {
		block := committed.GetBlock(topic, p)
		check.Equal(block.Offset, int64(10), "committed of partition ", p)
		check.Equal(block.Metadata, "marked by sarama", "its metadata")
	}
	more := []string{"x0", "x1", "x2", "x3"}
	produceTo(topic, 4, more)
	c := join(name, topic, strategy)
	var resumed []string
	check.Eventually("a third member resumes", func() bool { _, resumed = c.state(); return len(resumed) >= 4 })
	slices.Sort(resumed)
	check.Equal(resumed, more, "what the third sees")
	c.leave()

	_, listed := check.Must(admin.ListConsumerGroups())[name]
	check.That(listed, "the group is listed")
	check.Fine(admin.DeleteConsumerGroupOffset(name, topic, 0), "delete an offset")
	committed = check.Must(admin.ListConsumerGroupOffsets(name, map[string][]int32{topic: {0}}))
	check.Equal(committed.GetBlock(topic, 0).Offset, int64(-1), "a deleted offset")
	check.Fine(admin.DeleteConsumerGroup(name), "delete the group")
}

func administer(admin sarama.ClusterAdmin) {
	check.Step("administration")
	value := func(s string) *string { return &s }
	detail := &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1,
		ConfigEntries: map[string]*string{"retention.ms": value("3600000")}}
	check.Fine(admin.CreateTopic("sarama-admin", detail, true), "validate a topic")
	check.That(check.Must(admin.ListTopics())["sarama-admin"].NumPartitions == 0, "validating creates nothing")
	check.Fine(admin.CreateTopic("sarama-admin", detail, false), "create a topic")
	err := admin.CreateTopic("sarama-admin", detail, false)
	check.That(errors.Is(err, sarama.ErrTopicAlreadyExists), "a topic is created once: %v", err)
	listed := check.Must(admin.ListTopics())["sarama-admin"]
	check.Equal(listed.NumPartitions, int32(2), "partitions")
	check.Equal(*listed.ConfigEntries["retention.ms"], "3600000", "the topic's config")

	config := func(name string) string {
		entries := check.Must(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource,
			Name: "sarama-admin", ConfigNames: []string{name}}))
		check.Equal(len(entries), 1, "configs when one is asked for")
		return entries[0].Value
	}
	set := map[string]sarama.IncrementalAlterConfigsEntry{
		"max.message.bytes": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: value("2000")}}
	check.Fine(admin.IncrementalAlterConfig(sarama.TopicResource, "sarama-admin", set, false), "alter a config")
	check.Equal(config("max.message.bytes"), "2000", "an altered config")
	check.Fine(admin.AlterConfig(sarama.TopicResource, "sarama-admin",
		map[string]*string{"retention.ms": value("7200000")}, false), "alter configs")
	check.Equal(config("retention.ms"), "7200000", "an altered config")
	check.Equal(config("max.message.bytes"), "1048588", "what alter did not name is default again")

	check.Fine(admin.CreatePartitions("sarama-admin", 5, nil, false), "more partitions")
	check.Equal(len(check.Must(admin.DescribeTopics([]string{"sarama-admin"}))[0].Partitions), 5, "partitions")
	produceTo("sarama-admin", 1, []string{"0", "1", "2", "3"})
	check.Fine(admin.DeleteRecords("sarama-admin", map[int32]int64{0: 3}), "delete records")
	check.Equal(string(consumeFrom("sarama-admin", sarama.OffsetOldest, 1)[0].Value), "3", "the first record left")

	nodes, controller, err := admin.DescribeCluster()
	check.Fine(err, "describe the cluster")
	check.Equal(len(nodes), 1, "brokers")
	check.Equal(nodes[0].ID(), controller, "the controller")
	logs := check.Must(admin.DescribeLogDirs([]int32{controller}))
	check.That(len(logs[controller]) == 1 && len(logs[controller][0].Topics) > 0, "the log directory has topics")
	check.Fine(admin.DeleteTopic("sarama-admin"), "delete the topic")
	_, there := check.Must(admin.ListTopics())["sarama-admin"]
	check.That(!there, "a deleted topic is gone")
}

func main() {
	brokers = []string{os.Args[1]}
	admin := check.Must(sarama.NewClusterAdmin(brokers, config()))
	everyAcksAndCompression()
	everyVersion()
	idempotent()
	seek()
	group(admin, sarama.NewBalanceStrategyRange())
	group(admin, sarama.NewBalanceStrategySticky())
	administer(admin)
}
