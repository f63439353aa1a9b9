#include "tests/simulation/script.h"

#include <fmt/format.h>

namespace holdfast::sim {
namespace {

constexpr std::int32_t ephemeral = 1, sequential = 2, ephemeral_sequential = 3, ttl = 5, ttl_sequential = 6;
constexpr std::size_t pipelined_max = 5, multi_max = 4, mine_max = 8;

}  // namespace

std::vector<Request> Script::groundwork(const ScriptOptions& options) {
  std::vector<Request> out{Create{.path = "/nodes"}, Create{.path = "/queue"}, Create{.path = "/locks"}};
  for (std::uint64_t i = 0; i < options.registers; ++i) out.push_back(Create{.path = register_path(i)});
  return out;
}

std::string Script::value() { return fmt::format("{}.{}", client_, ++values_); }

std::string Script::some_node() {
  const std::uint64_t n = world_.random().below(options_.nodes);
  std::string path = "/nodes/" + std::to_string(n);
  if (percent(25)) path += "/" + std::to_string(world_.random().below(2));
  return path;
}

Create Script::creation() {
  Create c;
  c.data = percent(20) ? std::string() : value();
  c.with_stat = percent(70);
  c.path = some_node();
  switch (world_.random().below(10)) {
    case 0:
    case 1:
      c.flags = sequential;
      c.path = "/queue/n-";
      break;
    case 2:
    case 3:
      c.flags = ephemeral_sequential;
      c.path = "/locks/l-";
      break;
    case 4:
    case 5:
      c.flags = ephemeral;
      break;
    case 6:
      c.container = true;
      c.flags = 4;
      break;
    case 7:
      c.flags = percent(50) ? ttl : ttl_sequential;
      c.ttl_ms = world_.between(500, 20'000);
      if (c.flags == ttl_sequential) c.path = "/queue/t-";
      break;
    default:
      break;
  }
  return c;
}

Part Script::part() {
  const std::string path = percent(50) ? some_register() : some_node();
  const auto known = versions_.find(path);
  const std::int32_t version = known == versions_.end() || percent(20) ? -1 : known->second;
  switch (world_.random().below(4)) {
    case 0:
      return creation();
    case 1:
      return Set{path, value(), version};
    case 2:
      return Check{path, version};
    default:
      return Delete{some_node(), -1};
  }
}

Request Script::read() {
  const bool watch = percent(options_.watched_percent);
  switch (world_.random().below(6)) {
    case 0:
      return Children{percent(50) ? "/nodes" : percent(50) ? "/locks" : "/queue", watch};
    case 1:
      return Exists{some_node(), watch};
    case 2:
      return Get{some_node(), watch};
    case 3:
      return Children{some_node(), watch};
    default:
      return Get{some_register(), watch};
  }
}

Request Script::one() {
  const std::uint64_t choice = world_.random().below(100);
  if (choice < 20) {
    const std::string path = some_register();
    const auto known = versions_.find(path);
    return Set{path, value(), known == versions_.end() || percent(10) ? -1 : known->second};
  }
  if (choice < 35) return creation();
  if (choice < 42) {
    if (!mine_.empty() && percent(60)) {
      const auto at = static_cast<std::ptrdiff_t>(world_.random().below(mine_.size()));
      const std::string path = mine_[static_cast<std::size_t>(at)];
      mine_.erase(mine_.begin() + at);
      return Delete{path, -1};
    }
    return Delete{some_node(), percent(70) ? -1 : 0};
  }
  if (choice < 47) return Set{some_node(), value(), -1};
  if (choice < 57) {
    Multi m;
    const std::size_t count = 1 + static_cast<std::size_t>(world_.random().below(multi_max));
    for (std::size_t i = 0; i < count; ++i) m.parts.push_back(part());
    return m;
  }
  if (choice < 62) return Sync{"/"};
  return read();
}

std::vector<Request> Script::next() {
  std::vector<Request> out;
  if (percent(options_.close_percent)) {
    // Behind what is on its way, and ahead of what comes too late.
    if (percent(options_.pipelined_percent)) out = {creation(), creation()};
    out.push_back(CloseSession{});
    if (percent(options_.pipelined_percent)) out.push_back(creation());
    return out;
  }
  if (percent(15)) {
    // A read that must be as new as anything that was answered before.
    out.push_back(Sync{"/"});
    out.push_back(Get{some_register(), false});
    return out;
  }
  std::size_t count = 1;
  if (percent(options_.pipelined_percent)) count += static_cast<std::size_t>(world_.random().below(pipelined_max));
  for (std::size_t i = 0; i < count; ++i) out.push_back(one());
  return out;
}

void Script::learn(const Operation& o) {
  if (o.reply.error != ZkError::ok) {
    if (const auto* set = std::get_if<Set>(&o.request)) versions_.erase(set->path);
    return;
  }
  if (const auto* get = std::get_if<Get>(&o.request); get && o.reply.stat) versions_[get->path] = o.reply.stat->version;
  if (const auto* set = std::get_if<Set>(&o.request); set && o.reply.stat) versions_[set->path] = o.reply.stat->version;
  const auto* made = std::get_if<Create>(&o.request);
  if (made && made->path != o.reply.path && mine_.size() < mine_max) mine_.push_back(o.reply.path);
}

Duration Script::think() { return world_.between(Duration(0), options_.think_max); }

}  // namespace holdfast::sim
