// BrokerBody: a whole node, as the process holds it, in a simulated life.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "broker/node_rooms.h"
#include "tests/simulation/node.h"

namespace holdfast::sim {

using Settings = std::vector<std::pair<std::string, std::string>>;

class BrokerBody final : public NodeBody {
 public:
  BrokerBody(int id, const Settings& settings, const LifeParts& parts);

  Result<void> open() override;
  Task<Result<void>> bring_up() override { return rooms_.bring_up(); }
  Task<void> bring_down(bool clean) override;
  LogManager& logs() override { return rooms_.logs(); }
  Ensemble& ensemble() override { return rooms_.ensemble(); }
  bool is_impaired() override;
  NodeRooms& rooms() { return rooms_; }

 private:
  const int id_;
  const LifeParts parts_;
  NodeRooms rooms_;
};

// Of a node that is up.
inline NodeRooms& rooms_of(SimulatedNode& node) { return static_cast<BrokerBody&>(node.body()).rooms(); }

}  // namespace holdfast::sim
