#include "client/group_membership.h"

#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {

GroupMembership::GroupMembership(ZooKeeper& zk, std::string path, std::function<void()> changed)
    : zk_(zk), path_(std::move(path)), cache_(zk, path_, [told = std::move(changed)](const TreeChange&) {
        if (told) told();
      }) {}

Task<ZkOutcome<>> GroupMembership::start(std::optional<Duration> at_most) { return cache_.start(at_most); }

Task<ZkOutcome<>> GroupMembership::join(std::string name, std::string data, std::optional<Duration> at_most) {
  if (own_) co_return zk_failed(ZkError::bad_arguments, "it is a member already");
  own_ = std::make_unique<EphemeralNode>(zk_, zk_join(path_, name), std::move(data));
  own_->start();
  auto there = co_await own_->until_there(at_most);
  co_return there;
}

void GroupMembership::set_data(std::string data) {
  if (own_) own_->set_data(std::move(data));
}

Task<void> GroupMembership::leave() {
  const std::unique_ptr<EphemeralNode> own = std::move(own_);
  if (own) co_await own->stop();
}

Task<void> GroupMembership::stop() {
  co_await leave();
  co_await cache_.stop();
}

std::map<std::string, std::string> GroupMembership::members() const {
  std::map<std::string, std::string> out;
  for (const std::string& name : cache_.children(path_)) out.emplace(name, cache_.find(zk_join(path_, name))->data);
  return out;
}

}  // namespace holdfast::client
