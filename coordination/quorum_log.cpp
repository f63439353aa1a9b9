#include "coordination/quorum_log.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

// Spells its purpose, and is no uuid of any version: no topic can have it.
constexpr LogId quorum_log_id{{'c', 'o', 'o', 'r', 'd', 'i', 'n', 'a', 't', 'i', 'o', 'n', 0, 0, 0, 1}, 0};
constexpr const char* quorum_topic = "__coordination";
constexpr std::size_t scan_bytes = 4 << 20;

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
  co_return Result<void>();
}

// After a clean stop, nobody else has read it. And where a batch says that it stands, and of which term it is, is not
// under its checksum: of an election, the last batch's word decides.
Task<Result<QuorumLog::Contents>> QuorumLog::check(Offset from) {
  Contents out;
  std::optional<Term> term;
  const Offset last = end();
  for (Offset at = start(); at < last;) {
    auto data = co_await read(at, last, scan_bytes);
    auto sound = data ? note(*data, from, term, out) : Result<void>(fail(data));
    if (sound && data->bytes.empty())
      sound = fail(ErrorKind::corrupt, fmt::format("there is no batch at {}", at.value));
    if (sound) {
      at = data->next;
    } else if (at < from && sound.error().kind == ErrorKind::corrupt) {
      out.memberships.clear();
      out.damage = sound.error();
      term.reset();
      at = from;
    } else {
      co_return fail(sound);
    }
  }
  co_return out;
}

// Terms begin with the entry of their leader, which is under its checksum, and says of which term it is.
Result<void> QuorumLog::note(const QuorumBatches& data, Offset from, std::optional<Term>& term, Contents& out) {
  wire::BatchWalker walker(data.bytes);
  wire::BatchHeader header;
  ByteView batch;
  while (walker.next(header, batch)) {
    auto span = span_of(header, batch);
    if (!span) return fail(span);
    if (term && span->term != *term) {
      bool begins = header.is_control() && span->term > *term;
      if (begins) {
        auto entry = control_entry_of(header, batch);
        begins = entry && entry->leadership;
      }
      if (!begins)
        return fail(ErrorKind::corrupt, fmt::format("the batch at {} says it is of term {}, behind one of term {}",
                                                    span->base.value, span->term.value, term->value));
    }
    term = span->term;
    if (span->membership && span->base >= from) out.memberships.emplace_back(span->base, std::move(*span->membership));
  }
  return {};
}

Result<Span> QuorumLog::append(const std::vector<std::uint8_t>& batch) {
  auto header = wire::BatchHeader::parse(batch);
  HOLDFAST_CHECK(header.has_value());
  auto span = span_of(*header, batch);
  HOLDFAST_CHECK(span.has_value());
  auto appended = log_->append(batch, *header, Need::durable);
  if (!appended) return fail(appended);
  return span;
}

Result<Span> QuorumLog::append(const std::vector<Entry>& entries, Term term, std::int64_t now_ms) {
  wire::BatchBuilder::Options options;
  options.base_offset = end().value;
  options.leader_epoch = term.value;
  wire::BatchBuilder builder(options);
  for (const Entry& entry : entries) {
    if (entry.origin) {
      const auto key = entry.origin->encode();
      builder.append(now_ms, ByteView(key), entry.bytes.view());
    } else {
      builder.append(now_ms, std::nullopt, entry.bytes.view());
    }
  }
  return append(builder.finish());
}

Result<Span> QuorumLog::append(const ControlEntry& entry, Term term, std::int64_t now_ms) {
  return append(make_control_batch(entry, end(), term, now_ms));
}

Result<void> QuorumLog::append_batch(const wire::BatchHeader& header, ByteView batch) {
  HOLDFAST_CHECK(Offset(header.base_offset) == end());
  return log_->append(batch, header, Need::durable);
}

std::optional<Result<QuorumBatches>> QuorumLog::try_read(Offset from, Offset end, std::size_t bytes_max) {
  auto read = log_->try_read({.from = from, .bytes_max = bytes_max, .end = end});
  if (!read) return std::nullopt;
  return checked(*read, from);
}

Task<Result<QuorumBatches>> QuorumLog::read(Offset from, Offset end, std::size_t bytes_max) {
  LogRead request;
  request.from = from;
  request.bytes_max = bytes_max;
  request.end = end;
  auto read = co_await log_->read(request);
  co_return checked(read, from);
}

// Offsets and terms are not under the checksum: they are held against what is known otherwise.
Result<QuorumBatches> QuorumLog::checked(const Result<LogData>& read, Offset from) const {
  if (!read) return std::unexpected(read.error());
  QuorumBatches out{read->batches.flatten(), read->first_base, read->next};
  wire::BatchWalker walker(out.bytes);
  wire::BatchHeader header;
  ByteView batch;
  Offset expected = out.first_base;
  while (walker.next(header, batch)) {
    const auto damaged = [&](std::string_view how) {
      return fail(ErrorKind::corrupt, fmt::format("the batch at {} {}", expected.value, how));
    };
    if (!wire::verify_crc(batch)) return damaged("does not match its checksum");
    const bool in_place = Offset(header.base_offset) == expected && header.last_offset() >= from.value &&
                          (expected != out.first_base || expected <= from);
    if (!in_place) return damaged(fmt::format("says it is at {}", header.base_offset));
    const auto term = terms().epoch_at(expected);
    // A log may begin within a batch; of which term what comes before it was is forgotten.
    if (term ? term->value != header.leader_epoch : expected >= start())
      return damaged(fmt::format("says it is of term {}, not {}", header.leader_epoch, term ? term->value : 0));
    expected = Offset(header.last_offset() + 1);
  }
  if (!walker.rest().empty()) return fail(ErrorKind::corrupt, fmt::format("there is no batch at {}", expected.value));
  return out;
}

void QuorumLog::on_durable(std::function<void()> durable, std::function<void(const Error&)> failed) {
  durable_ = std::move(durable);
  failed_ = std::move(failed);
}

void QuorumLog::on_durable(Offset) {
  if (durable_) durable_();
}

void QuorumLog::on_failed(const Error& error) {
  if (failed_) failed_(error);
}

Task<Result<void>> QuorumLog::truncate(Offset end) { return log_->truncate_to(end); }
Task<Result<void>> QuorumLog::restart(Offset at) { return log_->truncate_fully(at); }
Task<Result<void>> QuorumLog::trim(Offset to) { return log_->advance_start(to); }

}  // namespace holdfast
