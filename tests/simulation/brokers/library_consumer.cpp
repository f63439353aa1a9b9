#include "tests/simulation/brokers/library_consumer.h"

#include <fmt/format.h>

#include <vector>

#include "runtime/log_line.h"
#include "tests/simulation/brokers/library_producer.h"

namespace holdfast::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration max_poll_interval = seconds(6);
constexpr std::int32_t fetched_bytes_max = 4000;
constexpr Duration position_interval = seconds(2);
constexpr std::uint64_t polls_between_sleeps = 60;

}  // namespace

std::optional<std::pair<LogId, Offset>> GroupReading::missing(const RecordHistory& history) const {
  static const std::set<Offset> none;
  const auto id = history.only_id_of(topic);
  // Where all copies were lost, offsets begin anew.
  if (!id || !history.is_durable(*id)) return std::nullopt;
  for (const LogId& partition : history.partitions_of(*id)) {
    const auto of_partition = read.find(partition.partition);
    if (const auto offset = history.first_missing(partition, of_partition == read.end() ? none : of_partition->second))
      return std::pair(partition, *offset);
  }
  return std::nullopt;
}

LibraryConsumer::LibraryConsumer(World& world, Shard& shard, std::string address, int brokers, int index,
                                 GroupReading* reading, Duration think_max, Function<bool()> no_more,
                                 RecordHistory& history)
    : world_(world),
      history_(history),
      index_(index),
      reading_(reading),
      think_max_(think_max),
      no_more_(std::move(no_more)),
      cluster_(shard, world.network().host(address), library_options(world, address, brokers)),
      consumer_(cluster_, options()) {}

client::ConsumerOptions LibraryConsumer::options() {
  client::ConsumerOptions out;
  out.reset = client::OffsetReset::earliest;
  out.poll_records_max = static_cast<std::size_t>(world_.between(std::int64_t{1}, std::int64_t{50}));
  out.fetch.wait_max = milliseconds(200);
  out.fetch.bytes_max = out.fetch.partition_bytes_max = fetched_bytes_max;
  out.fetch.prefetch_bytes_max = 4 * fetched_bytes_max;
  if (!reading_) return out;
  out.group_id = reading_->group;
  if (world_.one_in(3)) out.group_instance_id = fmt::format("{}-{}", reading_->group, index_);
  if (reading_->group.ends_with('0')) out.assignors = {"range", "sticky", "roundrobin"};
  if (reading_->group.ends_with('1')) out.assignors = {"cooperative-sticky"};
  out.session_timeout = milliseconds(world_.between(std::int64_t{1500}, std::int64_t{5000}));
  out.heartbeat_interval = out.session_timeout / 4;
  out.max_poll_interval = max_poll_interval;
  out.auto_commit_interval = milliseconds(world_.between(std::int64_t{50}, std::int64_t{2000}));
  return out;
}

std::string LibraryConsumer::waits_for() const {
  std::string out = fmt::format("library's consumer {}", index_);
  if (!reading_) return out;
  if (const auto missing = reading_->missing(history_))
    out += fmt::format(" of {}, which was not given {} at {}", reading_->group, to_string(missing->first),
                       missing->second.value);
  return out;
}

bool LibraryConsumer::is_over() {
  if (abandoned_ || !finishing_) return abandoned_;
  return !reading_ || (no_more_() && !reading_->missing(history_));
}

Task<void> LibraryConsumer::run() {
  Shard& shard = cluster_.shard();
  if (reading_) {
    const auto subscribed = consumer_.subscribe({reading_->topic});
    HOLDFAST_CHECK(subscribed.has_value());
  }
  while (!is_over()) {
    if (!reading_) co_await find_partitions();
    auto records = co_await consumer_.poll(milliseconds(200));
    if (records) judge(*records);
    // Topics come and go under who reads alone; a group's topic stays.
    if (!records && !records.error().retriable() && reading_)
      history_.complaint(fmt::format("R17: {} fails: {}", waits_for(), client::to_string(records.error())));
    if (!records || records->empty()) co_await shard.sleep(world_.between(milliseconds(1), think_max_));
    // Too long: others have its partitions when it wakes.
    if (!finishing_ && world_.one_in(polls_between_sleeps)) co_await shard.sleep(2 * max_poll_interval);
  }
  if (abandoned_) co_await cluster_.stop();
  co_await consumer_.stop();
  if (!abandoned_) co_await cluster_.stop();
  done_ = true;
}

Task<void> LibraryConsumer::find_partitions() {
  const SteadyTime now = cluster_.shard().clock().now();
  if (now < next_look_) co_return;
  next_look_ = now + position_interval;
  auto refreshed = co_await cluster_.refresh_all();
  if (!refreshed) co_return;
  std::set<client::TopicPartition> all;
  for (const auto& [name, topic] : cluster_.metadata().topics())
    for (std::size_t p = 0; p < topic.partitions.size(); ++p)
      if (history_.is_known(topic.id)) all.insert({name, static_cast<std::int32_t>(p)});
  if (all == assigned_) co_return;
  for (const client::TopicPartition& partition : assigned_)
    if (!all.contains(partition)) {
      // A broker that has just come back may not know of it yet. If it comes again it is read from its beginning.
      log_line(LogLevel::info, "client", "library's consumer {}: {} is gone", index_, client::to_string(partition));
      last_.erase(partition);
    }
  assigned_ = all;
  const auto assigned = consumer_.assign({all.begin(), all.end()});
  HOLDFAST_CHECK(assigned.has_value());
}

void LibraryConsumer::judge(const client::ConsumedRecords& records) {
  if (records.empty()) return;
  const client::TopicPartition& from = *records.partition;
  const auto id = history_.only_id_of(from.topic);
  std::int64_t& last = last_.try_emplace(from, -1).first->second;
  log_line(LogLevel::info, "client", "library's consumer {}: {} from {} to {}", index_, client::to_string(from),
           records.records.front().offset, records.records.back().offset);
  for (const client::RecordView& record : records) {
    const auto name = record.value ? record_name(as_text(*record.value)) : std::nullopt;
    if (!name) {
      history_.complaint(fmt::format("R9: {}: {} at {}: a record that nobody can have sent", waits_for(),
                                     client::to_string(from), record.offset));
      return;
    }
    if (!id || abandoned_) continue;
    history_.seen({*id, from.partition}, Offset(record.offset), *name);
    if (reading_) reading_->read[from.partition].insert(Offset(record.offset));
    if (!reading_ && record.offset <= last && history_.is_durable(*id))
      history_.complaint(
          fmt::format("R3: {}: {} at {} is given after {}", waits_for(), client::to_string(from), record.offset, last));
    last = record.offset;
  }
}

}  // namespace holdfast::sim
