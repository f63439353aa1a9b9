// ControllerDriver: makes its broker the controller when nobody is, and while it is, writes what the planner
// (controller.h) finds in the image to be changed. Every broker has one. Taking over costs one transaction: the broker
// holds the whole image already. Lives on shard 0, with the ensemble.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "broker/broker_shard.h"
#include "broker/controller_writes.h"
#include "coordination/ensemble.h"

namespace holdfast {

class ControllerDriver {
 public:
  ControllerDriver(BrokerShard& broker, Ensemble& ensemble);

  // The broker's session: on it everything is written, and with it /controller goes.
  void on_session(SessionId session);
  void on_session_lost();
  // After shard 0 has applied the change.
  void on_image(const MetadataDelta& delta);
  bool leads() const { return epoch_.has_value(); }

  // Before this broker stops, whoever is the controller: what it leads goes to others. Ends when nothing more can be
  // handed over, or cannot be written.
  Task<void> hand_over();
  Task<void> stop();

 private:
  struct Round;

  void elect_soon();
  Task<void> elect();
  bool add_election(std::vector<Ensemble::Op>& ops) const;  // false: there is a controller, and it is not us
  bool holds_controller() const;
  void take_over();
  void resign(std::string_view why);
  void check_leadership();

  void mark(const MetadataDelta& delta);
  void work_soon();
  Task<void> work();
  ControllerPlan next_plan();
  void tell(const ControllerPlan& plan) const;
  // True when all of it was written.
  Task<bool> write(ControllerPlan plan, ControllerEpoch epoch);
  Task<void> write_some(std::shared_ptr<Round> round);
  void look_again(const ControllerPlan& part);
  void arm_rebalance();

  BrokerShard& broker_;
  Ensemble& ensemble_;
  const TopicRules rules_;
  Gate gate_;
  SessionId session_{0};
  std::optional<ControllerEpoch> epoch_;  // as it was written when this broker became the controller
  bool electing_ = false, working_ = false, leaving_ = false;
  // What is to be looked at: everything, or these partitions of these topics (none: all of them).
  bool everything_ = false, rebalance_ = false;
  std::map<std::string, std::set<std::int32_t>, std::less<>> topics_;
  Timer rebalance_timer_;
};

}  // namespace holdfast
