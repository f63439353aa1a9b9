// What a Producer is made of. Included by its .cpp files only.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/producer.h"

namespace holdfast::client {

// The batches of one partition. In idempotent mode a batch gets its sequence when it is first sent. One that was sent
// and came back keeps it, and goes alone: nothing else of the partition is under way meanwhile, so that whatever
// happens to it the order is kept.
//
// A batch that failed after it was sent may be in the log, and so may those that follow it. They keep their stamps, and
// the answer to the first of them shows it: taken, there is no gap; out of sequence, there is one for good. Then, or
// when none is left to show it, the partition begins anew, with the next epoch and sequence 0, as soon as nothing of it
// is under way.
struct Producer::Queue {
  explicit Queue(TopicPartition p) : partition(std::move(p)) {}

  const TopicPartition partition;
  Batch open;                          // takes records
  std::deque<Batch> ready;             // in their order; what came back is in front again
  std::vector<ProduceBatch*> on_wire;  // of requests under way; those that have failed meanwhile are not among them
  std::int32_t sent_to = -1;           // those; to another broker only when they are answered
  std::size_t usual_bytes = 0;         // of the last batch
  SteadyTime retry_at{};
  Timer timer;
  bool to_look_at = false, routed = false, finding_leader = false;

  ProducerIdentity identity;
  std::int32_t next_sequence = 0;
  bool resending = false;                         // what is under way was sent before
  bool anew = false;                              // see above
  std::optional<ProduceBatch::Place> unresolved;  // of the last that failed after it was sent
};

struct Producer::Topic {
  explicit Topic(std::string n) : name(std::move(n)) {}
  const std::string name;
  std::uint64_t generation = 0;                // of the metadata that `queues` follow
  std::vector<std::unique_ptr<Queue>> queues;  // by partition; there are never fewer
  std::int32_t sticky = -1;                    // where records without a key go now
  std::size_t sticky_bytes = 0;                // how much of it went there
};

struct Producer::Node {
  explicit Node(std::int32_t i) : id(i) {}
  const std::int32_t id;
  std::deque<Queue*> queues;  // that have something to send
  int in_flight = 0;          // requests
};

struct Producer::Sending {
  struct One {
    Queue* queue;
    Batch batch;
    Uuid topic_id{};  // that was sent; the topic may have another one by now
  };
  std::vector<One> batches;
};

}  // namespace holdfast::client
