#include "tests/simulation/brokers/state_law.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <variant>

#include "runtime/log_line.h"

namespace holdfast::sim {

void StateLaw::violation(const zk::Txn& txn, std::string_view path, std::string what) {
  violations_.push_back(fmt::format("R11 zxid 0x{:x}: {}: {}", txn.zxid.value, path, what));
}

void StateLaw::apply(const zk::Txn& txn) {
  if (txn.failed()) return;
  const auto part = [&](const auto& p) {
    using T = std::decay_t<decltype(p)>;
    if constexpr (std::is_same_v<T, zk::CreateTxn> || std::is_same_v<T, zk::SetDataTxn>) {
      write(txn, p.path, p.data.view());
    } else if constexpr (std::is_same_v<T, zk::DeleteTxn>) {
      remove(p.path);
    }
  };
  const auto body = [&](const auto& b) {
    if constexpr (std::is_same_v<std::decay_t<decltype(b)>, zk::MultiTxn>) {
      for (const auto& p : b.parts) std::visit(part, p);
    } else {
      part(b);
    }
  };
  std::visit(body, txn.body);
}

void StateLaw::remove(std::string_view path) {
  if (const auto it = now_.find(path); it != now_.end()) now_.erase(it);
  if (const auto it = leaders_.find(path); it != leaders_.end()) leaders_.erase(it);
}

void StateLaw::write(const zk::Txn& txn, std::string_view path, ByteView data) {
  if (path == znodes::controller_epoch) {
    const std::string_view text = as_text(data);
    std::int64_t epoch = -1;
    std::from_chars(text.data(), text.data() + text.size(), epoch);
    if (epoch < controller_epoch_) violation(txn, path, fmt::format("from {} back to {}", controller_epoch_, epoch));
    controller_epoch_ = epoch;
    return;
  }
  if (!path.starts_with(znodes::topics) || !path.ends_with("/state")) return;
  auto read = znodes::decode_partition_state(as_text(data));
  if (!read) return violation(txn, path, read.error().message);
  const znodes::PartitionState& state = *read;
  ++states_;
  log_line(LogLevel::info, "state", "zxid 0x{:x}: {} {}", txn.zxid.value, path, as_text(data));
  std::set<std::int32_t> members(state.isr.begin(), state.isr.end());
  if (members.size() != state.isr.size()) violation(txn, path, "a replica is in the ISR twice");
  if (state.leader >= 0 && !members.contains(state.leader)) violation(txn, path, "the leader is not in the ISR");
  for (const std::int32_t eligible : state.elr)
    if (members.contains(eligible)) violation(txn, path, "a replica is in the ISR, and in the ELR too");
  if (state.controller_epoch > controller_epoch_)
    violation(txn, path, fmt::format("of controller epoch {} in {}", state.controller_epoch, controller_epoch_));
  if (state.leader >= 0) {
    const auto [leader, is_new] = leaders_[std::string(path)].try_emplace(state.leader_epoch, state.leader);
    if (!is_new && leader->second != state.leader)
      violation(txn, path,
                fmt::format("epoch {} belongs to {}, and to {}", state.leader_epoch, leader->second, state.leader));
  }
  const auto before = now_.find(path);
  if (before != now_.end()) {
    if (state.leader_epoch < before->second.leader_epoch)
      violation(txn, path, fmt::format("epoch {} after {}", state.leader_epoch, before->second.leader_epoch));
    if (state.leader != before->second.leader && state.leader_epoch == before->second.leader_epoch)
      violation(txn, path,
                fmt::format("the leader {} becomes {} within epoch {}", before->second.leader, state.leader,
                            state.leader_epoch));
    if (state.controller_epoch < before->second.controller_epoch)
      violation(txn, path, "by a controller whose epoch is over");
  }
  now_[std::string(path)] = std::move(*read);
}

}  // namespace holdfast::sim
