#include "tests/simulation/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::sim {
namespace {

// The next number, or the first of a later epoch.
bool follows(Zxid before, Zxid zxid) {
  const bool begins = (zxid.value & 0xffffffff) == 1 && (zxid.value >> 32) > (before.value >> 32);
  return zxid.value == before.value + 1 || begins;
}

}  // namespace

Agreement::Agreement(const zk::MachineOptions& options, History& history, Violations& violations)
    : reference_(options), empty_digest_(reference_.digest()), history_(history), violations_(violations) {}

void Agreement::violation(int node, std::string what) {
  violations_.push_back(fmt::format("I6 node {}: {}", node, what));
}

std::size_t Agreement::first_from(Zxid zxid) const {
  const auto at = std::ranges::lower_bound(sequence_, zxid, {}, &Entry::zxid);
  return static_cast<std::size_t>(at - sequence_.begin());
}

std::uint64_t Agreement::digest_before(std::size_t entry) const {
  return entry == 0 ? empty_digest_ : sequence_[entry - 1].digest;
}

void Agreement::append(int node, const zk::Txn& txn, std::vector<std::uint8_t> bytes,
                       std::optional<SteadyTime> decided) {
  const Zxid last = history_.committed.empty() ? Zxid(0) : history_.committed.back().txn.zxid;
  // Its epoch may have begun without a transaction of its own.
  const bool right = txn.has_own_zxid() ? follows(last, txn.zxid)
                                        : txn.zxid == last || (txn.zxid > last && (txn.zxid.value & 0xffffffff) == 0);
  if (!right) violation(node, fmt::format("applied 0x{:x} after 0x{:x}", txn.zxid.value, last.value));
  const zk::Effects& effects = reference_.apply(txn);
  if (!effects.contradiction.empty())
    violation(node,
              fmt::format("applied 0x{:x}, which contradicts the state: {}", txn.zxid.value, effects.contradiction));
  sequence_.push_back({txn.zxid, std::move(bytes), reference_.digest()});
  history_.committed.push_back({txn, now_(), decided});
}

void Agreement::applied(int node, const zk::Txn& txn, std::uint64_t digest, std::optional<SteadyTime> decided) {
  const Bytes encoded = zk::encode(txn);
  std::vector<std::uint8_t> bytes(encoded.data(), encoded.data() + encoded.size());
  Node& state = nodes_[node];
  std::size_t at = state.least, or_at = at;
  if (state.least < state.most) {
    at = std::max(at, first_from(txn.zxid));
    while (at < sequence_.size() && sequence_[at].zxid == txn.zxid && sequence_[at].bytes != bytes) ++at;
    // A session that moves there and back is attached by equal transactions: which of them this is, the next one tells.
    or_at = at;
    for (std::size_t n = at + 1; n <= state.most && n < sequence_.size() && sequence_[n].zxid == txn.zxid; ++n)
      if (sequence_[n].bytes == bytes) or_at = n;
  }
  if (at > state.most) {
    violation(node,
              fmt::format("applied 0x{:x} and left out 0x{:x}", txn.zxid.value, sequence_[state.most].zxid.value));
  } else if (at == sequence_.size()) {
    append(node, txn, std::move(bytes), decided);
  } else if (sequence_[at].bytes != bytes) {
    violation(node, sequence_[at].zxid == txn.zxid
                        ? fmt::format("applied another transaction with zxid 0x{:x}", txn.zxid.value)
                        : fmt::format("applied 0x{:x} where 0x{:x} stands", txn.zxid.value, sequence_[at].zxid.value));
  }
  at = std::min(at, sequence_.size() - 1);
  if (sequence_[at].digest != digest)
    violations_.push_back(
        fmt::format("I10 node {}: its state at 0x{:x} is not what replay gives", node, txn.zxid.value));
  state.least = at + 1;
  state.most = std::max(at, or_at) + 1;
}

void Agreement::shows(int node, Zxid applied, std::uint64_t digest) {
  // An attachment changes nothing that a digest tells.
  if (digest_before(first_from(applied + 1)) != digest)
    violations_.push_back(
        fmt::format("I10 node {}: its state at 0x{:x} is not what replay gives", node, applied.value));
}

void Agreement::started(int node, Zxid applied, std::uint64_t digest) {
  shows(node, applied, digest);
  Node& state = nodes_[node];
  state.most = first_from(applied + 1);
  state.least = first_from(applied);
  // The transaction itself is part of the state; of the attachments after it, nobody can say.
  if (state.least < state.most) {
    auto txn = zk::decode_txn(ByteView(sequence_[state.least].bytes));
    if (txn && txn->has_own_zxid()) ++state.least;
  }
}

void Agreement::restored(int node) { nodes_[node].most = sequence_.size(); }

void Agreement::refused_to_start(int node, const std::string& why) { violation(node, "refuses to start: " + why); }
void Agreement::failed(int node) { violation(node, "goes out of service, though its disk works"); }
void Agreement::hangs(int node) { violation(node, "does not come to its end when it is stopped"); }

}  // namespace holdfast::sim
