#include "tests/simulation/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdfast::sim {
namespace {

// The next number, or the first ones of a later epoch.
bool follows(std::int64_t before, std::int64_t zxid) { return zxid == before + 1 || (zxid >> 32) > (before >> 32); }

}  // namespace

void Witness::violation(int node, std::string what) {
  violations_.push_back(fmt::format("I6 node {}: {}", node, what));
}

void Witness::see(int node, const zk::Txn& txn, SteadyTime at, std::optional<SteadyTime> decided, const char* where) {
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
  history_.committed.push_back({txn, at, decided});
}

void Witness::check_digest(int node, std::int64_t zxid, std::uint64_t digest) {
  const auto entry = entries_.find(zxid);
  if (entry != entries_.end() && entry->second.digest != digest)
    violations_.push_back(fmt::format("I10 node {}: its state at 0x{:x} is not what replay gives", node, zxid));
}

void Witness::process(int node, Node& state, const Applied& applied) {
  const std::int64_t zxid = applied.txn.zxid.value;
  const auto expected = entries_.upper_bound(state.last);
  if (zxid <= state.last) {
    violation(node, fmt::format("applied 0x{:x} after 0x{:x}", zxid, state.last));
  } else if (expected != entries_.end() && expected->first < zxid) {
    violation(node, fmt::format("applied 0x{:x} and left out 0x{:x}", zxid, expected->first));
  }
  state.last = zxid;
  see(node, applied.txn, applied.at, applied.decided, "applied");
  check_digest(node, zxid, applied.digest);
}

void Witness::applied(int node, const zk::Txn& txn, std::uint64_t digest, std::optional<SteadyTime> decided) {
  Node& state = nodes_[node];
  const Applied one{txn, digest, now_(), decided};
  if (state.is_starting) {
    state.waiting.push_back(one);
  } else {
    process(node, state, one);
  }
}

void Witness::started(int node, Zxid applied, std::uint64_t digest) {
  Node& state = nodes_[node];
  std::ranges::move(state.waiting, std::back_inserter(state.of_earlier_lives));
  state.waiting.clear();
  // What a life found whose log was not read in time, it had made known all the same.
  if (!std::exchange(state.is_starting, true)) state.started_at = now_();
  state.last = state.start = applied.value;
  state.start_digest = digest;
  const std::int64_t newest =
      std::max(last().value, state.of_earlier_lives.empty() ? 0 : state.of_earlier_lives.back().txn.zxid.value);
  if (applied.value < newest)
    violation(node, fmt::format("starts at 0x{:x}, but had applied 0x{:x}", applied.value, newest));
}

void Witness::log_was_read(int node, const std::vector<zk::Txn>& log) {
  Node& state = nodes_[node];
  for (std::size_t i = 1; i < log.size(); ++i)
    if (!follows(log[i - 1].zxid.value, log[i].zxid.value))
      violation(node, fmt::format("its log has 0x{:x} after 0x{:x}", log[i].zxid.value, log[i - 1].zxid.value));
  // From where the log begins it has all that was ever applied, up to what this node has applied.
  auto expected = log.empty() ? entries_.end() : entries_.lower_bound(log.front().zxid.value);
  for (const zk::Txn& txn : log) {
    if (expected != entries_.end() && expected->first < txn.zxid.value)
      violation(node, fmt::format("its log lacks 0x{:x}, which was applied", expected->first));
    see(node, txn, state.started_at, std::nullopt, "its log holds");
    expected = entries_.upper_bound(txn.zxid.value);
  }
  for (const Applied& applied : state.of_earlier_lives) {
    see(node, applied.txn, applied.at, applied.decided, "applied");
    check_digest(node, applied.txn.zxid.value, applied.digest);
  }
  state.of_earlier_lives.clear();
  if (state.start != 0 && !entries_.contains(state.start))
    violation(node, fmt::format("starts at 0x{:x}, which nobody had applied and its log lacks", state.start));
  check_digest(node, state.start, state.start_digest);
  state.is_starting = false;
  for (const Applied& applied : std::exchange(state.waiting, {})) process(node, state, applied);
}

void Witness::refused_to_start(int node, const std::string& why) { violation(node, "refuses to start: " + why); }

}  // namespace holdfast::sim
