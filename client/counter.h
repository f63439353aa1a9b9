// Counter: a number in a znode, as decimal text, changed by comparing versions. Where nobody can tell whether a change
// was carried out (Apache ZooKeeper, a reply lost), it fails with CONNECTIONLOSS: it is never counted twice.
#pragma once

#include <cstdint>
#include <string>

#include "client/recipes.h"

namespace holdfast::client {

class Counter {
 public:
  Counter(ZooKeeper& zk, std::string path);

  Task<ZkOutcome<std::int64_t>> get();                 // 0 where there is no znode. BADARGUMENTS: it holds no number
  Task<ZkOutcome<std::int64_t>> add(std::int64_t by);  // what it is then
  Task<ZkOutcome<>> set(std::int64_t value);
  // Sets it if it is `expected`; whether it was.
  Task<ZkOutcome<bool>> compare_and_set(std::int64_t expected, std::int64_t value);

 private:
  struct Seen {
    std::int64_t value = 0;
    std::int32_t version = -1;  // -1: there is no znode
  };
  Task<ZkOutcome<Seen>> look();
  // False: somebody else was faster.
  Task<ZkOutcome<bool>> replace(Seen seen, std::int64_t value);

  ZooKeeper& zk_;
  const std::string path_;
};

}  // namespace holdfast::client
