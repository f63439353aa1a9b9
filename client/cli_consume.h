// What the two ways of `holdfast consume` share: with partitions of its own choice, and as a member of a group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/cli_record.h"
#include "client/cli_session.h"
#include "client/record_view.h"

namespace holdfast::client {

struct ConsumeArguments {
  std::vector<std::string> topics;
  std::string from, until, null_text, group;
  std::optional<std::string> format, separator;
  std::optional<std::int64_t> count;
  bool to_end = false, committed = false;

  bool until_end() const { return to_end || until == "end"; }
};

// Prints records as the arguments have it, until somebody has had enough.
class RecordPrinter {
 public:
  RecordPrinter(Session& session, const ConsumeArguments& arguments, std::optional<RecordFormat> format);

  void print(const TopicPartition& partition, const RecordView& record);
  std::int64_t printed() const { return printed_; }
  bool had_enough() const { return limit_ && printed_ >= *limit_; }
  void limit(std::optional<std::int64_t> records) { limit_ = records; }
  // Hands over what was printed; false: nobody reads any more.
  bool flush() { return session_.out().flush(); }
  bool full() const { return session_.out().waiting_bytes() >= flush_bytes; }

 private:
  static constexpr std::size_t flush_bytes = 64 << 10;
  Session& session_;
  const ConsumeArguments& arguments_;
  const std::optional<RecordFormat> format_;
  const std::string separator_;
  std::optional<std::int64_t> limit_;
  std::int64_t printed_ = 0;
  std::string text_;
};

Task<Exit> consume_as_member(Session& session, const ConsumeArguments& arguments, RecordPrinter& printer);

// Suspends until somebody calls wake(); a call that nobody waits for yet counts.
class Wakeup {
 public:
  explicit Wakeup(Shard& shard) : shard_(shard) {}
  void wake();
  Task<void> wait();

 private:
  Shard& shard_;
  bool woken_ = false;
  Function<void()> resume_;
};

}  // namespace holdfast::client
