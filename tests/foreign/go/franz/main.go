// franz-go: producing, consuming, groups, and kadm for administration.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"holdfast/foreign/check"
)

var ctx, _ = context.WithTimeout(context.Background(), 5*time.Minute)

const firstTime = 1_700_000_000_000 // of record 0 where records have times: one a second

func client(opts ...kgo.Opt) *kgo.Client {
	return check.Must(kgo.NewClient(append(opts, kgo.SeedBrokers(os.Args[1]))...))
}

// take polls until there are count records.
func take(cl *kgo.Client, count int) []*kgo.Record {
	limited, cancel := context.WithTimeout(ctx, check.Patience)
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := cl.PollFetches(limited)
		for _, e := range fetches.Errors() {
			check.Fine(e.Err, "fetch of ", e.Topic, " with ", len(records), " of ", count, " records")
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func consumeFrom(topic string, at kgo.Offset, count int) []*kgo.Record {
	cl := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: at}}))
	defer cl.Close()
	return take(cl, count)
}

func samples(topic string) []*kgo.Record {
	header := func(key string, value []byte) kgo.RecordHeader { return kgo.RecordHeader{Key: key, Value: value} }
	return []*kgo.Record{
		{Topic: topic, Key: []byte("key"), Value: []byte("value")},
		{Topic: topic, Key: nil, Value: []byte("no key")},
		{Topic: topic, Key: []byte("no value"), Value: nil},
		{Topic: topic, Key: []byte{}, Value: []byte{}},
		{Topic: topic, Key: []byte("headers"), Value: make([]byte, 10_000),
			Headers: []kgo.RecordHeader{header("a", []byte("1")), header("a", []byte("2")),
				header("empty", []byte{}), header("null", nil)}},
	}
}

// text tells null from empty.
func text(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return fmt.Sprintf("%q", bytes)
}

func show(r *kgo.Record) string {
	s := text(r.Key) + "=" + text(r.Value)
	for _, h := range r.Headers {
		s += " " + h.Key + ":" + text(h.Value)
	}
	return s
}

func showAll(records []*kgo.Record) (all []string) {
	for _, r := range records {
		all = append(all, show(r))
	}
	return all
}

func everyAcksAndCompression(admin *kadm.Client) {
	check.Step("every acks and compression")
	acks := map[string][]kgo.Opt{
		"none":       {kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()},
		"leader":     {kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()},
		"all":        {kgo.RequiredAcks(kgo.AllISRAcks()), kgo.DisableIdempotentWrite()},
		"idempotent": {kgo.RequiredAcks(kgo.AllISRAcks())},
	}
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for ackName, ack := range acks {
		for codecName, codec := range codecs {
			topic := "franz-" + ackName + "-" + codecName
			check.Must(admin.CreateTopic(ctx, 1, 1, nil, topic))
			producer := client(append(ack, kgo.ProducerBatchCompression(codec))...)
			records := samples(topic)
			check.Fine(producer.ProduceSync(ctx, records...).FirstErr(), "produce to ", topic)
			producer.Close()
			got := consumeFrom(topic, kgo.NewOffset().AtStart(), len(records))
			check.Equal(showAll(got), showAll(records), topic)
			for i, r := range got {
				check.Equal(r.Offset, int64(i), "offset in ", topic)
			}
		}
	}
}

func idempotent() {
	check.Step("an idempotent producer keeps the order, in a topic that is created for it")
	producer := client(kgo.AllowAutoTopicCreation(), kgo.ProducerBatchMaxBytes(1000))
	var sent []string
	for i := range 2000 {
		r := kgo.KeySliceRecord(nil, []byte(fmt.Sprint(i)))
		r.Topic = "franz-once"
		sent = append(sent, show(r))
		producer.Produce(ctx, r, func(_ *kgo.Record, err error) { check.Fine(err, "produce") })
	}
	check.Fine(producer.Flush(ctx), "flush")
	id, _, err := producer.ProducerID(ctx)
	check.Fine(err, "producer id")
	check.That(id >= 0, "the producer has an id")
	producer.Close()
	check.Equal(showAll(consumeFrom("franz-once", kgo.NewOffset().AtStart(), 2000)), sent, "records once and in order")
}

func seek(admin *kadm.Client) {
	check.Step("seek by offset and time")
	check.Must(admin.CreateTopic(ctx, 1, 1, nil, "franz-times"))
	producer := client()
	for i := range 10 {
		r := &kgo.Record{Topic: "franz-times", Value: []byte(fmt.Sprint(i)),
			Timestamp: time.UnixMilli(firstTime + int64(i)*1000)}
		check.Fine(producer.ProduceSync(ctx, r).FirstErr(), "produce")
	}
	producer.Close()
	check.Equal(string(consumeFrom("franz-times", kgo.NewOffset().At(7), 3)[0].Value), "7", "at offset 7")
	check.Equal(string(consumeFrom("franz-times", kgo.NewOffset().AtEnd().Relative(-2), 2)[0].Value), "8",
		"two before the end")
	byTime := consumeFrom("franz-times", kgo.NewOffset().AfterMilli(firstTime+4500), 5)[0]
	check.Equal(string(byTime.Value), "5", "after a time")
	check.Equal(byTime.Timestamp.UnixMilli(), int64(firstTime+5000), "its time")

	offset := func(listed kadm.ListedOffsets, err error) kadm.ListedOffset {
		check.Fine(err, "list offsets")
		check.Fine(listed.Error(), "list offsets")
		o, _ := listed.Lookup("franz-times", 0)
		return o
	}
	check.Equal(offset(admin.ListStartOffsets(ctx, "franz-times")).Offset, int64(0), "start")
	check.Equal(offset(admin.ListEndOffsets(ctx, "franz-times")).Offset, int64(10), "end")
	check.Equal(offset(admin.ListCommittedOffsets(ctx, "franz-times")).Offset, int64(10), "last stable")
	check.Equal(offset(admin.ListOffsetsAfterMilli(ctx, firstTime+4500, "franz-times")).Offset, int64(5),
		"after a time")
	check.Equal(offset(admin.ListOffsetsAfterMilli(ctx, firstTime+99_000, "franz-times")).Offset, int64(10),
		"after every time")
	check.Equal(offset(admin.ListMaxTimestampOffsets(ctx, "franz-times")).Offset, int64(9), "the latest time")
}

// member is a consumer of a group that knows what it has and what it was given.
type member struct {
	*kgo.Client
	mu       sync.Mutex
	assigned map[int32]bool
	seen     []string
}

func join(group, topic string, balancer kgo.GroupBalancer) *member {
	m := &member{assigned: map[int32]bool{}}
	note := func(has bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, p := range partitions[topic] {
				if m.assigned[p] = has; !has {
					delete(m.assigned, p)
				}
			}
		}
	}
	m.Client = client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(balancer),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(note(true)), kgo.OnPartitionsRevoked(note(false)), kgo.OnPartitionsLost(note(false)))
	return m
}

func (m *member) poll() {
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	fetches := m.PollFetches(short)
	for _, e := range fetches.Errors() {
		check.That(errors.Is(e.Err, context.DeadlineExceeded), "polling %s-%d: %v", e.Topic, e.Partition, e.Err)
	}
	for _, r := range fetches.Records() {
		m.seen = append(m.seen, string(r.Value))
	}
}

func (m *member) has() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.assigned)
}

func produceTo(topic string, partitions int, values ...string) {
	producer := client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer producer.Close()
	for i, v := range values {
		r := &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: []byte(v)}
		check.Fine(producer.ProduceSync(ctx, r).FirstErr(), "produce")
	}
}

func group(admin *kadm.Client, name string, balancer kgo.GroupBalancer) {
	check.Step("group, " + name)
	topic := "franz-" + name
	check.Must(admin.CreateTopic(ctx, 4, 1, nil, topic))
	a := join(name, topic, balancer)
	check.Eventually("one member has all partitions", func() bool { a.poll(); return a.has() == 4 })
	b := join(name, topic, balancer)
	check.Eventually("two members have two each", func() bool {
		a.poll()
		b.poll()
		return a.has() == 2 && b.has() == 2
	})
	described := check.Must(admin.DescribeGroups(ctx, name))[name]
	check.Equal(described.State, "Stable", "the group's state")
	check.Equal(len(described.Members), 2, "its members")

	var sent []string
	for i := range 40 {
		sent = append(sent, fmt.Sprint(100+i))
	}
	produceTo(topic, 4, sent...)
	check.Eventually("all records come", func() bool { a.poll(); b.poll(); return len(a.seen)+len(b.seen) >= 40 })
	all := append(slices.Clone(a.seen), b.seen...)
	slices.Sort(all)
	check.Equal(all, sent, "each record once")
	check.Equal(len(a.seen), 20, "records of the first member")
	check.Fine(a.CommitUncommittedOffsets(ctx), "commit")
	check.Fine(b.CommitUncommittedOffsets(ctx), "commit")
	a.Close()
	b.Close()

	committed := check.Must(admin.FetchOffsets(ctx, name))
	for p := range int32(4) {
		o, _ := committed.Lookup(topic, p)
		check.Equal(o.At, int64(10), "committed of partition ", p)
	}
	produceTo(topic, 4, "x0", "x1", "x2", "x3")
	c := join(name, topic, balancer)
	check.Eventually("a third member resumes", func() bool { c.poll(); return len(c.seen) >= 4 })
	slices.Sort(c.seen)
	check.Equal(c.seen, []string{"x0", "x1", "x2", "x3"}, "what the third sees")
	c.Close()

	lag := check.Must(admin.Lag(ctx, name))[name]
	check.Equal(lag.Lag.Total(), int64(4), "lag of what the third did not commit")
	listed := check.Must(admin.ListGroups(ctx))
	check.That(slices.Contains(listed.Groups(), name), "the group is listed")
	check.Fine(check.Must(admin.DeleteGroup(ctx, name)).Err, "delete the group")
	check.Equal(check.Must(admin.DescribeGroups(ctx, name))[name].State, "Dead", "a deleted group")
}

func administer(admin *kadm.Client) {
	check.Step("administration")
	created := check.Must(admin.CreateTopic(ctx, 2, 1,
		map[string]*string{"retention.ms": kadm.StringPtr("3600000")}, "franz-admin"))
	check.Equal(created.NumPartitions, int32(2), "partitions in the answer")
	check.That(created.ID != kadm.TopicID{}, "the topic has an id")
	_, err := admin.CreateTopic(ctx, 2, 1, nil, "franz-admin")
	check.That(errors.Is(err, kerr.TopicAlreadyExists), "a topic is created once: %v", err)
	_, err = admin.CreateTopic(ctx, 1, 1, nil, "no/such")
	check.That(errors.Is(err, kerr.InvalidTopicException), "names are checked: %v", err)
	_, err = admin.CreateTopic(ctx, 1, 3, nil, "franz-three")
	check.That(errors.Is(err, kerr.InvalidReplicationFactor), "one broker holds no three replicas: %v", err)

	config := func(key string) string {
		described := check.Must(admin.DescribeTopicConfigs(ctx, "franz-admin"))[0]
		check.Fine(described.Err, "describe configs")
		for _, c := range described.Configs {
			if c.Key == key {
				return c.MaybeValue()
			}
		}
		return "no " + key
	}
	check.Equal(config("retention.ms"), "3600000", "the topic's config")
	altered := check.Must(admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("delete")},
		{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")},
		{Op: kadm.DeleteConfig, Name: "retention.ms"}}, "franz-admin"))
	check.That(altered[0].Err != nil, "a key twice is an error")
	altered = check.Must(admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{
		{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")},
		{Op: kadm.DeleteConfig, Name: "retention.ms"}}, "franz-admin"))
	check.Fine(altered[0].Err, "alter configs")
	check.Equal(config("cleanup.policy"), "delete,compact", "an appended config")
	check.Equal(config("retention.ms"), "604800000", "a deleted config")
	check.Fine(check.Must(admin.AlterTopicConfigsState(ctx, []kadm.AlterConfig{
		{Name: "max.message.bytes", Value: kadm.StringPtr("2000")}}, "franz-admin"))[0].Err, "set the state of configs")
	check.Equal(config("max.message.bytes"), "2000", "a set config")
	check.Equal(config("cleanup.policy"), "delete", "a config that was not in the state")
	big := client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	err = big.ProduceSync(ctx, &kgo.Record{Topic: "franz-admin", Value: make([]byte, 5000)}).FirstErr()
	check.That(errors.Is(err, kerr.MessageTooLarge), "max.message.bytes holds: %v", err)
	big.Close()

	check.Fine(check.Must(admin.UpdatePartitions(ctx, 5, "franz-admin")).Error(), "more partitions")
	check.Equal(len(check.Must(admin.ListTopics(ctx, "franz-admin"))["franz-admin"].Partitions), 5, "partitions")
	check.That(check.Must(admin.UpdatePartitions(ctx, 3, "franz-admin")).Error() != nil, "fewer partitions are refused")

	produceTo("franz-admin", 1, "0", "1", "2", "3")
	var before kadm.Offsets
	before.AddOffset("franz-admin", 0, 3, -1)
	deleted := check.Must(admin.DeleteRecords(ctx, before))
	check.Equal(deleted["franz-admin"][0].LowWatermark, int64(3), "low watermark")
	check.Equal(string(consumeFrom("franz-admin", kgo.NewOffset().AtStart(), 1)[0].Value), "3", "the first record left")

	metadata := check.Must(admin.BrokerMetadata(ctx))
	check.Equal(len(metadata.Brokers), 1, "brokers")
	check.That(metadata.Cluster != "", "the cluster has an id")
	brokers := check.Must(admin.DescribeBrokerConfigs(ctx, metadata.Controller))
	check.That(len(brokers[0].Configs) > 50, "the broker tells its configs")
	logs := check.Must(admin.DescribeAllLogDirs(ctx, nil))
	check.That(logs[metadata.Controller].Size() > 0, "the log directories have a size")
	producers := check.Must(admin.DescribeProducers(ctx, kadm.TopicsSet{"franz-once": {0: {}}}))
	check.Equal(len(producers["franz-once"].Partitions[0].ActiveProducers), 1, "producers of franz-once")

	check.Fine(check.Must(admin.DeleteTopic(ctx, "franz-admin")).Err, "delete the topic")
	check.That(!check.Must(admin.ListTopics(ctx)).Has("franz-admin"), "a deleted topic is gone")
	_, err = admin.DeleteTopic(ctx, "franz-admin")
	check.That(errors.Is(err, kerr.UnknownTopicOrPartition), "a topic is deleted once: %v", err)
}

func main() {
	admin := kadm.NewClient(client())
	everyAcksAndCompression(admin)
	idempotent()
	seek(admin)
	group(admin, "range", kgo.RangeBalancer())
	group(admin, "cooperative-sticky", kgo.CooperativeStickyBalancer())
	administer(admin)
}
