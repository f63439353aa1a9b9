#include "broker/controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "broker/broker_ids.h"

namespace holdfast {

using wire::ErrorCode;

namespace {

using Ids = std::vector<std::int32_t>;

Ids without(const Ids& ids, const Ids& gone) {
  Ids out;
  for (const std::int32_t id : ids)
    if (!contains(gone, id)) out.push_back(id);
  return out;
}

// Those of them that are among `others`.
Ids of(const Ids& ids, const Ids& others) {
  Ids out;
  for (const std::int32_t id : ids)
    if (contains(others, id)) out.push_back(id);
  return out;
}

// The first of `order` that is among `ids`; -1: none.
std::int32_t first_among(const Ids& order, const Ids& ids) {
  const auto it = std::ranges::find_if(order, [&](std::int32_t id) { return contains(ids, id); });
  return it == order.end() ? -1 : *it;
}

// Those of them that are alive, and can serve the partition.
Ids alive_of(const Metadata& metadata, const PartitionImage& p, const Ids& ids) {
  Ids out;
  for (const std::int32_t id : ids)
    if (metadata.serves(id, p)) out.push_back(id);
  return out;
}

// Those of them that have room for more records; all, if none has: then who leads, leads on and refuses them.
Ids with_room(const Metadata& metadata, const PartitionImage& p, Ids ids) {
  Ids out;
  for (const std::int32_t id : ids)
    if (metadata.can_append(id, p)) out.push_back(id);
  return out.empty() ? ids : out;
}

// A topic's rule, asked for once, when it is needed.
class Rule {
 public:
  Rule(const TopicRules& rules, const TopicImage& topic) : rules_(rules), topic_(topic) {}
  const TopicRule& operator*() const {
    if (!known_) known_ = rules_(topic_);
    return *known_;
  }
  const TopicRule* operator->() const { return &**this; }

 private:
  const TopicRules& rules_;
  const TopicImage& topic_;
  mutable std::optional<TopicRule> known_;
};

// Another leader, or the same one in another life: both are new leaderships, and only they raise the epoch. The epoch
// rises once from `before` to what is planned, however often the plan changes its mind.
void lead(PartitionImage& next, const PartitionImage& before, std::int32_t leader) {
  next.leader = leader;
  next.leader_epoch = LeaderEpoch(before.leader_epoch.value + 1);
  if (leader != -1) {
    next.last_known_elr.clear();
  } else if (next.isr.empty() && before.leader != -1) {
    next.last_known_elr = {before.leader};
  }
}

// Others are in sync; who is not any more may be eligible.
void set_isr(PartitionImage& next, Ids isr, const Rule& rule) {
  next.elr = eligible_after(rule->replicas, next.isr, next.elr, isr, next.replicas);
  next.isr = std::move(isr);
}

// Who can lead: somebody in sync; or else somebody eligible, who alone is in sync then; -1: nobody.
std::int32_t choose_leader(const Metadata& metadata, PartitionImage& next, const Rule& rule) {
  const auto first_of = [&](const Ids& ids) {
    return first_among(next.replicas, with_room(metadata, next, alive_of(metadata, next, ids)));
  };
  if (const std::int32_t id = first_of(next.isr); id != -1) return id;
  const std::int32_t id = first_of(next.elr);
  if (id != -1) set_isr(next, {id}, rule);
  return id;
}

// ---- Failed brokers ----

// The members of the ISR that are as they were when it was written. Should all have failed since, those of them that
// are back: what was committed was durable on each of them.
Ids standing_members(const Metadata& metadata, const PartitionImage& p) {
  Ids out;
  for (const std::int32_t id : p.isr)
    if (contains(p.replicas, id) && metadata.still_serves(id, p)) out.push_back(id);
  if (!out.empty()) return out;
  for (const std::int32_t id : p.isr)
    if (contains(p.replicas, id) && metadata.serves(id, p)) out.push_back(id);
  return out;
}

// An unclean leader: the last that led; or the first live replica, of those that were there before a reassignment began
// if possible.
std::int32_t unclean_leader(const Metadata& metadata, const PartitionImage& p) {
  const Ids alive = alive_of(metadata, p, p.replicas);
  if (const std::int32_t last = first_among(p.last_known_elr, alive); last != -1) return last;
  const std::int32_t settled = first_among(without(p.replicas, p.adding), alive);
  return settled != -1 ? settled : first_among(p.replicas, alive);
}

// The partition with its failed brokers out of it, and those that cannot append as long as another can. Those who have
// what was committed are never forgotten: the last members of the ISR are eligible, or, where nobody can be, stay in
// it.
PartitionImage healed(const Metadata& metadata, const PartitionImage& p, const Rule& rule, bool unclean) {
  PartitionImage next = p;
  Ids members = with_room(metadata, p, standing_members(metadata, p));
  if (contains(members, p.leader) && metadata.still_serves(p.leader, p)) {
    if (members != p.isr) set_isr(next, std::move(members), rule);
    return next;
  }
  if (members != p.isr && (!members.empty() || rule->replicas.durable)) set_isr(next, std::move(members), rule);
  if (std::int32_t id = choose_leader(metadata, next, rule); id != -1) {
    lead(next, p, id);
  } else if (id = unclean ? unclean_leader(metadata, p) : -1; id != -1) {
    next.isr = {id};
    next.elr.clear();
    lead(next, p, id);
  } else if (p.leader != -1) {
    lead(next, p, -1);
  }
  return next;
}

// ---- Reassignments (KIP-455) ----

// Ends a reassignment once the whole target is in sync (Kafka's PartitionReassignmentReplicas); the replicas that go
// leave with it.
bool finish(PartitionImage& next, const PartitionImage& before) {
  if (!next.reassigning() || next.leader == -1) return false;
  const Ids target = without(next.replicas, next.removing);
  if (target.empty() || !std::ranges::all_of(target, [&](std::int32_t id) { return contains(next.isr, id); }))
    return false;
  next.isr = without(next.isr, next.removing);
  next.elr.clear();  // no replica is out of sync
  if (!contains(target, next.leader)) lead(next, before, first_among(target, next.isr));
  next.replicas = target;
  next.adding.clear();
  next.removing.clear();
  return true;
}

// A replica that goes deletes its log, and may be given the partition again. What it told the leader before must not
// count then, nor what the leader was about to write of it: the leadership is a new one (as in Kafka's
// PartitionChangeBuilder).
void fence_removed(PartitionImage& next, const PartitionImage& before) {
  const bool fenced = next.leader == -1 || next.leader_epoch != before.leader_epoch;
  if (!fenced && !without(before.replicas, next.replicas).empty()) lead(next, before, next.leader);
}

// Other replicas, at once. False if nobody is left who has what was committed, or no leader where there is one.
bool replace(const Metadata& metadata, PartitionImage& p, const PartitionImage& before, Ids replicas, Ids adding,
             Ids removing, const Rule& rule) {
  Ids isr = of(p.isr, replicas), elr = of(p.elr, replicas);
  if (isr.empty() && (elr.empty() || (p.leader != -1 && alive_of(metadata, p, elr).empty()))) {
    if (!rule->unclean) return false;
    const std::int32_t alive = first_among(replicas, alive_of(metadata, p, replicas));
    isr = {alive != -1 ? alive : replicas.front()};
    elr.clear();
  }
  p.replicas = std::move(replicas);
  p.adding = std::move(adding);
  p.removing = std::move(removing);
  p.isr = std::move(isr);
  p.elr = std::move(elr);
  if (contains(p.isr, p.leader)) return true;
  const std::int32_t leader = choose_leader(metadata, p, rule);
  if (leader != p.leader) lead(p, before, leader);
  return true;
}

AdminAnswer cancel(const Metadata& metadata, const Reassignment& wanted, PartitionImage& p,
                   const PartitionImage& before, const Rule& rule) {
  if (!p.reassigning()) return {ErrorCode::no_reassignment_in_progress, {}};
  const Ids origin = without(p.replicas, p.adding);
  if (origin.empty())
    return {ErrorCode::invalid_replica_assignment, "Invalid replica assignment: addingReplicas contains all replicas."};
  if (!replace(metadata, p, before, origin, {}, {}, rule))
    return {ErrorCode::invalid_replica_assignment,
            fmt::format("Unable to revert partition assignment for {}:{} because it would require an unclean leader "
                        "election.",
                        wanted.partition.topic, wanted.partition.partition)};
  return {};
}

AdminAnswer reassign(const Metadata& metadata, const Reassignment& wanted, bool allow_replication_factor_change,
                     PartitionImage& p, const PartitionImage& before, const Rule& rule) {
  const Ids& target = *wanted.replicas;
  if (auto fault = replicas_fault(metadata, target, p.replicas))
    return {ErrorCode::invalid_replica_assignment, std::move(*fault)};
  // KIP-860. What counts is where the partition is going already.
  const std::size_t now = p.replicas.size() - p.removing.size();
  if (!allow_replication_factor_change && now != target.size())
    return {ErrorCode::invalid_replication_factor,
            fmt::format("The replication factor is changed from {} to {}", now, target.size())};
  // A reassignment in the place of another goes from where that one began; what that one was adding, and this one does
  // not want, goes at once.
  const Ids origin = without(p.replicas, p.adding);
  const Ids removing = without(origin, target);
  Ids replicas = target;
  replicas.insert(replicas.end(), removing.begin(), removing.end());
  if (!replace(metadata, p, before, std::move(replicas), without(target, origin), removing, rule))
    return {ErrorCode::invalid_replica_assignment,
            fmt::format("Unable to change partition assignment for {}:{} because it would require an unclean leader "
                        "election.",
                        wanted.partition.topic, wanted.partition.partition)};
  return {};
}

// ---- Plans ----

bool same_state(const PartitionImage& a, const PartitionImage& b) {
  return a.leader == b.leader && a.leader_epoch == b.leader_epoch && a.isr == b.isr && a.elr == b.elr &&
         a.last_known_elr == b.last_known_elr;
}

bool same_replicas(const PartitionImage& a, const PartitionImage& b) {
  return a.replicas == b.replicas && a.adding == b.adding && a.removing == b.removing;
}

// Collects what changes in a topic.
class TopicDraft {
 public:
  explicit TopicDraft(const TopicImage& topic) : topic_(topic) {}

  const PartitionImage* now(std::int32_t index) const {  // null: nothing was decided yet
    const auto it = next_.find(index);
    return it != next_.end() ? &it->second : nullptr;
  }
  const PartitionImage& before(std::int32_t index) const { return topic_.partitions[static_cast<std::size_t>(index)]; }
  void set(std::int32_t index, PartitionImage next) { next_.insert_or_assign(index, std::move(next)); }

  std::optional<TopicChange> change() const {
    TopicChange out;
    out.topic = topic_.name;
    out.czxid = topic_.czxid;
    out.expected_version = topic_.version;
    for (const auto& [index, next] : next_) {
      const PartitionImage& old = before(index);
      const bool moved = !same_replicas(next, old), changed = !same_state(next, old);
      if (!moved && !changed) continue;
      if (moved) {
        if (!out.node) out.node = topic_znode(topic_);
        out.node->replicas[index] = next.replicas;
        write(out.node->adding, index, next.adding);
        write(out.node->removing, index, next.removing);
      }
      znodes::PartitionState state;
      state.leader = next.leader;
      state.leader_epoch = next.leader_epoch.value;
      state.isr = next.isr;
      state.elr = next.elr;
      state.last_known_elr = next.last_known_elr;
      const bool elected = next.leader != -1 && next.leader_epoch != old.leader_epoch;
      const bool clean = contains(old.isr, next.leader) || contains(old.elr, next.leader);
      out.partitions.push_back({.partition = index,
                                .state = std::move(state),
                                .expected_version = old.state_version,
                                .changed = changed,
                                .elected = elected,
                                .unclean = elected && !clean,
                                .shrunk = next.isr.size() < old.isr.size()});
    }
    if (out.partitions.empty()) return std::nullopt;
    return out;
  }

 private:
  static void write(std::map<std::int32_t, Ids>& to, std::int32_t index, const Ids& ids) {
    if (ids.empty()) {
      to.erase(index);
    } else {
      to[index] = ids;
    }
  }

  const TopicImage& topic_;
  std::map<std::int32_t, PartitionImage> next_;
};

void add(ControllerPlan& plan, const TopicDraft& draft) {
  if (auto change = draft.change()) plan.push_back(std::move(*change));
}

}  // namespace

TopicRule TopicRule::from(const TopicSettings& settings) {
  return {.replicas = {.min_isr = settings.min_insync_replicas, .durable = !settings.write_caching},
          .unclean = settings.unclean_leader_election};
}

std::optional<TopicChange> plan_repair(const Metadata& metadata, const TopicImage& topic,
                                       std::span<const std::int32_t> partitions, const TopicRules& rules) {
  TopicDraft draft(topic);
  const Rule rule(rules, topic);
  const auto look_at = [&](std::int32_t index) {
    const PartitionImage& p = draft.before(index);
    PartitionImage next = healed(metadata, p, rule, false);
    if (next.leader == -1 && !alive_of(metadata, p, p.replicas).empty() && rule->unclean)
      next = healed(metadata, p, rule, true);
    finish(next, p);
    fence_removed(next, p);
    draft.set(index, std::move(next));
  };
  for (const std::int32_t index : partitions)
    if (index >= 0 && static_cast<std::size_t>(index) < topic.partitions.size()) look_at(index);
  if (partitions.empty())
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) look_at(static_cast<std::int32_t>(i));
  return draft.change();
}

ControllerPlan plan_repair(const Metadata& metadata, const TopicRules& rules) {
  ControllerPlan plan;
  for (const auto& [_, topic] : metadata.topics())
    if (auto change = plan_repair(metadata, *topic, {}, rules)) plan.push_back(std::move(*change));
  return plan;
}

ControllerPlan plan_rebalance(const Metadata& metadata, std::int64_t allowed_percent, const TopicRules& rules) {
  struct Balance {
    std::int64_t preferred = 0, elsewhere = 0;
  };
  std::map<std::int32_t, Balance> balances;
  for (const auto& [_, topic] : metadata.topics())
    for (const PartitionImage& p : topic->partitions) {
      if (p.replicas.empty()) continue;
      Balance& balance = balances[p.replicas.front()];
      ++balance.preferred;
      if (p.leader != p.replicas.front()) ++balance.elsewhere;
    }
  ControllerPlan plan;
  for (const auto& [_, topic] : metadata.topics()) {
    TopicDraft draft(*topic);
    const Rule rule(rules, *topic);
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionImage& p = topic->partitions[i];
      if (p.replicas.empty() || p.reassigning() || p.leader == p.replicas.front()) continue;
      const Balance& balance = balances[p.replicas.front()];
      if (balance.elsewhere * 100 <= allowed_percent * balance.preferred) continue;
      // What has to be repaired first is: the rebalance comes again.
      if (!contains(p.isr, p.replicas.front()) || !metadata.can_append(p.replicas.front(), p) ||
          !same_state(healed(metadata, p, rule, false), p))
        continue;
      PartitionImage next = p;
      lead(next, p, p.replicas.front());
      draft.set(static_cast<std::int32_t>(i), std::move(next));
    }
    add(plan, draft);
  }
  return plan;
}

ControllerPlan plan_shutdown(const Metadata& metadata, std::int32_t broker, const TopicRules& rules) {
  ControllerPlan plan;
  for (const auto& [_, topic] : metadata.topics()) {
    TopicDraft draft(*topic);
    const Rule rule(rules, *topic);
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionImage& p = topic->partitions[i];
      if (!contains(p.isr, broker)) continue;
      PartitionImage next = healed(metadata, p, rule, false);
      const Ids others = without(alive_of(metadata, p, next.isr), {broker});
      if (others.empty()) continue;
      set_isr(next, others, rule);
      if (next.leader == broker) lead(next, p, first_among(p.replicas, with_room(metadata, p, others)));
      draft.set(static_cast<std::int32_t>(i), std::move(next));
    }
    add(plan, draft);
  }
  return plan;
}

namespace {

// The partition that a request names, or why there is none.
AdminAnswer find_partition(const Metadata& metadata, const PartitionName& name, std::string no_topic,
                           std::string no_partition) {
  const TopicPtr topic = metadata.topic(name.topic);
  if (!topic) return {ErrorCode::unknown_topic_or_partition, std::move(no_topic)};
  if (name.partition < 0 || static_cast<std::size_t>(name.partition) >= topic->partitions.size())
    return {ErrorCode::unknown_topic_or_partition, std::move(no_partition)};
  return {};
}

AdminAnswer told(ErrorCode error) { return {error, std::string(wire::error_message(error))}; }

// As Kafka's PartitionChangeBuilder elects: the preferred replica if it is in sync; any other that is, only when there
// is no leader to keep.
AdminAnswer elect(const Metadata& metadata, ElectionType type, const PartitionImage& p, const Rule& rule,
                  PartitionImage& next) {
  const std::int32_t preferred = p.replicas.empty() ? -1 : p.replicas.front();
  if (type == ElectionType::preferred ? p.leader == preferred : p.leader != -1)
    return told(ErrorCode::election_not_needed);
  next = healed(metadata, p, rule, type == ElectionType::unclean);
  if (type == ElectionType::preferred && contains(next.isr, preferred) && metadata.can_append(preferred, p))
    lead(next, p, preferred);
  if (next.leader != -1 && next.leader_epoch != p.leader_epoch) return {};
  next = p;
  return told(type == ElectionType::preferred ? ErrorCode::preferred_leader_not_available
                                              : ErrorCode::eligible_leaders_not_available);
}

using Drafts = std::map<std::string, TopicDraft, std::less<>>;

TopicDraft& draft_of(Drafts& drafts, const TopicImage& topic) {
  return drafts.try_emplace(topic.name, topic).first->second;
}

void add_all(ControllerPlan& plan, const Drafts& drafts) {
  for (const auto& [_, draft] : drafts) add(plan, draft);
}

}  // namespace

AnsweredPlan plan_elections(const Metadata& metadata, ElectionType type, std::span<const PartitionName> wanted,
                            const TopicRules& rules) {
  AnsweredPlan out;
  Drafts drafts;
  for (const PartitionName& name : wanted) {
    AdminAnswer answer = find_partition(metadata, name, "No such topic as " + name.topic,
                                        fmt::format("No such partition as {}-{}", name.topic, name.partition));
    if (answer.error == ErrorCode::none) {
      const TopicPtr topic = metadata.topic(name.topic);
      TopicDraft& draft = draft_of(drafts, *topic);
      PartitionImage next;
      answer = elect(metadata, type, draft.before(name.partition), Rule(rules, *topic), next);
      if (answer.error == ErrorCode::none) draft.set(name.partition, std::move(next));
    }
    out.answers.push_back(std::move(answer));
  }
  add_all(out.plan, drafts);
  return out;
}

AnsweredPlan plan_reassignments(const Metadata& metadata, std::span<const Reassignment> wanted,
                                bool allow_replication_factor_change, const TopicRules& rules) {
  AnsweredPlan out;
  Drafts drafts;
  for (const Reassignment& want : wanted) {
    const PartitionName& name = want.partition;
    AdminAnswer answer = find_partition(metadata, name, fmt::format("Unable to find a topic named {}.", name.topic),
                                        fmt::format("Unable to find partition {}:{}.", name.topic, name.partition));
    if (answer.error == ErrorCode::none) {
      const TopicPtr topic = metadata.topic(name.topic);
      TopicDraft& draft = draft_of(drafts, *topic);
      const PartitionImage& before = draft.before(name.partition);
      // Whatever state is written knows of the failures before it.
      const Rule rule(rules, *topic);
      PartitionImage next =
          draft.now(name.partition) ? *draft.now(name.partition) : healed(metadata, before, rule, false);
      answer = want.replicas ? reassign(metadata, want, allow_replication_factor_change, next, before, rule)
                             : cancel(metadata, want, next, before, rule);
      if (answer.error == ErrorCode::none) {
        finish(next, before);  // nothing to wait for: it is done with
        fence_removed(next, before);
        draft.set(name.partition, std::move(next));
      }
    }
    out.answers.push_back(std::move(answer));
  }
  add_all(out.plan, drafts);
  return out;
}

}  // namespace holdfast
