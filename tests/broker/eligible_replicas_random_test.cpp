// The rules of eligible leader replicas (KIP-966) against a partition to which everything happens: the real planner,
// the real InSyncReplicas in each broker, and between them logs as lists of records. Brokers hear of changes late or
// never, believe in different min.insync.replicas, lose what was not on disk when they crash, go on leading when they
// should not, and have their writes refused. After every step each replica in the ISR or the ELR has on its disk all
// that any leader ever committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>

#include "broker/broker_ids.h"
#include "broker/in_sync_replicas.h"
#include "tests/broker/controller_world.h"

namespace holdfast {
namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t walkers = 4;
constexpr Duration walk_lag_max = std::chrono::seconds(2);

// What happened in all walks together: a model in which nothing happens proves nothing.
struct Seen {
  int committed = 0, eligible_led = 0, emptied = 0, leaderless = 0, refused = 0, cut = 0;
};

class Broker final : public InSyncReplicas::Brokers {
 public:
  explicit Broker(std::int32_t self) : id(self), in_sync(self, *this) {}

  std::optional<std::int64_t> epoch_of(std::int32_t broker, const LogId&) const override {
    const auto it = view.brokers().find(broker);
    return it == view.brokers().end() ? std::nullopt : std::optional(it->second.epoch);
  }
  bool may_enter(std::int32_t, const LogId&) const override { return true; }
  const PartitionImage& image() const { return *view.partition("t", 0); }
  Offset end() const { return Offset(static_cast<std::int64_t>(log.size())); }

  // As Partition::become.
  void become(SteadyTime now) {
    const PartitionImage& p = image();
    if (!contains(p.replicas, id)) log.clear(), durable = 0, high_watermark = 0;
    const std::int32_t leader = view.still_serves(p.leader, p) ? p.leader : -1;
    const bool leads_now = leader == id;
    if (leads_now == leads && p.leader_epoch == epoch) {
      if (leads) in_sync.update(p, now);
    } else {
      leads = leads_now;
      epoch = p.leader_epoch;
      if (leads) in_sync.lead(p, end(), now);
    }
    follows = leads_now ? -1 : leader;
  }

  std::int32_t id;
  bool runs = true;
  Metadata view;  // as it has heard of it
  std::vector<int> log;
  std::size_t durable = 0, high_watermark = 0;
  bool leads = false;
  std::int32_t follows = -1;
  LeaderEpoch epoch{-1};
  std::int64_t min_isr = 2;
  InSyncReplicas in_sync;
};

class Walk {
 public:
  Walk(std::uint32_t seed, Seen& seen) : seen_(seen), random_(seed) {
    for (std::int32_t id = 1; id <= walkers; ++id) {
      world_.start(id);
      brokers_.push_back(std::make_unique<Broker>(id));
    }
    world_.topic("t", {{1, 2, 3}});
    for (auto& b : brokers_) learn(*b);
  }

  void step() {
    now_ += std::chrono::milliseconds(below(30));
    // Now and then nothing fails for a while, or nobody would ever be in sync.
    if (below(100) == 0) calm_ = below(3) != 0;
    Broker& b = *brokers_[static_cast<std::size_t>(below(walkers))];
    happen(b);
    check();
  }

 private:
  struct Write {
    std::int32_t by;
    std::int32_t version;
    InSyncReplicas::Change change;
    std::vector<std::pair<std::int32_t, std::int64_t>> others;
  };

  std::int32_t below(int n) { return static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(n)); }
  std::size_t some_of(std::size_t n) { return below(2) ? n : static_cast<std::size_t>(below(static_cast<int>(n) + 1)); }
  Broker& broker(std::int32_t id) { return *brokers_[static_cast<std::size_t>(id - 1)]; }
  const PartitionImage& state() const { return world_.partition("t", 0); }

  void happen(Broker& b) {
    switch (below(calm_ ? 18 : 24)) {
      case 0:
      case 1:
        return rejoin(b);
      case 2:
      case 3:
        return learn(b);
      case 4:
      case 5:
        return carry_out(plan_repair(world_.metadata(), rules_));
      case 6:
      case 7:
        if (b.runs && b.leads) b.log.push_back(++records_);
        return;
      case 8:
      case 9:
        if (b.runs) b.durable += some_of(b.log.size() - b.durable);
        return;
      case 10:
      case 11:
      case 12:
        return fetch(b);
      case 13:
      case 14:
        return report(b);
      case 15:
      case 16:
        return consider(b);
      case 17:
        return write();
      case 18:
        return crash(b);
      case 19:
        return world_.stop(b.id);  // its session is over; it does not know
      case 20:
        b.min_isr = 1 + below(3);
        return;
      case 21:
        min_isr_ = 1 + below(3);
        return;
      case 22:
        return carry_out(plan_shutdown(world_.metadata(), b.id, rules_));
      default:
        return ask();
    }
  }

  void crash(Broker& b) {
    b.runs = b.leads = false;
    b.follows = -1;
    b.log.resize(b.durable);
    b.high_watermark = std::min(b.high_watermark, b.durable);
    if (below(2)) world_.stop(b.id);
  }

  void rejoin(Broker& b) {
    if (b.runs && world_.alive(b.id)) return;
    world_.start(b.id);
    if (b.runs) return;
    b.runs = true;
    b.epoch = LeaderEpoch(-1);
    learn(b);
  }

  void learn(Broker& b) {
    if (!b.runs) return;
    b.view = world_.metadata();
    b.become(now_);
  }

  void ask() {
    if (below(2)) {
      const PartitionName wanted{"t", 0};
      return carry_out(plan_elections(world_.metadata(), ElectionType::preferred, {&wanted, 1}, rules_).plan);
    }
    Reassignment wanted{{"t", 0}, std::nullopt};
    if (below(3)) {
      wanted.replicas = {{1, 2, 3, 4}};
      std::ranges::shuffle(*wanted.replicas, random_);
      wanted.replicas->resize(static_cast<std::size_t>(2 + below(2)));
    }
    carry_out(plan_reassignments(world_.metadata(), {&wanted, 1}, true, rules_).plan);
  }

  void carry_out(const ControllerPlan& plan) {
    const PartitionImage before = state();
    world_.carry_out(plan);
    if (state().leader == -1 && before.leader != -1) ++seen_.leaderless;
    if (state().leader != -1 && contains(before.elr, state().leader)) ++seen_.eligible_led;
  }

  void fetch(Broker& f) {
    if (!f.runs || f.follows == -1) return;
    Broker& leader = broker(f.follows);
    if (!leader.runs || !leader.leads || leader.epoch != f.epoch || !contains(leader.image().replicas, f.id)) return;
    const auto own = f.view.brokers().find(f.id);
    if (own == f.view.brokers().end()) return;
    const auto parts = std::ranges::mismatch(f.log, leader.log).in1 - f.log.begin();
    if (static_cast<std::size_t>(parts) < f.log.size()) {
      f.log.resize(static_cast<std::size_t>(parts));
      f.durable = std::min(f.durable, f.log.size());
      f.high_watermark = std::min(f.high_watermark, f.log.size());
      ++seen_.cut;
      return;
    }
    if (!leader.in_sync.fetched(f.id, own->second.epoch, f.end(), leader.end(), now_)) return;
    const auto more = static_cast<std::ptrdiff_t>(some_of(leader.log.size() - f.log.size()));
    f.log.insert(f.log.end(), leader.log.begin() + parts, leader.log.begin() + parts + more);
    f.high_watermark = std::max(f.high_watermark, std::min(leader.high_watermark, f.log.size()));
  }

  void report(Broker& f) {
    if (!f.runs || f.follows == -1) return;
    Broker& leader = broker(f.follows);
    const auto own = f.view.brokers().find(f.id);
    if (!leader.runs || !leader.leads || leader.epoch != f.epoch || own == f.view.brokers().end()) return;
    const Offset durable(static_cast<std::int64_t>(f.durable));
    leader.in_sync.durable(f.id, own->second.epoch, durable, leader.end(), now_);
  }

  // As Partition::consider and BrokerShard::write_isr.
  void consider(Broker& b) {
    if (!b.runs || !b.leads) return;
    b.in_sync.set_rule({.min_isr = b.min_isr});
    const Offset own(static_cast<std::int64_t>(b.durable));
    if (const auto to = b.in_sync.is_under_min() ? std::nullopt : b.in_sync.high_watermark(own, now_, walk_lag_max))
      b.high_watermark = std::max(b.high_watermark, static_cast<std::size_t>(to->value));
    commit(b);
    const Offset high_watermark(static_cast<std::int64_t>(b.high_watermark));
    auto due = b.in_sync.due(high_watermark, b.end(), now_, walk_lag_max);
    if (!due) return;
    b.in_sync.propose(due->isr);
    Write write{b.id, b.in_sync.state_version(), *due, {}};
    for (const std::int32_t id : due->isr) {
      if (id == b.id) continue;
      std::int64_t epoch = b.in_sync.live_epoch(id).value_or(-1);
      if (contains(b.in_sync.isr(), id))
        epoch = b.view.still_serves(id, b.image()) ? b.view.brokers().at(id).epoch : -1;
      write.others.emplace_back(id, epoch);
    }
    writes_.push_back(std::move(write));
  }

  void commit(const Broker& b) {
    const auto parts = std::ranges::mismatch(b.log, committed_);
    const auto same = static_cast<std::size_t>(parts.in1 - b.log.begin());
    EXPECT_GE(same, std::min(committed_.size(), b.high_watermark)) << b.id << " committed something else";
    if (b.high_watermark <= committed_.size()) return;
    committed_.assign(b.log.begin(), b.log.begin() + static_cast<std::ptrdiff_t>(b.high_watermark));
    ++seen_.committed;
  }

  // What was proposed comes to the quorum, as IsrWriter writes it.
  void write() {
    if (writes_.empty()) return;
    const Write write = std::move(writes_.front());
    writes_.pop_front();
    Broker& b = broker(write.by);
    const auto& registered = world_.metadata().brokers();
    const bool guarded = std::ranges::all_of(write.others, [&](const auto& other) {
      const auto it = registered.find(other.first);
      return it != registered.end() && it->second.epoch == other.second;
    });
    if (b.runs && registered.contains(b.id) && guarded && state().leader == b.id &&
        state().state_version == write.version) {
      if (!state().elr.empty() && write.change.elr.empty()) ++seen_.emptied;
      world_.set_isr("t", 0, write.change.isr, write.change.elr);
    } else {
      ++seen_.refused;
      if (b.leads && b.in_sync.state_version() == write.version) b.in_sync.settled();
    }
  }

  void check() {
    const PartitionImage& p = state();
    EXPECT_FALSE(p.isr.empty() && p.elr.empty()) << "nobody is left who has what was committed";
    for (const Ids* ids : {&p.isr, &p.elr})
      for (const std::int32_t id : *ids) {
        // A leader that has not heard yet that it is no replica any more may have written it: nobody takes it for one.
        if (!contains(p.replicas, id)) continue;
        const Broker& b = broker(id);
        const auto parts = std::ranges::mismatch(committed_, b.log);
        const auto has = std::min(static_cast<std::size_t>(parts.in1 - committed_.begin()), b.durable);
        EXPECT_EQ(has, committed_.size())
            << id << (ids == &p.isr ? " is in sync" : " is eligible") << " and has " << has << " of what was committed";
      }
    for (const std::int32_t id : p.elr) EXPECT_FALSE(contains(p.isr, id));
  }

  Seen& seen_;
  std::mt19937 random_;
  ControllerWorld world_;
  std::vector<std::unique_ptr<Broker>> brokers_;
  SteadyTime now_{std::chrono::seconds(1000)};
  std::int64_t min_isr_ = 2;  // as the controller, and whoever asks for something, believes
  const TopicRules rules_ = [this](const TopicImage&) { return TopicRule{.replicas = {.min_isr = min_isr_}}; };
  std::deque<Write> writes_;
  std::vector<int> committed_;
  int records_ = 0;
  bool calm_ = true;
};

TEST(EligibleReplicasRandom, WhoMayLeadHasWhatWasCommitted) {
  Seen seen;
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Walk walk(seed, seen);
    for (int i = 0; i < 3000; ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      walk.step();
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(seen.committed, 5000);
  EXPECT_GT(seen.eligible_led, 1000);
  EXPECT_GT(seen.emptied, 500);
  EXPECT_GT(seen.leaderless, 1000);
  EXPECT_GT(seen.refused, 200);
  EXPECT_GT(seen.cut, 500);
}

}  // namespace
}  // namespace holdfast
