// Queue: first in, first out, of any number of writers and takers. An item is one znode, below jute.maxbuffer. Meant
// for thousands of items, not for millions: a taker reads the names of all of them.
//
// An item is put once although replies are lost, and taken by one. With Holdfast a taker that is cut off learns whether
// it has the item; with Apache ZooKeeper nobody can know who took one that is gone, and take() fails with
// CONNECTIONLOSS: the item is not given twice, and may be lost.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/recipes.h"

namespace holdfast::client {

class Queue {
 public:
  Queue(ZooKeeper& zk, std::string path);
  ~Queue();  // stop() must have returned

  Task<ZkOutcome<>> put(std::string item);
  // OPERATIONTIMEOUT: there was none in that time.
  Task<ZkOutcome<std::string>> take(std::optional<Duration> at_most = {});
  Task<ZkOutcome<std::optional<std::string>>> peek();
  Task<ZkOutcome<std::size_t>> size();
  Task<void> stop();  // whoever waits for an item hears SESSIONEXPIRED

 private:
  Task<ZkOutcome<std::string>> wait_for_item(Signal& changed, std::optional<SteadyTime> deadline);
  // `in_doubt`: it failed after it may have taken one.
  Task<ZkOutcome<std::optional<std::string>>> try_take(WatcherRef watcher, bool& in_doubt);

  ZooKeeper& zk_;
  const std::string path_;
  Gate gate_;
  bool stopping_ = false;
  std::vector<Signal*> takers_;  // each lives in the take() that waits
};

}  // namespace holdfast::client
