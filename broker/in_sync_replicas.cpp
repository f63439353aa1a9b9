#include "broker/in_sync_replicas.h"

#include <algorithm>

#include "broker/broker_ids.h"

namespace holdfast {
void InSyncReplicas::lead(const PartitionImage& image, Offset end, SteadyTime now) {
  followers_.clear();
  pending_.reset();
  epoch_start_ = end;
  state_version_ = -1;
  update(image, now);
}

void InSyncReplicas::update(const PartitionImage& image, SteadyTime now) {
  if (image.state_version != state_version_) pending_.reset();
  state_version_ = image.state_version;
  id_ = image.id;
  replicas_ = image.replicas;
  isr_ = image.isr;
  elr_ = image.elr;
  std::erase_if(followers_, [this](const auto& f) { return !contains(replicas_, f.first); });
  for (const std::int32_t id : replicas_) {
    if (id == self_) continue;
    const auto [it, is_new] = followers_.try_emplace(id);
    // A new leader gives every member the full time to be heard of.
    if (is_new && contains(isr_, id)) it->second.caught_up_at = now;
  }
}

bool InSyncReplicas::fetched(std::int32_t replica, std::int64_t broker_epoch, Offset end, Offset leader_end,
                             SteadyTime now) {
  const auto it = followers_.find(replica);
  if (it == followers_.end()) return false;
  Follower& f = it->second;
  const auto registered = brokers_.epoch_of(replica, id_);
  if (!registered || *registered != broker_epoch) return false;
  if (broker_epoch != f.broker_epoch) {
    const auto caught_up_at = f.caught_up_at;
    f = Follower();
    f.broker_epoch = broker_epoch;
    f.caught_up_at = caught_up_at;
  }
  f.end = end;
  f.durable = std::min(f.durable, end);
  note_position(f, leader_end, now);
  return true;
}

void InSyncReplicas::begins(std::int32_t replica, Offset start) {
  if (const auto it = followers_.find(replica); it != followers_.end()) it->second.start = start;
}

Offset InSyncReplicas::low_watermark(Offset own) const {
  Offset to = own;
  for (const auto& [id, f] : followers_)
    if (is_counted(id) || contains(elr_, id)) to = std::min(to, f.start);
  return to;
}

void InSyncReplicas::durable(std::int32_t replica, std::int64_t broker_epoch, Offset end, Offset leader_end,
                             SteadyTime now) {
  const auto it = followers_.find(replica);
  if (it == followers_.end() || it->second.broker_epoch != broker_epoch) return;
  it->second.durable = std::max(it->second.durable, end);
  note_position(it->second, leader_end, now);
}

void InSyncReplicas::note_position(Follower& f, Offset leader_end, SteadyTime now) const {
  const Offset at = position(f);
  if (at >= leader_end) {
    f.caught_up_at = now;
  } else if (f.mark >= Offset(0) && at >= f.mark) {
    f.caught_up_at = std::max(f.caught_up_at.value_or(f.marked_at), f.marked_at);
  } else if (f.mark >= Offset(0)) {
    return;
  }
  f.mark = leader_end;
  f.marked_at = now;
}

bool InSyncReplicas::keeps_up(const Follower& f, SteadyTime now, Duration lag_max) const {
  return f.caught_up_at && now - *f.caught_up_at <= lag_max;
}

bool InSyncReplicas::is_counted(std::int32_t replica) const {
  return contains(isr_, replica) || (pending_ && contains(*pending_, replica));
}

bool InSyncReplicas::is_live(std::int32_t replica, const Follower& f) const {
  const auto epoch = brokers_.epoch_of(replica, id_);
  return epoch && *epoch == f.broker_epoch;
}

bool InSyncReplicas::may_enter(std::int32_t replica, const Follower& f) const {
  return is_live(replica, f) && brokers_.may_enter(replica, id_);
}

std::optional<std::int64_t> InSyncReplicas::live_epoch(std::int32_t replica) const {
  const auto it = followers_.find(replica);
  if (it == followers_.end() || !is_live(replica, it->second)) return std::nullopt;
  return it->second.broker_epoch;
}

Offset InSyncReplicas::end_of(std::int32_t replica) const {
  const auto it = followers_.find(replica);
  return it == followers_.end() ? Offset(-1) : it->second.end;
}

std::optional<Offset> InSyncReplicas::high_watermark(Offset own, SteadyTime now, Duration lag_max) const {
  if (!elr_.empty()) return std::nullopt;
  Offset to = own;
  for (const auto& [id, f] : followers_) {
    const Offset at = position(f);
    if (is_counted(id)) {
      if (at < Offset(0)) return std::nullopt;
    } else if (at < Offset(0) || !may_enter(id, f) || !keeps_up(f, now, lag_max)) {
      continue;
    }
    to = std::min(to, at);
  }
  return to;
}

std::optional<InSyncReplicas::Change> InSyncReplicas::due(Offset high_watermark, Offset leader_end, SteadyTime now,
                                                          Duration lag_max) const {
  if (pending_ || (followers_.empty() && elr_.empty())) return std::nullopt;
  const auto belongs = [&](std::int32_t id) {
    if (id == self_) return true;
    const Follower& f = followers_.at(id);
    const Offset at = position(f);
    if (at < leader_end && !keeps_up(f, now, lag_max)) return false;
    const bool begins_there = log_start_ <= Offset(0) || f.start >= log_start_;
    return contains(isr_, id) || (may_enter(id, f) && at >= high_watermark && at >= epoch_start_ && begins_there);
  };
  const auto changes = [&](std::int32_t id) { return belongs(id) != contains(isr_, id); };
  const bool same_isr = std::ranges::none_of(replicas_, changes) &&
                        std::ranges::none_of(isr_, [&](std::int32_t id) { return !contains(replicas_, id); });
  if (same_isr && elr_.empty()) return std::nullopt;
  // In the order of the assignment, as the controller elects by it.
  Change wanted;
  for (const std::int32_t id : replicas_)
    if (belongs(id)) wanted.isr.push_back(id);
  wanted.elr = eligible_after(rule_, isr_, elr_, wanted.isr, replicas_);
  if (same_isr && wanted.elr == elr_) return std::nullopt;
  return wanted;
}

}  // namespace holdfast
