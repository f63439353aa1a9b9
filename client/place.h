// Place: the ephemeral znode by which a recipe stands in a queue, or among others, in the session that it was taken in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/recipes.h"

namespace holdfast::client {

class Place {
 public:
  explicit Place(ZooKeeper& zk) : zk_(zk) {}

  // Creates parent/_c_<guid>-<name><number>, behind all others. `number`: that one, instead of the next.
  Task<ZkOutcome<>> take(Gate& gate, std::string parent, std::string name, std::string data,
                         std::optional<SteadyTime> deadline, std::optional<std::int64_t> number = {});
  // It was taken, nobody gave it up, and its session lives.
  bool stands() const { return !node_.empty() && session_ == zk_.session_id(); }
  const std::string& node() const { return node_; }  // empty: none
  std::int64_t czxid() const { return czxid_; }
  void forget() { node_.clear(); }  // it is gone
  // It is no place of this one's from the call on: the next may be taken while it is removed. While no server can be
  // reached, that goes on behind the caller's back.
  Task<void> give_up();

 private:
  Task<void> remove(std::string node, std::int64_t session);

  ZooKeeper& zk_;
  std::string node_;
  std::int64_t session_ = 0, czxid_ = 0;
};

}  // namespace holdfast::client
