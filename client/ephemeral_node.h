// EphemeralNode: keeps an ephemeral znode in existence, with its data: through expired sessions, and although somebody
// deletes it. One of the same path that belongs to another session, as that of an earlier life of this process, is
// waited for to go.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/recipes.h"

namespace holdfast::client {

class EphemeralNode {
 public:
  EphemeralNode(ZooKeeper& zk, std::string path, std::string data);
  ~EphemeralNode();  // stop() must have returned

  void start();
  // When it is there. OPERATIONTIMEOUT; what the server says when it may not be there at all.
  Task<ZkOutcome<>> until_there(std::optional<Duration> at_most = {});
  void set_data(std::string data);  // takes effect soon
  Task<void> stop();                // removes it

  bool there() const { return there_; }
  const std::string& path() const { return path_; }

 private:
  Task<void> run();
  Task<ZkOutcome<bool>> look();

  ZooKeeper& zk_;
  const std::string path_;
  std::string data_;
  Gate gate_;
  Signal changed_;
  WaitList progress_;
  bool started_ = false, stopping_ = false, there_ = false;
  std::optional<std::string> written_;  // the data that it has
  std::optional<ZkFailure> failure_;
  const WatcherRef watcher_;
};

}  // namespace holdfast::client
