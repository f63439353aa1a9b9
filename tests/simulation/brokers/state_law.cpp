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
    if constexpr (std::is_same_v<T, zk::CreateTxn>) registered(p);
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

void StateLaw::registered(const zk::CreateTxn& create) {
  std::string_view path = create.path;
  if (!path.starts_with(znodes::broker_ids) || path.size() <= znodes::broker_ids.size() + 1) return;
  path.remove_prefix(znodes::broker_ids.size() + 1);
  std::int32_t id = -1;
  std::from_chars(path.data(), path.data() + path.size(), id);
  brokers_[create.owner] = id;
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
  if (const auto before = now_.find(path); before != now_.end()) compare(txn, path, before->second, state);
  now_[std::string(path)] = std::move(*read);
}

void StateLaw::compare(const zk::Txn& txn, std::string_view path, const znodes::PartitionState& before,
                       const znodes::PartitionState& state) {
  const auto is_in = [](const std::vector<std::int32_t>& ids) {
    return [&ids](std::int32_t id) { return std::ranges::find(ids, id) != ids.end(); };
  };
  if (state.leader_epoch < before.leader_epoch)
    violation(txn, path, fmt::format("epoch {} after {}", state.leader_epoch, before.leader_epoch));
  if (state.leader != before.leader && state.leader_epoch == before.leader_epoch)
    violation(txn, path,
              fmt::format("the leader {} becomes {} within epoch {}", before.leader, state.leader, state.leader_epoch));
  const auto by = brokers_.find(txn.session.value);
  const std::int32_t writer = by == brokers_.end() ? -1 : by->second;
  // Whoever elects is the controller, or looked who is. A broker that has lost its copy gives up what it led, before it
  // registers.
  const bool gives_up = state.leader == -1 && (writer == -1 || writer == before.leader);
  if (state.controller_epoch < before.controller_epoch ||
      (state.leader_epoch != before.leader_epoch && !gives_up && state.controller_epoch < controller_epoch_))
    violation(txn, path, "by a controller whose epoch is over");
  // Where nobody is left of those who were in sync or eligible, somebody has decided so.
  const auto may_be = [&](std::int32_t id) { return is_in(before.isr)(id) || is_in(before.elr)(id); };
  const bool unclean = std::ranges::none_of(state.isr, may_be);
  const bool by_leader =
      writer == state.leader && state.leader == before.leader && state.leader_epoch == before.leader_epoch;
  if (by == brokers_.end() || unclean || by_leader) return;
  for (const std::int32_t id : state.isr)
    if (!may_be(id)) violation(txn, path, fmt::format("{} enters the ISR by the hand of broker {}", id, writer));
}

}  // namespace holdfast::sim
