// The blocking producer: records cross to its thread many at a time, copied into one piece of memory. The crossing
// costs a wake-up only when the thread had nothing to do.
#include <atomic>
#include <cstring>
#include <limits>

#include "client/blocking.h"

namespace holdfast::client::blocking {
namespace {

constexpr std::size_t staged_bytes_max = 1 << 20;  // more than that waits in its callers
constexpr std::int64_t no_timestamp = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t no_partition = std::numeric_limits<std::int32_t>::min();

// Held for as long as a record is copied.
class Lock {
 public:
  explicit Lock(std::atomic_flag& flag) : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) flag_.wait(true, std::memory_order_relaxed);
  }
  ~Lock() {
    flag_.clear(std::memory_order_release);
    flag_.notify_one();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  std::atomic_flag& flag_;
};

struct Fixed {
  std::uint32_t topic_bytes, header_count;
  std::int64_t key_bytes, value_bytes;  // -1: null
  std::int32_t partition;
  std::int64_t timestamp;
  std::uint64_t tag;
};

void put(std::vector<std::uint8_t>& out, const void* from, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(from);
  out.insert(out.end(), bytes, bytes + size);
}

void put_sized(std::vector<std::uint8_t>& out, const std::optional<ByteView>& bytes) {
  const std::int64_t size = bytes ? std::ssize(*bytes) : -1;
  put(out, &size, sizeof size);
  if (bytes) put(out, bytes->data(), bytes->size());
}

// What put() and write() wrote, in the same process.
class Pieces {
 public:
  explicit Pieces(ByteView all) : all_(all) {}
  bool empty() const { return all_.empty(); }
  ByteView take(std::size_t size) {
    const ByteView out = all_.first(size);
    all_ = all_.subspan(size);
    return out;
  }
  template <class T>
  T fixed() {
    T out;
    std::memcpy(&out, take(sizeof out).data(), sizeof out);
    return out;
  }
  std::optional<ByteView> sized(std::int64_t size) {
    if (size < 0) return std::nullopt;
    return take(static_cast<std::size_t>(size));
  }

 private:
  ByteView all_;
};

void write(std::vector<std::uint8_t>& out, const ProducerRecord& record) {
  Fixed fixed{};
  fixed.topic_bytes = static_cast<std::uint32_t>(record.topic.size());
  fixed.header_count = static_cast<std::uint32_t>(record.headers.size());
  fixed.key_bytes = record.key ? std::ssize(*record.key) : -1;
  fixed.value_bytes = record.value ? std::ssize(*record.value) : -1;
  fixed.partition = record.partition.value_or(no_partition);
  fixed.timestamp = record.timestamp.value_or(no_timestamp);
  fixed.tag = record.tag;
  put(out, &fixed, sizeof fixed);
  put(out, record.topic.data(), record.topic.size());
  if (record.key) put(out, record.key->data(), record.key->size());
  if (record.value) put(out, record.value->data(), record.value->size());
  for (const wire::RecordHeader& header : record.headers) {
    put_sized(out, as_bytes(header.key));
    put_sized(out, header.value ? std::optional<ByteView>(*header.value) : std::nullopt);
  }
}

ProducerRecord read(Pieces& in, std::vector<wire::RecordHeader>& headers) {
  const auto fixed = in.fixed<Fixed>();
  ProducerRecord record;
  record.topic = as_text(in.take(fixed.topic_bytes));
  record.key = in.sized(fixed.key_bytes);
  record.value = in.sized(fixed.value_bytes);
  if (fixed.partition != no_partition) record.partition = fixed.partition;
  if (fixed.timestamp != no_timestamp) record.timestamp = fixed.timestamp;
  record.tag = fixed.tag;
  headers.clear();
  for (std::uint32_t i = 0; i < fixed.header_count; ++i) {
    auto& header = headers.emplace_back();
    header.key = as_text(in.sized(in.fixed<std::int64_t>()).value_or(ByteView()));
    if (const auto value = in.sized(in.fixed<std::int64_t>())) header.value.emplace(value->begin(), value->end());
  }
  record.headers = headers;
  return record;
}

}  // namespace

struct Producer::Stage {
  explicit Stage(Shard& shard) : idle(shard) {}

  std::atomic_flag locked;
  std::vector<std::uint8_t> staged;  // under the lock, as the next
  bool draining = false;
  std::atomic<std::uint32_t> taken{0};  // how often `staged` was emptied: who finds it full waits for the next

  // On the shard.
  client::Producer* producer = nullptr;
  std::shared_ptr<Function<void(const Delivery&, const Failure*)>> listener;
  std::vector<std::uint8_t> moving;
  WaitList idle;

  bool is_draining() {
    const Lock lock(locked);
    return draining;
  }
  bool take() {
    moving.clear();
    {
      const Lock lock(locked);
      staged.swap(moving);
      draining = !moving.empty();
    }
    taken.fetch_add(1, std::memory_order_release);
    taken.notify_all();
    return !moving.empty();
  }
  static Task<void> drain(std::shared_ptr<Stage> self) {
    std::vector<wire::RecordHeader> headers;
    while (self->take()) {
      Pieces in(self->moving);
      while (!in.empty()) {
        const ProducerRecord record = read(in, headers);
        auto now = self->producer->try_send(record);
        if (now && *now) continue;
        auto accepted = co_await self->producer->enqueue(record);
        if (accepted || !*self->listener) continue;
        (*self->listener)(Delivery{record.topic, record.partition.value_or(-1), -1, -1, record.tag}, &accepted.error());
      }
    }
    self->idle.wake_all();
  }
  static Task<void> until_idle(std::shared_ptr<Stage> self) {
    while (self->is_draining()) co_await self->idle.wait();
  }
};

namespace {

// Told of records that the producer accepted and of those that it did not.
using Listener = std::shared_ptr<Function<void(const Delivery&, const Failure*)>>;

ProducerOptions with(ProducerOptions options, const Listener& listener) {
  options.on_delivery = nullptr;
  if (*listener) {
    options.on_delivery = [listener](const Delivery& delivery, const Failure* failure) {
      (*listener)(delivery, failure);
    };
  }
  return options;
}

}  // namespace

struct Producer::Inner {
  Inner(Kafka& kafka, ProducerOptions options, Listener listener)
      : stage(std::make_shared<Stage>(kafka.thread().shard())),
        producer(kafka.thread(), kafka.cluster().get(), with(std::move(options), listener)) {
    stage->producer = &producer.get();
    stage->listener = std::move(listener);
  }

  Task<Outcome<Delivery>> send(const ProducerRecord& record) {
    co_await Stage::until_idle(stage);
    auto sent = co_await producer.get().send(record);
    co_return sent;
  }
  Task<void> flush() {
    co_await Stage::until_idle(stage);
    co_await producer.get().flush();
  }
  Task<void> stop() {
    co_await Stage::until_idle(stage);
    co_await producer.get().stop();
  }

  const std::shared_ptr<Stage> stage;
  On<client::Producer> producer;
};

Producer::Producer(Kafka& kafka, ProducerOptions options) {
  auto listener = std::make_shared<Function<void(const Delivery&, const Failure*)>>(std::move(options.on_delivery));
  inner_ = std::make_unique<Inner>(kafka, std::move(options), std::move(listener));
}

Producer::~Producer() {
  inner_->producer.thread().call([this] { return inner_->stop(); });
}

Outcome<Delivery> Producer::send(const ProducerRecord& record) {
  return inner_->producer.thread().call([&] { return inner_->send(record); });
}

void Producer::enqueue(const ProducerRecord& record) {
  Stage& stage = *inner_->stage;
  for (;;) {
    const std::uint32_t taken = stage.taken.load(std::memory_order_acquire);
    {
      const Lock lock(stage.locked);
      if (stage.staged.size() < staged_bytes_max) {
        write(stage.staged, record);
        if (std::exchange(stage.draining, true)) return;
        break;
      }
    }
    stage.taken.wait(taken, std::memory_order_acquire);
  }
  ClientThread& thread = inner_->producer.thread();
  thread.shard().post([&thread, self = inner_->stage] { thread.shard().spawn(thread.gate(), Stage::drain(self)); });
}

void Producer::flush() {
  inner_->producer.thread().call([this] { return inner_->flush(); });
}

}  // namespace holdfast::client::blocking
