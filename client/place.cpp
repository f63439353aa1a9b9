#include "client/place.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast::client {

Task<ZkOutcome<>> Place::take(Gate& gate, std::string parent, std::string name, std::string data,
                              std::optional<SteadyTime> deadline, std::optional<std::int64_t> number) {
  node_.clear();
  if (number) name += fmt::format("{:010}", *number);
  const auto mode = number ? CreateMode::ephemeral : CreateMode::ephemeral_sequential;
  auto created =
      co_await create_protected(zk_, gate, std::move(parent), std::move(name), std::move(data), mode, deadline);
  if (!created) co_return zk_failed(created);
  node_ = created->path;
  czxid_ = created->stat.czxid;
  session_ = created->stat.ephemeral_owner;
  co_return ZkOutcome<>();
}

Task<void> Place::give_up() { return remove(std::exchange(node_, {}), session_); }

Task<void> Place::remove(std::string node, std::int64_t session) {
  if (node.empty() || session != zk_.session_id()) co_return;
  if (!zk_.connected()) {
    zk_.go_on_with(remove_surely(zk_, std::move(node), session));
    co_return;
  }
  auto removed = co_await zk_.remove(node);
  if (!removed && passes(removed.error())) zk_.go_on_with(remove_surely(zk_, std::move(node), session));
}

}  // namespace holdfast::client
