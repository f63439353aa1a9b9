// ProduceBatch: records on their way to one partition. They are encoded straight into the bytes that will be sent: a
// record costs no allocation of its own. A full batch is finished once (compressed, stamped with the producer's id and
// sequence, checksummed) and keeps its bytes until the broker has answered, so that it can be sent again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "client/failure.h"
#include "runtime/buffer.h"
#include "runtime/clock.h"
#include "runtime/function.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::client {

struct ProducerIdentity {
  std::int64_t id = -1;  // -1: not idempotent
  std::int16_t epoch = -1;
  bool operator==(const ProducerIdentity&) const = default;
};

class ProduceBatch {
 public:
  // What is told about each record when its fate is known.
  struct Mark {
    std::uint64_t tag;
    std::int64_t timestamp;
  };
  // A task that waits for one record.
  struct Waiter {
    std::int32_t index = 0;  // in the batch
    std::string_view topic;  // of the producer
    std::int32_t partition = -1;
    std::int64_t offset = -1, timestamp = -1;
    std::optional<Failure> failure;
    Function<void()> resume;
  };

  // Room for `bytes` from the start; it grows.
  ProduceBatch(std::size_t bytes, SteadyTime created);

  // No record of these takes more.
  static std::size_t bytes_of(std::optional<ByteView> key, std::optional<ByteView> value,
                              std::span<const wire::RecordHeader> headers);
  // Not after finish().
  void append(std::int64_t timestamp, std::optional<ByteView> key, std::optional<ByteView> value,
              std::span<const wire::RecordHeader> headers);
  void mark(std::uint64_t tag, std::int64_t timestamp) { marks_.push_back({tag, timestamp}); }
  void add_waiter(Waiter& waiter) {
    waiter.index = count_ - 1;
    waiters_.push_back(&waiter);
  }

  std::int32_t count() const { return count_; }
  std::size_t bytes() const { return size_; }  // as it would be, or is, sent
  SteadyTime created() const { return created_; }
  std::span<const Mark> marks() const { return marks_; }
  std::span<Waiter* const> waiters() const { return waiters_; }

  void finish(wire::Codec codec, int level);
  bool finished() const { return finished_; }
  // Who sends it, and as what. May be changed: the bytes of a batch that was sent before are then copied.
  void stamp(ProducerIdentity producer, std::int32_t base_sequence);
  bool stamped() const { return stamped_; }
  void forget_stamp() { stamped_ = false; }
  std::int32_t base_sequence() const { return base_sequence_; }
  Bytes to_send() const { return Bytes(block_, block_->data(), size_); }

  // The same records, with their marks and waiters, in two batches: a broker found them too many. Not of a single one.
  std::pair<std::unique_ptr<ProduceBatch>, std::unique_ptr<ProduceBatch>> split();

  // Its place in the order of its partition: the second half of a batch has another part.
  struct Place {
    std::uint64_t serial = 0;  // of all batches of the producer
    std::int32_t part = 0;
    auto operator<=>(const Place&) const = default;
  };
  Place place;
  std::size_t accounted = 0;  // bytes of buffer.memory
  int attempts = 0;           // sent so often
  bool reported = false;      // its records have failed already: what is still heard of it is about its sequence only

 private:
  void grow(std::size_t wanted);
  void copy_if_shared();

  BlockRef block_;
  std::size_t size_;
  std::int32_t count_ = 0;
  std::int64_t base_timestamp_ = -1, max_timestamp_ = -1;
  wire::Codec codec_ = wire::Codec::none;
  int level_ = -1;
  bool finished_ = false, stamped_ = false;
  std::int32_t base_sequence_ = -1;
  const SteadyTime created_;
  std::vector<Mark> marks_;
  std::vector<Waiter*> waiters_;
};

}  // namespace holdfast::client
