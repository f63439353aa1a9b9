// StateLaw: what the znodes of a cluster's partitions may say, one transaction after the other. A leader epoch belongs
// to one leader, and rises with every change of leader; nobody writes for a controller epoch that is over; nobody but
// the leader takes a replica into the ISR.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "broker/znodes.h"
#include "tests/simulation/history.h"

namespace holdfast::sim {

class StateLaw {
 public:
  explicit StateLaw(Violations& violations) : violations_(violations) {}
  void apply(const zk::Txn& txn);
  std::uint64_t states() const { return states_; }  // that were written

 private:
  void write(const zk::Txn& txn, std::string_view path, ByteView data);
  void remove(std::string_view path);
  void registered(const zk::CreateTxn& create);
  void compare(const zk::Txn& txn, std::string_view path, const znodes::PartitionState& before,
               const znodes::PartitionState& state);
  void violation(const zk::Txn& txn, std::string_view path, std::string what);

  Violations& violations_;
  std::map<std::string, znodes::PartitionState, std::less<>> now_;                    // by path
  std::map<std::string, std::map<std::int32_t, std::int32_t>, std::less<>> leaders_;  // by path and epoch
  std::map<std::int64_t, std::int32_t> brokers_;  // by the session that registered them
  std::int64_t controller_epoch_ = 0;
  std::uint64_t states_ = 0;
};

}  // namespace holdfast::sim
