#include "log/leader_epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace holdfast {

bool LeaderEpochs::assign(LeaderEpoch epoch, Offset start) {
  if (!entries_.empty() && entries_.back().epoch == epoch && entries_.back().start <= start) return false;
  // What a new entry contradicts came from a leader that lost: it goes.
  while (!entries_.empty() && (entries_.back().epoch > epoch || entries_.back().start >= start)) entries_.pop_back();
  if (entries_.empty() || entries_.back().epoch < epoch) entries_.push_back({epoch, start});
  return true;
}

std::optional<LeaderEpoch> LeaderEpochs::latest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back().epoch;
}

std::optional<LeaderEpoch> LeaderEpochs::epoch_at(Offset offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &Entry::start);
  if (after == entries_.begin()) return std::nullopt;
  return std::prev(after)->epoch;
}

std::pair<LeaderEpoch, Offset> LeaderEpochs::end_offset_for(LeaderEpoch asked, Offset log_end) const {
  constexpr std::pair unknown{LeaderEpoch(-1), Offset(-1)};
  if (asked.value == -1 || entries_.empty() || asked > entries_.back().epoch) return unknown;
  if (asked == entries_.back().epoch) return {asked, log_end};
  const auto after = std::ranges::upper_bound(entries_, asked, {}, &Entry::epoch);
  // Below the first one we know: that epoch, if it had records, ended where our first begins.
  if (after == entries_.begin()) return {asked, after->start};
  return {std::prev(after)->epoch, after->start};
}

void LeaderEpochs::truncate_from_end(Offset end) {
  while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
}

void LeaderEpochs::truncate_from_start(Offset start) {
  const auto after = std::ranges::upper_bound(entries_, start, {}, &Entry::start);
  if (after == entries_.begin()) return;
  entries_.erase(entries_.begin(), std::prev(after));
  entries_.front().start = std::max(entries_.front().start, start);
}

std::string LeaderEpochs::to_checkpoint() const {
  std::string out = fmt::format("0\n{}\n", entries_.size());
  for (const Entry& e : entries_) out += fmt::format("{} {}\n", e.epoch.value, e.start.value);
  return out;
}

Result<LeaderEpochs> LeaderEpochs::from_checkpoint(std::string_view text) {
  const auto malformed = [] { return fail(ErrorKind::corrupt, "leader-epoch-checkpoint is malformed"); };
  std::vector<std::int64_t> numbers;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    if (*at == ' ' || *at == '\n' || *at == '\r') {
      ++at;
      continue;
    }
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), numbers.emplace_back());
    if (error != std::errc()) return malformed();
    at = end;
  }
  if (!text.ends_with('\n') || numbers.size() < 2 || numbers[0] != 0 || numbers[1] < 0 ||
      numbers.size() != 2 + 2 * static_cast<std::size_t>(numbers[1]))
    return malformed();
  LeaderEpochs out;
  for (std::size_t i = 2; i < numbers.size(); i += 2) {
    if (numbers[i] < 0 || numbers[i] > INT32_MAX || numbers[i + 1] < 0) return malformed();
    out.assign(LeaderEpoch(static_cast<std::int32_t>(numbers[i])), Offset(numbers[i + 1]));
  }
  return out;
}

}  // namespace holdfast
