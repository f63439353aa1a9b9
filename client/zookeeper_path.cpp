#include "client/zookeeper_path.h"

#include <charconv>

namespace holdfast::client {

bool zk_path_is_sound(std::string_view path, bool sequential) {
  if (path.empty() || path.front() != '/') return false;
  if (path.find("//") != std::string_view::npos) return false;
  return path.size() == 1 || sequential || path.back() != '/';
}

std::string zk_join(std::string_view parent, std::string_view name) {
  std::string out(parent);
  if (!out.ends_with('/')) out += '/';
  return out += name;
}

std::string_view zk_parent(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? std::string_view("/") : path.substr(0, slash);
}

std::string_view zk_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool zk_is_at_or_below(std::string_view path, std::string_view root) {
  if (root == "/" || path == root) return true;
  return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

std::optional<std::int64_t> zk_sequence(std::string_view name) {
  constexpr std::size_t digits_min = 10;  // %010d: a sign takes the place of a digit
  std::size_t begin = name.size();
  while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') --begin;
  // Digits before the last ten are the name's own.
  if (name.size() - begin > digits_min) begin = name.size() - digits_min;
  const bool full = name.size() - begin == digits_min;
  // The counter has gone past the largest int: "-2147483648", or nine digits behind a sign.
  const bool negative = begin > 0 && name[begin - 1] == '-' && (!full || name.substr(begin) == "2147483648");
  if (!full && !(negative && name.size() - begin == digits_min - 1)) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(name.data() + begin, name.data() + name.size(), number);
  return negative ? -number : number;
}

}  // namespace holdfast::client
