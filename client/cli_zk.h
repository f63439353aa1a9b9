// What the verbs about znodes and the quorum share: a connection, failures as exit codes, and ZooKeeper's texts for
// stats and ACLs.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli_session.h"
#include "client/zookeeper.h"

namespace holdfast::client {

// Connected, and closed when the verb ends; or the exit code, said on standard error. `auth`: "user:password".
Task<std::expected<ZooKeeper*, Exit>> open_zookeeper(Session& session, std::vector<std::string> auth = {});

// Says on standard error what failed and what would help.
Exit fail(Session& session, const ZkFailure& failure, std::string_view doing);

// What failed and why, with `doing` before it once.
std::string reason_of(const ZkFailure& failure, std::string_view doing);

// "world:anyone:cdrwa,digest:user:hash:rw". Nothing: it is none.
std::optional<std::vector<ZkAcl>> parse_acl(std::string_view text);
std::string permissions_text(std::int32_t permissions);  // "cdrwa"
// As zkCli prints them, each line with its end.
std::string stat_text(const ZkStat& stat);
std::string acl_text(const std::vector<ZkAcl>& acl);

std::string base64_text(std::string_view data);
std::optional<std::string> base64_data(std::string_view text);  // nothing: it is none

// What was not done to a tree, and the znode of it that stood against it.
struct TreeFailure {
  std::string path;
  ZkFailure why;
};
template <class T = void>
using TreeOutcome = std::expected<T, TreeFailure>;
Exit fail(Session& session, const TreeFailure& failure);

// `path` and everything below it, parents first. A node that goes meanwhile is left out.
Task<TreeOutcome<std::vector<std::string>>> subtree(ZooKeeper& zk, std::string path, std::size_t depth_max = SIZE_MAX);
// Deletes them, children first, in multis. What comes to be meanwhile makes it fail.
Task<TreeOutcome<>> remove_subtree(ZooKeeper& zk, std::string path);

}  // namespace holdfast::client
