// Runs tests/dialogue/producer_*.txt: conversations with what one partition remembers of its producers (how they are
// read: tests/dialogue/dialogue.h). P is a producer id; a range is of sequence numbers.
//
//   > P sends FIRST..LAST [epoch=E] [transactional]         what a client sends to the leader, which checks it
//   > P replicates FIRST..LAST [epoch=E] [transactional]    what a follower gets: appended unchecked
//   > P commits|aborts [epoch=E]                            the marker at a transaction's end
//   > time +MS | expire MS | stable | show | reload | truncate
// reload: over the snapshot file, as at a restart.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "log/producer_state.h"
#include "tests/dialogue/dialogue.h"
#include "wire/kafka/errors.h"

namespace holdfast {
namespace {

using dialogue::Words;
using wire::ErrorCode;

// As the partition says it to the client.
ErrorCode error_of(ProducerVerdict verdict) {
  switch (verdict) {
    case ProducerVerdict::out_of_order_sequence:
      return ErrorCode::out_of_order_sequence_number;
    case ProducerVerdict::invalid_epoch:
      return ErrorCode::invalid_producer_epoch;
    case ProducerVerdict::invalid_txn_state:
      return ErrorCode::invalid_txn_state;
    case ProducerVerdict::accept:
    case ProducerVerdict::duplicate:
      break;
  }
  return ErrorCode::none;
}

class Producers {
 public:
  std::string say(const std::string& line) {
    out_.clear();
    Words words(line);
    const std::string first = words.next();
    if (first == "time") {
      now_ms_ += std::stoll(words.next());
    } else if (first == "expire") {
      expire(std::stoll(words.next()));
    } else if (first == "stable") {
      out_ += fmt::format("{}\n", state_.first_unstable().value_or(Offset(end_)).value);
    } else if (first == "show") {
      show();
    } else if (first == "reload") {
      auto read = ProducerState::from_snapshot(state_.to_snapshot());
      EXPECT_TRUE(read);
      if (read) state_ = std::move(*read);
    } else if (first == "truncate") {
      state_.truncate_fully();
    } else {
      producer(std::stoll(first), words);
    }
    return out_;
  }

 private:
  void producer(std::int64_t id, Words& words) {
    const std::string verb = words.next();
    wire::BatchBuilder::Options options;
    options.base_offset = end_;
    options.producer_id = id;
    options.producer_epoch = static_cast<std::int16_t>(words.number("epoch", 0));
    options.transactional = words.flag("transactional");
    if (verb == "commits" || verb == "aborts") {
      options.transactional = options.control = true;
      return marker(options, verb == "commits" ? wire::ControlType::commit : wire::ControlType::abort);
    }
    const std::string range = words.next();
    const std::size_t dots = range.find("..");
    const std::int64_t from = std::stoll(range), to = std::stoll(range.substr(dots + 2));
    options.base_sequence = static_cast<std::int32_t>(from);
    wire::BatchBuilder builder(options);
    const std::int64_t count = (to >= from ? to - from : to - from + INT32_MAX + 1) + 1;
    for (std::int64_t i = 0; i < count; ++i) builder.append(now_ms_, std::nullopt, as_bytes("value"));
    const std::vector<std::uint8_t> batch = builder.finish();
    if (verb == "sends") {
      const ProducerState::Check check = state_.check(*wire::BatchHeader::parse(batch));
      if (check.verdict == ProducerVerdict::duplicate) {
        out_ += "duplicate of " + offsets(check.duplicate_of.base_offset().value, check.duplicate_of.last_offset.value);
        return;
      }
      if (check.verdict != ProducerVerdict::accept) {
        out_ += fmt::format("{}\n", wire::error_name(error_of(check.verdict)));
        return;
      }
    }
    append(batch);
  }

  void marker(const wire::BatchBuilder::Options& options, wire::ControlType type) {
    wire::BatchBuilder builder(options);
    wire::Writer key, value;
    key.i16(0);
    key.i16(static_cast<std::int16_t>(type));
    value.i16(0);
    value.i32(0);  // the coordinator's epoch
    builder.append(now_ms_, key.written(), value.written());
    append(builder.finish());
    for (const ProducerState::Aborted& aborted : state_.take_aborted())
      out_ += "aborted " + offsets(aborted.first_offset.value, aborted.last_offset.value);
  }

  void append(const std::vector<std::uint8_t>& batch) {
    const auto header = wire::BatchHeader::parse(batch);
    state_.update(*header, batch);
    end_ = header->last_offset() + 1;
    out_ += offsets(header->base_offset, header->last_offset());
  }

  static std::string offsets(std::int64_t first, std::int64_t last) {
    return first == last ? fmt::format("offset {}\n", first) : fmt::format("offsets {}..{}\n", first, last);
  }

  void expire(std::int64_t idle_max_ms) {
    const std::vector<const ProducerEntry*> before = sorted();
    std::vector<std::int64_t> ids;
    for (const ProducerEntry* entry : before) ids.push_back(entry->producer_id);
    state_.expire(now_ms_, idle_max_ms);
    for (const std::int64_t id : ids)
      if (!state_.producers().contains(id)) out_ += fmt::format("forgets {}\n", id);
  }

  std::vector<const ProducerEntry*> sorted() const {
    std::vector<const ProducerEntry*> entries;
    for (const auto& [_, entry] : state_.producers()) entries.push_back(&entry);
    std::ranges::sort(entries, {}, &ProducerEntry::producer_id);
    return entries;
  }

  void show() {
    for (const ProducerEntry* entry : sorted()) {
      out_ += fmt::format("{}: epoch {}", entry->producer_id, entry->epoch);
      for (const ProducerBatch& b : entry->batches) out_ += fmt::format(" {}..{}", b.first_sequence, b.last_sequence);
      if (entry->transaction_first_offset)
        out_ += fmt::format(", transaction from {}", entry->transaction_first_offset->value);
      out_ += "\n";
    }
    if (state_.producers().empty()) out_ += "nobody\n";
  }

  ProducerState state_;
  std::int64_t end_ = 0;
  std::int64_t now_ms_ = 1'700'000'000'000;
  std::string out_;
};

class ProducerDialogue : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Files, ProducerDialogue, testing::ValuesIn(dialogue::files("producer_")), dialogue::name_of);

TEST_P(ProducerDialogue, AnswersAsWritten) {
  Producers producers;
  dialogue::run(GetParam(), [&](const std::string& line) { return producers.say(line); });
}

}  // namespace
}  // namespace holdfast
