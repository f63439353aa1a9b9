#include "tests/simulation/brokers/record_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace holdfast::sim {

std::string to_string(const RecordName& name) { return fmt::format("{}:{}", name.producer, name.number); }

std::optional<RecordName> record_name(std::string_view value) {
  RecordName out;
  const char* const end = value.data() + value.size();
  const auto first = std::from_chars(value.data(), end, out.producer);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, out.number);
  if (second.ec != std::errc() || second.ptr == end || *second.ptr != ' ') return std::nullopt;
  return out;
}

std::string to_string(const LogId& id) {
  return fmt::format("{}-{}", to_base64(id.topic_id).substr(0, 6), id.partition);
}

void RecordHistory::topic(const Uuid& id, TopicRules rules, const std::string& name) {
  topics_[id] = rules;
  if (!name.empty()) names_[id] = name;
}

std::optional<Uuid> RecordHistory::only_id_of(const std::string& name) const {
  std::optional<Uuid> out;
  for (const auto& [id, known_name] : names_) {
    if (known_name != name) continue;
    if (out || is_deletable(id)) return std::nullopt;
    out = id;
  }
  return out;
}

bool RecordHistory::is_durable(const Uuid& id) const {
  const auto rules = topics_.find(id);
  return rules != topics_.end() && rules->second.durable;
}

Offset RecordHistory::last_known(const LogId& id) const {
  const auto found = partitions_.find(id);
  return found == partitions_.end() || found->second.known.empty() ? Offset(-1) : found->second.known.rbegin()->first;
}

void RecordHistory::complaint(std::string what) {
  violations_.push_back(
      fmt::format("{} (at {:.3f} s)", what, std::chrono::duration<double>(now_().time_since_epoch()).count()));
}

void RecordHistory::sent(const LogId& id, RecordName name, bool once) {
  Sent& sent = partitions_[id].sent[name];
  ++sent.attempts;
  sent.once = once;
}

// How often is nobody's business but the producer's, which tries again by itself.
void RecordHistory::sent_by_name(const std::string& topic, std::int32_t partition, RecordName name, bool once) {
  sent_by_name_[{topic, partition}][name] = {UINT32_MAX, once};
}

const RecordHistory::Sent* RecordHistory::find_sent(const LogId& id, RecordName name) const {
  if (const auto partition = partitions_.find(id); partition != partitions_.end())
    if (const auto sent = partition->second.sent.find(name); sent != partition->second.sent.end()) return &sent->second;
  const auto topic = names_.find(id.topic_id);
  if (topic == names_.end()) return nullptr;
  const auto partition = sent_by_name_.find({topic->second, id.partition});
  if (partition == sent_by_name_.end()) return nullptr;
  const auto sent = partition->second.find(name);
  return sent == partition->second.end() ? nullptr : &sent->second;
}

std::vector<LogId> RecordHistory::partitions_of(const Uuid& topic) const {
  std::vector<LogId> out;
  for (const auto& [id, _] : partitions_)
    if (id.topic_id == topic) out.push_back(id);
  return out;
}

std::optional<Offset> RecordHistory::first_missing(const LogId& id, const std::set<Offset>& among) const {
  const auto partition = partitions_.find(id);
  if (partition == partitions_.end()) return std::nullopt;
  for (const auto& [offset, _] : partition->second.known)
    if (!among.contains(offset)) return offset;
  return std::nullopt;
}

void RecordHistory::know(const LogId& id, Offset at, RecordName name, const char* how) {
  if (!is_durable(id.topic_id)) return;
  const auto [there, is_new] = partitions_[id].known.try_emplace(at, name);
  if (!is_new && there->second != name)
    complaint(fmt::format("R1: {} at {}: {} was {}, before it was {}", to_string(id), at.value, to_string(name), how,
                          to_string(there->second)));
  if (is_new && on_known_) on_known_(id);
}

void RecordHistory::acknowledged(const LogId& id, RecordName name, Offset at) {
  ++acknowledged_count_;
  know(id, at, name, "acknowledged");
}

void RecordHistory::seen(const LogId& id, Offset at, RecordName name) {
  ++seen_count_;
  if (!find_sent(id, name))
    complaint(
        fmt::format("R5: {} at {}: {} was seen, which nobody sent there", to_string(id), at.value, to_string(name)));
  know(id, at, name, "seen");
}

void RecordHistory::batch_seen(const LogId& id, LeaderEpoch epoch, Offset base, std::uint32_t crc) {
  if (!is_durable(id.topic_id)) return;
  const auto [there, is_new] = partitions_[id].batches.try_emplace({epoch, base}, crc);
  if (!is_new && there->second != crc)
    complaint(fmt::format("R2: {}: two batches of epoch {} at {}", to_string(id), epoch.value, base.value));
}

void RecordHistory::may_be_trimmed(const LogId& id, Offset to) {
  Offset& asked = partitions_[id].trim_asked;
  asked = std::max(asked, to);
}

void RecordHistory::trim_acknowledged(const LogId& id, Offset low) {
  Offset& trimmed = partitions_[id].trimmed;
  trimmed = std::max(trimmed, low);
  if (on_trimmed_) on_trimmed_(id, low);
}

void RecordHistory::found(const LogId& id, Offset start, Offset end, const std::vector<FoundRecord>& records) {
  Partition& p = partitions_[id];
  const TopicRules rules = topics_.contains(id.topic_id) ? topics_.at(id.topic_id) : TopicRules{};
  const std::string where = to_string(id);
  found_count_ += records.size();

  std::map<Offset, RecordName> at;
  std::map<RecordName, std::uint32_t> times;
  Offset next = start;
  for (const FoundRecord& record : records) {
    if (record.offset < start) continue;  // of a batch that begins below
    if (record.offset != next)
      complaint(fmt::format("R3: {}: after {} comes {}", where, next.value - 1, record.offset.value));
    next = record.offset + 1;
    at[record.offset] = record.name;
    const Sent* const sent = find_sent(id, record.name);
    if (!sent) {
      complaint(
          fmt::format("R5: {} at {}: {}, which nobody sent there", where, record.offset.value, to_string(record.name)));
    } else if (++times[record.name] > (sent->once ? 1 : sent->attempts) && rules.durable) {
      complaint(fmt::format("R4: {} at {}: {} is there for the {}. time", where, record.offset.value,
                            to_string(record.name), times[record.name]));
    }
  }
  if (next < end) complaint(fmt::format("R3: {} ends at {}, not at {}", where, next.value, end.value));
  if (!rules.durable) return;

  for (const auto& [offset, name] : p.known) {
    if (offset < start) continue;
    const auto there = at.find(offset);
    if (there == at.end()) {
      complaint(fmt::format("R1: {} at {}: {} is lost; the log is from {} to {}", where, offset.value, to_string(name),
                            start.value, end.value));
    } else if (there->second != name) {
      complaint(fmt::format("R1: {} at {}: {} instead of {}", where, offset.value, to_string(there->second),
                            to_string(name)));
    }
  }
  std::map<int, std::int64_t> last;
  for (const auto& [offset, name] : at) {
    const Sent* const sent = find_sent(id, name);
    if (!sent || !sent->once) continue;
    const auto [before, is_first] = last.try_emplace(name.producer, name.number);
    if (!is_first && name.number <= before->second)
      complaint(fmt::format("R4: {} at {}: {} comes after {}:{}", where, offset.value, to_string(name), name.producer,
                            before->second));
    before->second = name.number;
  }
  if (rules.retained && start > p.trim_asked)
    complaint(
        fmt::format("R6: {} begins at {}, nobody asked for more than {}", where, start.value, p.trim_asked.value));
  if (start < p.trimmed)
    complaint(fmt::format("R6: {} begins at {}, it was trimmed to {}", where, start.value, p.trimmed.value));
}

}  // namespace holdfast::sim
