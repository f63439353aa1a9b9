#include "tests/simulation/witness.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::sim {
namespace {

// The next number, or the first ones of a later epoch.
bool follows(std::int64_t before, std::int64_t zxid) { return zxid == before + 1 || (zxid >> 32) > (before >> 32); }

}  // namespace

void Witness::violation(int node, std::string what) {
  violations_.push_back(fmt::format("I6 node {}: {}", node, what));
}

void Witness::see(int node, const zk::Txn& txn, std::optional<SteadyTime> decided, const char* where) {
  const Bytes encoded = zk::encode(txn);
  const std::int64_t zxid = txn.zxid.value;
  const auto known = entries_.find(zxid);
  if (known != entries_.end()) {
    if (!std::ranges::equal(known->second.bytes, encoded.view()))
      violation(node, fmt::format("{} another transaction with zxid 0x{:x}", where, zxid));
    return;
  }
  const std::int64_t before = last().value;
  if (zxid < before) return violation(node, fmt::format("{} 0x{:x}, which nobody had applied", where, zxid));
  if (!entries_.empty() && !follows(before, zxid))
    violation(node, fmt::format("{} 0x{:x} after 0x{:x}", where, zxid, before));
  reference_.apply(txn);
  entries_.emplace(zxid, Entry{{encoded.data(), encoded.data() + encoded.size()}, reference_.digest()});
  history_.committed.push_back({txn, now_(), decided});
}

void Witness::check_digest(int node, std::int64_t zxid, std::uint64_t digest) {
  const auto entry = entries_.find(zxid);
  if (entry != entries_.end() && entry->second.digest != digest)
    violations_.push_back(fmt::format("I10 node {}: its state at 0x{:x} is not what replay gives", node, zxid));
}

void Witness::applied(int node, const zk::Txn& txn, std::uint64_t digest, std::optional<SteadyTime> decided) {
  const std::int64_t zxid = txn.zxid.value;
  std::int64_t& newest = applied_[node];
  const auto expected = entries_.upper_bound(newest);
  if (zxid <= newest) {
    violation(node, fmt::format("applied 0x{:x} after 0x{:x}", zxid, newest));
  } else if (expected != entries_.end() && expected->first < zxid) {
    violation(node, fmt::format("applied 0x{:x} and left out 0x{:x}", zxid, expected->first));
  }
  newest = zxid;
  see(node, txn, decided, "applied");
  check_digest(node, zxid, digest);
}

void Witness::log_was_read(int node, const std::vector<zk::Txn>& log) {
  for (std::size_t i = 1; i < log.size(); ++i)
    if (!follows(log[i - 1].zxid.value, log[i].zxid.value))
      violation(node, fmt::format("its log has 0x{:x} after 0x{:x}", log[i].zxid.value, log[i - 1].zxid.value));
  // From where the log begins it has all that was ever applied.
  auto expected = log.empty() ? entries_.end() : entries_.lower_bound(log.front().zxid.value);
  for (const zk::Txn& txn : log) {
    if (expected != entries_.end() && expected->first < txn.zxid.value)
      violation(node, fmt::format("its log lacks 0x{:x}, which was applied", expected->first));
    see(node, txn, std::nullopt, "its log holds");
    expected = entries_.upper_bound(txn.zxid.value);
  }
}

void Witness::started(int node, Zxid applied, std::uint64_t digest) {
  applied_[node] = applied.value;
  if (applied < last())
    violation(node, fmt::format("starts at 0x{:x}, but had applied 0x{:x}", applied.value, last().value));
  if (applied != Zxid(0) && !entries_.contains(applied.value))
    violation(node, fmt::format("starts at 0x{:x}, which nobody had applied and its log lacks", applied.value));
  check_digest(node, applied.value, digest);
}

void Witness::refused_to_start(int node, const std::string& why) { violation(node, "refuses to start: " + why); }

}  // namespace holdfast::sim
