#include "coordination/quorum_log.h"

#include <fmt/format.h>

#include "wire/kafka/record_batch.h"

namespace holdfast {
namespace {

// Spells its purpose, and is no uuid of any version: no topic can have it.
constexpr LogId quorum_log_id{{'c', 'o', 'o', 'r', 'd', 'i', 'n', 'a', 't', 'i', 'o', 'n', 0, 0, 0, 1}, 0};
constexpr const char* quorum_topic = "__coordination";
constexpr std::size_t replay_bytes = 4 << 20;

}  // namespace

QuorumLog::~QuorumLog() {
  if (log_) log_->set_listener(nullptr);
}

bool QuorumLog::owns(const LogId& id) { return id == quorum_log_id; }

Task<Result<void>> QuorumLog::open() {
  LogConfig config;
  config.quorum = true;
  config.cleanup_delete = false;
  config.segment_bytes = 64 << 20;
  config.segment_ms = unlimited;
  log_ = logs_.find(quorum_log_id);
  if (!log_) {
    auto created = co_await logs_.create(quorum_log_id, quorum_topic, config);
    if (!created) co_return fail(created);
    log_ = *created;
  }
  log_->set_config(config);
  log_->set_listener(this);
  const auto latest = log_->leader_epochs().latest();
  term_ = latest ? latest->value + 1 : 1;
  log_->assign_epoch(LeaderEpoch(term_), log_->end_offset());
  co_return Result<void>();
}

Task<Result<void>> QuorumLog::replay(Offset from, std::function<Result<void>(Offset, ByteView)> apply) {
  if (from < log_->start_offset())
    co_return fail(ErrorKind::corrupt,
                   fmt::format("the coordination log begins at {}, but the newest snapshot needs it from {}: restore "
                               "the missing snapshot or log from a copy of the data directory",
                               log_->start_offset().value, from.value));
  if (from > log_->end_offset())
    co_return fail(ErrorKind::corrupt, fmt::format("the coordination log ends at {}, before the newest snapshot's {}",
                                                   log_->end_offset().value, from.value));
  LogRead request;
  request.bytes_max = replay_bytes;
  request.end = log_->end_offset();
  for (request.from = from; request.from < request.end;) {
    auto data = co_await log_->read(request);
    if (!data) co_return fail(data);
    if (data->batches.empty()) break;
    const std::vector<std::uint8_t> bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) {
      wire::RecordReader records(batch.subspan(wire::batch_header_bytes), header.record_count);
      wire::Record record;
      while (records.next(record)) {
        const Offset offset(header.base_offset + record.offset_delta);
        if (offset < from || !record.value) continue;
        auto applied = apply(offset, *record.value);
        if (!applied) co_return fail(applied);
      }
      if (records.error())
        co_return fail(ErrorKind::corrupt,
                       fmt::format("the coordination log cannot be read at {}", header.base_offset));
    }
    request.from = data->next;
  }
  co_return Result<void>();
}

Result<void> QuorumLog::append(const std::vector<Bytes>& entries, std::int64_t now_ms) {
  wire::BatchBuilder::Options options;
  options.base_offset = log_->end_offset().value;
  options.leader_epoch = term_;
  wire::BatchBuilder builder(options);
  for (const Bytes& entry : entries) builder.append(now_ms, std::nullopt, entry.view());
  const std::vector<std::uint8_t> batch = builder.finish();
  auto header = wire::BatchHeader::parse(batch);
  HOLDFAST_CHECK(header.has_value());
  return log_->append(batch, *header, Need::durable);
}

void QuorumLog::on_durable(std::function<void(Offset)> durable, std::function<void(const Error&)> failed) {
  durable_ = std::move(durable);
  failed_ = std::move(failed);
}

void QuorumLog::on_durable(Offset end) {
  if (durable_) durable_(end);
}

void QuorumLog::on_failed(const Error& error) {
  if (failed_) failed_(error);
}

Task<Result<void>> QuorumLog::trim(Offset to) { return log_->advance_start(to); }

}  // namespace holdfast
