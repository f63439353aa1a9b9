#include "client/recipes.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/retry_pause.h"
#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

bool is_ephemeral(CreateMode mode) { return mode == CreateMode::ephemeral || mode == CreateMode::ephemeral_sequential; }

// The child whose name begins so; an ephemeral one of this session only. Nothing: there is none. What was written
// before by anybody is seen: the server that is asked may be behind the one that a create was sent to.
Task<ZkOutcome<std::optional<Created>>> find_protected(ZooKeeper& zk, std::string parent, std::string beginning,
                                                       bool ephemeral) {
  auto synced = co_await zk.sync(parent);
  if (!synced) co_return zk_failed(synced);
  auto children = co_await zk.children(parent);
  if (!children && children.error().code == ZkError::no_node) co_return std::optional<Created>();
  if (!children) co_return zk_failed(children);
  for (const std::string& name : children->names) {
    if (!name.starts_with(beginning)) continue;
    const std::string path = zk_join(parent, name);
    auto found = co_await zk.exists(path);
    if (!found) co_return zk_failed(found);
    if (!*found || (ephemeral && (*found)->ephemeral_owner != zk.session_id())) continue;
    co_return std::optional<Created>(Created{path, **found});
  }
  co_return std::optional<Created>();
}

Task<void> forget_protected(ZooKeeper& zk, std::string parent, std::string beginning, std::int64_t session) {
  while (!zk.closing() && zk.session_id() == session) {
    auto found = co_await find_protected(zk, parent, beginning, true);
    if (found && *found) co_await remove_surely(zk, (*found)->path, session);
    if (found || !passes(found.error())) co_return;
    co_await zk.shard().sleep(retry_pause);
  }
}

// Nobody knows yet what became of the create; a later request may tell.
bool may_be_known_later(const ZooKeeper& zk, CreateMode mode, const ZkFailure& failure) {
  // An ephemeral one is gone with its session.
  if (failure.code == ZkError::session_expired) return !is_ephemeral(mode) && recipe_goes_on(zk, failure);
  return passes(failure);
}

}  // namespace

std::optional<SteadyTime> deadline_in(const ZooKeeper& zk, std::optional<Duration> at_most) {
  if (!at_most) return std::nullopt;
  return zk.shard().clock().now() + *at_most;
}

bool session_is_in_danger(SessionState state) {
  return state != SessionState::connected && state != SessionState::connecting;
}

bool passes(const ZkFailure& failure) { return failure.retriable() || failure.code == ZkError::not_read_only; }

bool recipe_goes_on(const ZooKeeper& zk, const ZkFailure& failure) {
  if (zk.state() == SessionState::closed || zk.state() == SessionState::auth_failed) return false;
  if (failure.code == ZkError::session_expired) return zk.state() != SessionState::expired && !zk.closing();
  return passes(failure);
}

Task<ZkOutcome<>> make_path(ZooKeeper& zk, std::string path) {
  if (path == "/") co_return ZkOutcome<>();
  CreateOptions options;
  options.mode = CreateMode::container;
  for (;;) {
    auto made = co_await zk.create(path, std::nullopt, options);
    if (made || made.error().code == ZkError::node_exists) co_return ZkOutcome<>();
    if (made.error().code == ZkError::unimplemented && options.mode == CreateMode::container) {
      options.mode = CreateMode::persistent;
    } else if (made.error().code == ZkError::no_node) {
      std::string above(zk_parent(path));
      auto parent = co_await make_path(zk, std::move(above));
      if (!parent) co_return zk_failed(parent);
    } else {
      co_return zk_failed(made);
    }
  }
}

Task<ZkOutcome<Created>> create_protected(ZooKeeper& zk, Gate& gate, std::string parent, std::string name,
                                          std::string data, CreateMode mode, std::optional<SteadyTime> deadline) {
  const std::string beginning = fmt::format("_c_{}-", to_hex_uuid(zk.random().uuid()));
  const std::string path = zk_join(parent, beginning + name);
  CreateOptions options;
  options.mode = mode;
  const auto too_late = [&] { return gate.closed() || (deadline && zk.shard().clock().now() >= *deadline); };
  for (;;) {
    const std::int64_t session = zk.session_id();
    auto created = co_await zk.create(path, data, options);
    if (created) co_return created;
    if (created.error().code == ZkError::no_node) {
      auto made = co_await make_path(zk, parent);
      if (!made && (!made.error().retriable() || too_late())) co_return zk_failed(made);
      continue;
    }
    // A name without a number is there by an earlier attempt, perhaps of a session that is over.
    const bool there = created.error().code == ZkError::node_exists;
    const bool refused = created.error().code == ZkError::not_read_only;
    if (refused || (!there && !may_be_known_later(zk, mode, created.error()))) co_return created;
    auto found = co_await find_protected(zk, parent, beginning, is_ephemeral(mode));
    while (!found) {
      if (!may_be_known_later(zk, mode, found.error())) co_return zk_failed(found);
      if (too_late()) {
        if (is_ephemeral(mode)) zk.go_on_with(forget_protected(zk, parent, beginning, session));
        co_return zk_failed(created);
      }
      co_await zk.shard().sleep(retry_pause);
      auto again = co_await find_protected(zk, parent, beginning, is_ephemeral(mode));
      found = std::move(again);
    }
    if (*found) co_return std::move(**found);
    if (too_late()) co_return zk_failed(created);
    if (there) co_await zk.shard().sleep(retry_pause);
  }
}

Task<void> remove_surely(ZooKeeper& zk, std::string path, std::int64_t session) {
  while (zk.session_id() == session) {
    auto removed = co_await zk.remove(path);
    if (removed || !passes(removed.error()) || zk.closing()) co_return;
    co_await zk.shard().sleep(retry_pause);
  }
}

std::vector<SequentialChild> in_order(const std::vector<std::string>& names, std::string_view mark) {
  std::vector<SequentialChild> out;
  for (const std::string& name : names) {
    const auto number = zk_sequence(name);
    if (number && name.find(mark) != std::string::npos) out.push_back({name, *number});
  }
  std::ranges::sort(out, {}, [](const SequentialChild& c) { return std::pair(c.number, std::string_view(c.name)); });
  return out;
}

}  // namespace holdfast::client
