// ModelTree: what ZooKeeper's programmer's guide says that requests do, as plainly as it can be written and without a
// line of the server's code. Requests are carried out one after the other, in zxid order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/history.h"

namespace holdfast::sim {

struct ModelNode {
  std::string data;
  std::int32_t version = 0;
  std::int32_t creates = 0;  // of children, ever: what sequential names count
  std::int64_t czxid = 0, mzxid = 0, pzxid = 0;
  std::int64_t owner = 0;  // session; 0: none
  bool container = false;
  std::int64_t ttl_ms = 0, changed_ms = 0;
  std::set<std::string> children;
};

// Whom a change concerns, by ZooKeeper's event types.
struct Change {
  std::int64_t zxid = 0;
  std::int32_t type = 0;  // 1 created, 2 deleted, 3 data changed, 4 children changed
  std::string path;
};

class ModelTree {
 public:
  struct Outcome {
    std::int64_t zxid = 0;
    ZkError error = ZkError::ok;
    std::string path;
    std::optional<Stat> stat;
    std::vector<PartReply> parts;
  };
  // When and for whom.
  struct At {
    std::int64_t zxid = 0, session = 0, time_ms = 0;
  };

  ModelTree() { nodes_["/"]; }

  Outcome carry_out(const Request& write, const At& at);
  // Why it may not be deleted by the server; nothing if it may: an empty container that was used, a TTL that ran out.
  std::optional<std::string> delete_expired(const std::string& path, const At& at);
  std::vector<std::string> ephemerals_of(std::int64_t session) const;
  void remove_all(const std::vector<std::string>& paths, const At& at);

  const ModelNode* find(const std::string& path) const;
  static Stat stat(const ModelNode& node);
  const std::vector<Change>& changes() const { return changes_; }  // all of them, in their order

 private:
  Outcome perform(const Create& create, const At& at);
  Outcome perform(const Set& set, const At& at);
  Outcome perform(const Delete& del, const At& at);
  Outcome perform(const Check& check, const At& at);
  Outcome perform(const Multi& multi, const At& at);
  Outcome perform(const CloseSession&, const At& at);
  void remove(const std::string& path, const At& at);

  std::map<std::string, ModelNode> nodes_;
  std::vector<Change> changes_;
};

}  // namespace holdfast::sim
