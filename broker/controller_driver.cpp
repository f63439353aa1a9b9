#include "broker/controller_driver.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::size_t writes_in_flight = 8;
constexpr Duration retry_pause = std::chrono::milliseconds(100);
constexpr int conflicts_without_pause = 3;
constexpr int hand_over_attempts = 5;

}  // namespace

// The writes of one plan, some of them in flight.
struct ControllerDriver::Round {
  std::vector<PlannedWrite> writes;
  std::size_t next = 0, writers = 0;
  bool failed = false;
  Function<void()> done;
};

ControllerDriver::ControllerDriver(BrokerShard& broker, Ensemble& ensemble)
    : broker_(broker),
      ensemble_(ensemble),
      rules_([this](const TopicImage& topic) { return TopicRule::from(broker_.settings_of(topic)); }) {}

// ---- Who is the controller ----

void ControllerDriver::on_session(SessionId session) {
  session_ = session;
  if (leads() && !holds_controller()) resign("it has another session");
  elect_soon();
}

void ControllerDriver::on_session_lost() {
  resign("its session is lost");
  session_ = SessionId(0);
}

void ControllerDriver::elect_soon() {
  if (electing_ || leads() || session_ == SessionId(0)) return;
  electing_ = true;  // before: the task may end at once
  if (!broker_.shard().spawn(gate_, elect())) electing_ = false;
}

bool ControllerDriver::holds_controller() const {
  const zk::Znode* node = ensemble_.tree().find(znodes::controller);
  return node && session_ != SessionId(0) && node->owner == session_.value;
}

// Whoever creates /controller raises the epoch in the same transaction: a controller that does not know yet that it was
// replaced cannot write any more.
bool ControllerDriver::add_election(std::vector<Ensemble::Op>& ops) const {
  const auto epoch = ControllerEpoch::read(ensemble_.tree());
  if (!epoch) return false;
  const std::string path(znodes::controller);
  if (const zk::Znode* there = ensemble_.tree().find(path)) {
    // One of this node's own, of a life or a session before: nobody else would end it before it expires.
    const auto holder = znodes::decode_controller(as_text(there->data.view()));
    if (!holder || *holder != broker_.services().node_id) return false;
    ops.push_back(Ensemble::CheckCzxid{path, Zxid(ensemble_.tree().stat(*there).czxid)});
    ops.push_back(Ensemble::Delete{path});
  }
  ops.push_back(Ensemble::Create{path, znodes::encode_controller(broker_.services().node_id, broker_.now_ms()), false,
                                 Ensemble::Create::ephemeral});
  ops.push_back(Ensemble::Set{std::string(znodes::controller_epoch), std::to_string(epoch->epoch + 1), epoch->version});
  return true;
}

// Whatever an attempt was answered, the tree says who is the controller.
Task<void> ControllerDriver::elect() {
  while (session_ != SessionId(0) && !leads() && !gate_.closed()) {
    if (holds_controller()) {
      take_over();
      break;
    }
    std::vector<Ensemble::Op> ops;
    if (!add_election(ops)) break;
    auto done = co_await ensemble_.submit(session_, std::move(ops));
    if (done && done->error == zk::ZkError::ok) continue;
    if (done && done->error == zk::ZkError::session_expired) break;
    co_await broker_.shard().sleep(retry_pause);
  }
  electing_ = false;
}

void ControllerDriver::take_over() {
  epoch_ = ControllerEpoch::read(ensemble_.tree());
  if (!epoch_) return;
  log_line(LogLevel::info, "controller", "this broker is the controller now, epoch {}", epoch_->epoch);
  everything_ = true;
  arm_rebalance();
  work_soon();
}

void ControllerDriver::resign(std::string_view why) {
  if (!leads()) return;
  log_line(LogLevel::info, "controller", "this broker is no longer the controller of epoch {}: {}", epoch_->epoch, why);
  epoch_.reset();
  rebalance_timer_.cancel();
  everything_ = rebalance_ = false;
  topics_.clear();
}

void ControllerDriver::check_leadership() {
  if (!leads()) return elect_soon();
  if (!holds_controller()) {
    resign("another took over, or nobody yet");
    return elect_soon();
  }
  // Only a hand from outside changes the epoch while /controller stands.
  const auto now = ControllerEpoch::read(ensemble_.tree());
  if (now && now->version == epoch_->version) return;
  resign("/controller_epoch was changed");
  elect_soon();
}

// ---- What is to be done ----

void ControllerDriver::on_image(const MetadataDelta& delta) {
  if (delta.controller != -2) check_leadership();
  if (!leads()) return;
  mark(delta);
  work_soon();
}

void ControllerDriver::mark(const MetadataDelta& delta) {
  // What was dynamically configured decides whether an unclean leader may be elected.
  if (delta.brokers || delta.broker_configs) everything_ = true;
  if (everything_) return topics_.clear();
  for (std::size_t i = 0; i < delta.changed_topics.size(); ++i) {
    const std::vector<std::int32_t> none;
    const auto& partitions = i < delta.changed_partitions.size() ? delta.changed_partitions[i] : none;
    const auto [at, added] = topics_.try_emplace(delta.changed_topics[i]->name);
    if (!added && at->second.empty()) continue;  // all of it already
    at->second.insert(partitions.begin(), partitions.end());
    if (partitions.empty()) at->second.clear();
  }
}

void ControllerDriver::work_soon() {
  if (working_ || !leads()) return;
  working_ = true;
  if (!broker_.shard().spawn(gate_, work())) working_ = false;
}

Task<void> ControllerDriver::work() {
  int conflicts = 0;
  while (leads() && !gate_.closed() && (everything_ || rebalance_ || !topics_.empty())) {
    ControllerPlan plan = next_plan();
    if (plan.empty()) continue;
    tell(plan);
    const bool written = co_await write(std::move(plan), *epoch_);
    conflicts = written ? 0 : conflicts + 1;
    if (conflicts > conflicts_without_pause) co_await broker_.shard().sleep(retry_pause);
  }
  working_ = false;
}

ControllerPlan ControllerDriver::next_plan() {
  const Metadata& metadata = broker_.metadata();
  const auto topics = std::exchange(topics_, {});
  if (std::exchange(everything_, false)) return plan_repair(metadata, rules_);
  ControllerPlan plan;
  for (const auto& [name, partitions] : topics) {
    const TopicPtr topic = metadata.topic(name);
    if (!topic) continue;
    const std::vector<std::int32_t> indexes(partitions.begin(), partitions.end());
    if (auto change = plan_repair(metadata, *topic, indexes, rules_)) plan.push_back(std::move(*change));
  }
  if (plan.empty() && std::exchange(rebalance_, false) && !leaving_)
    plan = plan_rebalance(metadata, broker_.config().integer("leader.imbalance.per.broker.percentage"), rules_);
  return plan;
}

void ControllerDriver::arm_rebalance() {
  if (!broker_.config().boolean("auto.leader.rebalance.enable")) return;
  broker_.shard().arm(rebalance_timer_,
                      std::chrono::seconds(broker_.config().integer("leader.imbalance.check.interval.seconds")),
                      [this] {
                        rebalance_ = true;
                        work_soon();
                        arm_rebalance();
                      });
}

void ControllerDriver::tell(const ControllerPlan& plan) const {
  int elected = 0, lost = 0, shrunk = 0, unclean = 0, finished = 0;
  for (const TopicChange& topic : plan)
    for (const PartitionChange& change : topic.partitions) {
      const PartitionImage* now = broker_.metadata().partition(topic.topic, change.partition);
      if (!now) continue;
      if (topic.node && now->reassigning()) ++finished;
      elected += change.elected;
      unclean += change.unclean;
      lost += change.changed && change.state.leader == -1 && now->leader != -1;
      shrunk += change.shrunk;
    }
  log_line(LogLevel::info, "controller",
           "leaders elected {}, partitions left without {}, ISRs shrunk {}, reassignments finished {}", elected, lost,
           shrunk, finished);
  if (unclean > 0)
    log_line(LogLevel::warn, "controller",
             "of these leaders {} were not in sync: their topics allow it, and may have lost records", unclean);
}

// ---- Writing ----

Task<bool> ControllerDriver::write(ControllerPlan plan, ControllerEpoch epoch) {
  auto round = std::make_shared<Round>();
  round->writes = writes_of(std::move(plan), epoch, broker_.metadata());
  auto start = [this, round](Function<void()> resume) {
    round->done = std::move(resume);
    const std::size_t count = std::min(writes_in_flight, round->writes.size());
    round->writers = 1;  // until all have been started
    for (std::size_t i = 0; i < count; ++i) {
      ++round->writers;
      if (!broker_.shard().spawn(gate_, write_some(round))) --round->writers;
    }
    if (--round->writers == 0) std::exchange(round->done, nullptr)();
  };
  co_await broker_.shard().until(std::move(start));
  co_return !round->failed && round->next == round->writes.size();
}

Task<void> ControllerDriver::write_some(std::shared_ptr<Round> round) {
  while (round->next < round->writes.size() && session_ != SessionId(0)) {
    PlannedWrite& write = round->writes[round->next++];
    auto done = co_await ensemble_.submit(session_, std::move(write.ops));
    if (done && done->error == zk::ZkError::ok) {
      count_changes(broker_.metrics(), write.part);
      continue;
    }
    // The image has changed since, or will: it is planned again.
    round->failed = true;
    look_again(write.part);
    if (done && done->error == zk::ZkError::session_expired) resign("its session has expired");
    if (done && !done->ops.empty() && done->ops.front().error == zk::ZkError::bad_version) check_leadership();
  }
  if (--round->writers == 0) std::exchange(round->done, nullptr)();
}

void ControllerDriver::look_again(const ControllerPlan& part) {
  if (!leads()) return;
  for (const TopicChange& topic : part) topics_[topic.topic].clear();
}

namespace {
bool moves_leaders(const ControllerPlan& plan, const Metadata& metadata, std::int32_t from) {
  for (const TopicChange& topic : plan)
    for (const PartitionChange& change : topic.partitions) {
      const PartitionImage* now = metadata.partition(topic.topic, change.partition);
      if (now && now->leader == from) return true;
    }
  return false;
}
}  // namespace

Task<void> ControllerDriver::hand_over() {
  leaving_ = true;
  const std::int32_t self = broker_.services().node_id;
  for (int attempt = 0; attempt < hand_over_attempts && session_ != SessionId(0); ++attempt) {
    ControllerPlan plan = plan_shutdown(broker_.metadata(), self, rules_);
    const auto epoch = ControllerEpoch::read(ensemble_.tree());
    if (plan.empty() || !epoch) break;
    // Leaders that were not told that it leaves take it back into their ISRs: those it leaves with its registration.
    if (attempt > 0 && !moves_leaders(plan, broker_.metadata(), self)) break;
    std::size_t partitions = 0;
    for (const TopicChange& topic : plan) partitions += topic.partitions.size();
    const bool written = co_await write(std::move(plan), *epoch);
    if (written) log_line(LogLevel::info, "controller", "handed over {} partitions before stopping", partitions);
  }
}

Task<void> ControllerDriver::stop() {
  rebalance_timer_.cancel();
  co_await broker_.shard().drained(gate_);
}

}  // namespace holdfast
