#include "client/zookeeper_types.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

Result<Endpoint> parse_server(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return fail(ErrorKind::invalid_input, fmt::format("\"{}\" is no server: {}", text, why));
  };
  Endpoint out;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("the bracket is not closed");
    out.host = text.substr(1, end - 1);
    std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return wrong("a port is separated by a colon");
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const std::size_t colon = text.rfind(':');
    // More than one colon is an IPv6 address without a port.
    const bool has_port = colon != std::string_view::npos && text.find(':') == colon;
    out.host = text.substr(0, has_port ? colon : text.size());
    if (has_port) port = text.substr(colon + 1);
    if (has_port && port.empty()) return wrong("the port is missing");
  }
  if (out.host.empty()) return wrong("the host is missing");
  out.port = zookeeper_port;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc() || end != port.data() + port.size() || out.port == 0)
      return wrong("a port is a number from 1 to 65535");
  }
  return out;
}

}  // namespace

Result<ZkServers> parse_connect_string(std::string_view text) {
  ZkServers out;
  std::string_view list = text;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    list = text.substr(0, slash);
    const std::string_view chroot = text.substr(slash);
    if (!zk_path_is_sound(chroot))
      return fail(ErrorKind::invalid_input, fmt::format("\"{}\" is no path to begin at", chroot));
    if (chroot != "/") out.chroot = chroot;
  }
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    std::string_view one = list.substr(at, comma - at);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    auto server = parse_server(one);
    if (!server) return fail(server);
    out.servers.push_back(std::move(*server));
    at = comma + 1;
  }
  return out;
}

std::string_view to_string(SessionState state) {
  switch (state) {
    case SessionState::connecting:
      return "connecting";
    case SessionState::connected:
      return "connected";
    case SessionState::read_only:
      return "read-only";
    case SessionState::doubtful:
      return "doubtful";
    case SessionState::expired:
      return "expired";
    case SessionState::auth_failed:
      return "auth failed";
    case SessionState::closed:
      return "closed";
  }
  return "?";
}

std::string_view to_string(WatchType type) {
  switch (type) {
    case WatchType::session:
      return "None";
    case WatchType::created:
      return "NodeCreated";
    case WatchType::deleted:
      return "NodeDeleted";
    case WatchType::data_changed:
      return "NodeDataChanged";
    case WatchType::children_changed:
      return "NodeChildrenChanged";
    case WatchType::data_watch_removed:
      return "DataWatchRemoved";
    case WatchType::child_watch_removed:
      return "ChildWatchRemoved";
    case WatchType::persistent_watch_removed:
      return "PersistentWatchRemoved";
  }
  return "?";
}

std::vector<ZkAcl> open_acl() { return {{permission::all, "world", "anyone"}}; }
std::vector<ZkAcl> creator_acl() { return {{permission::all, "auth", ""}}; }

std::string digest_id(std::string_view user, std::string_view password) {
  const std::string both = fmt::format("{}:{}", user, password);
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash;
  unsigned size = 0;
  HOLDFAST_CHECK(EVP_Digest(both.data(), both.size(), hash.data(), &size, EVP_sha1(), nullptr) == 1);
  std::array<std::uint8_t, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> text;
  const int length = EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(size));
  return fmt::format("{}:{}", user, as_text(ByteView(text.data(), static_cast<std::size_t>(length))));
}

bool is_sequential(CreateMode mode) {
  return mode == CreateMode::persistent_sequential || mode == CreateMode::ephemeral_sequential ||
         mode == CreateMode::persistent_sequential_with_ttl;
}

ZkOp ZkOp::create(std::string path, std::optional<std::string> data, CreateOptions options) {
  ZkOp out;
  out.op = options.mode == CreateMode::container ? OpCode::create_container
           : options.ttl.count() > 0             ? OpCode::create_ttl
                                                 : OpCode::create2;
  out.path = std::move(path);
  out.data = std::move(data);
  out.creation = std::move(options);
  return out;
}

ZkOp ZkOp::set(std::string path, std::optional<std::string> data, std::int32_t version) {
  ZkOp out;
  out.op = OpCode::set_data;
  out.path = std::move(path);
  out.data = std::move(data);
  out.version = version;
  return out;
}

ZkOp ZkOp::remove(std::string path, std::int32_t version) {
  ZkOp out;
  out.op = OpCode::remove;
  out.path = std::move(path);
  out.version = version;
  return out;
}

ZkOp ZkOp::check(std::string path, std::int32_t version) {
  ZkOp out;
  out.op = OpCode::check;
  out.path = std::move(path);
  out.version = version;
  return out;
}

}  // namespace holdfast::client
