// InSyncReplicas: what the leader of a partition knows of its replicas: how far each of them has the leader's log, who
// is in sync, how far the high watermark may go, and which change of the ISR is due. Pure: offsets, broker epochs and
// times come in, decisions go out; Partition carries them out.
//
// A replica's position is what counts towards the high watermark: by the durability contract what it has on disk, or
// for a topic with write.caching=true what it has at all, as in Kafka. It counts only as far as a fetch in this leader
// epoch has shown that its log is the leader's: what it says of its disk may be of entries that are still to be cut.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "broker/eligible_replicas.h"
#include "broker/metadata.h"
#include "runtime/clock.h"
#include "runtime/strong.h"

namespace holdfast {

class InSyncReplicas {
 public:
  // Who is alive: the epoch of a broker's registration (its czxid); nothing when it has none, or cannot serve that
  // partition.
  class Brokers {
   public:
    virtual ~Brokers() = default;
    virtual std::optional<std::int64_t> epoch_of(std::int32_t broker, const LogId& partition) const = 0;
    // Whether it can append to it, and stays. Who cannot, or stops, leaves the ISR by the controller's hand, and does
    // not enter it again.
    virtual bool may_enter(std::int32_t broker, const LogId& partition) const = 0;
  };

  InSyncReplicas(std::int32_t self, const Brokers& brokers) : self_(self), brokers_(brokers) {}

  // Which position counts, and who is eligible.
  void set_rule(const ReplicaRule& rule) { rule_ = rule; }

  // Leadership begins, in the image's epoch, with the log's end at `end`: nothing is known of the others yet.
  void lead(const PartitionImage& image, Offset end, SteadyTime now);
  // The same leadership under a new state: the ISR was written, or the assignment changed.
  void update(const PartitionImage& image, SteadyTime now);

  // A fetch at `end` whose log agrees with the leader's up to there. False: it is not the broker that is registered
  // under that id: an older life of it (KIP-903), one that this broker has not heard of yet, or a forgery. Nothing
  // changes.
  bool fetched(std::int32_t replica, std::int64_t broker_epoch, Offset end, Offset leader_end, SteadyTime now);
  // Its log begins there, as its fetch says.
  void begins(std::int32_t replica, Offset start);
  // The leader's own. Whoever enters the ISR has deleted what the leader has: it may lead next.
  void set_log_start(Offset start) { log_start_ = start; }
  // It has everything below `end` on disk.
  void durable(std::int32_t replica, std::int64_t broker_epoch, Offset end, Offset leader_end, SteadyTime now);

  // The committed ISR and those that are on their way into it: a member counts from the moment that others may take it
  // for one (KIP-497's maximal ISR).
  bool is_counted(std::int32_t replica) const;
  // How far the high watermark may go when the leader's own position is `own`; nothing while a member's position is not
  // known, nor while anybody is eligible: who is, has what was committed when it left the ISR, and no more. A replica
  // that nearly is in sync is waited for, too, or it could never catch up with a busy leader (as Kafka's
  // Partition.maybeIncrementLeaderHW does).
  std::optional<Offset> high_watermark(Offset own, SteadyTime now, Duration lag_max) const;

  // Below it nobody who may lead next has anything: no member, nobody eligible, nor this leader, whose log begins at
  // `own`; -1: not known of some of them.
  Offset low_watermark(Offset own) const;

  struct Change {
    std::vector<std::int32_t> isr, elr;
    friend bool operator==(const Change&, const Change&) = default;
  };
  // What the state should say, if it does not: members that did not keep up leave (for `lag_max` without having all
  // that the leader had), replicas that keep up and have reached the high watermark enter; nobody is eligible when
  // enough are in sync. Nothing while a change is pending.
  std::optional<Change> due(Offset high_watermark, Offset leader_end, SteadyTime now, Duration lag_max) const;
  // It is being written. Until settled() or an update() with another state, its members count.
  void propose(std::vector<std::int32_t> isr) { pending_ = std::move(isr); }
  void settled() { pending_.reset(); }
  bool is_pending() const { return pending_.has_value(); }

  const std::vector<std::int32_t>& isr() const { return isr_; }
  const std::vector<std::int32_t>& elr() const { return elr_; }
  bool is_under_min() const { return isr_.size() < min_isr(); }
  std::size_t min_isr() const { return effective_min_isr(rule_, replicas_.size()); }
  std::int32_t state_version() const { return state_version_; }
  // Registered under the epoch it last fetched with.
  std::optional<std::int64_t> live_epoch(std::int32_t replica) const;
  Offset end_of(std::int32_t replica) const;  // -1: not known

 private:
  struct Follower {
    std::int64_t broker_epoch = -1;
    Offset end{-1};      // it fetched from there: it has the leader's log below
    Offset durable{-1};  // of that, on its disk
    Offset start{-1};
    // Once its position is at `mark`, it had at `marked_at` everything that the leader had.
    Offset mark{-1};
    SteadyTime marked_at{};
    std::optional<SteadyTime> caught_up_at;
  };

  bool is_live(std::int32_t replica, const Follower& follower) const;
  bool may_enter(std::int32_t replica, const Follower& follower) const;
  bool keeps_up(const Follower& follower, SteadyTime now, Duration lag_max) const;
  Offset position(const Follower& f) const { return rule_.durable ? std::min(f.durable, f.end) : f.end; }
  void note_position(Follower& follower, Offset leader_end, SteadyTime now) const;

  std::int32_t self_;
  const Brokers& brokers_;
  LogId id_;
  std::map<std::int32_t, Follower> followers_;  // the assigned replicas but this one
  std::vector<std::int32_t> replicas_, isr_, elr_;
  std::optional<std::vector<std::int32_t>> pending_;
  std::int32_t state_version_ = -1;
  Offset epoch_start_{0}, log_start_{0};
  ReplicaRule rule_;
};

}  // namespace holdfast
