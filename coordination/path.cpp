#include "coordination/path.h"

#include <fmt/format.h>

#include <optional>

#include "coordination/hash.h"

namespace holdfast::zk {
namespace {

// The next code point of UTF-8 text, or nothing when it is ill-formed. `at` moves past it.
std::optional<std::uint32_t> next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(at++);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xf0 && lead < 0xf8   ? 3
                   : lead >= 0xe0 && lead < 0xf0 ? 2
                   : lead >= 0xc2 && lead < 0xe0 ? 1
                                                 : 0;
  if (more == 0 || text.size() - at < static_cast<std::size_t>(more)) return std::nullopt;
  std::uint32_t code = lead & (0x3fu >> more);
  for (int i = 0; i < more; ++i) {
    const std::uint8_t next = byte(at++);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (next & 0x3fu);
  }
  return code;
}

bool is_banned(std::uint32_t c) {
  return c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || (c >= 0xfff0 && c <= 0xffff);
}

bool is_plain(char c) { return static_cast<unsigned char>(c) > 0x1f && static_cast<unsigned char>(c) < 0x7f; }

}  // namespace

bool path_is_valid(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  if (path.size() == 1) return true;
  if (path.back() == '/') return false;
  std::size_t element = 1;  // where the element that is being read begins
  for (std::size_t at = 1; at < path.size();) {
    if (path[at] == '/') {
      const std::string_view name = path.substr(element, at - element);
      if (name.empty() || name == "." || name == "..") return false;
      element = ++at;
    } else if (is_plain(path[at])) {
      ++at;
    } else {
      const auto code = next_code_point(path, at);
      // Above the first plane Java sees surrogates, which are banned.
      if (!code || is_banned(*code) || *code > 0xffff) return false;
    }
  }
  const std::string_view last = path.substr(element);
  return last != "." && last != "..";
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_at_or_below(std::string_view path, std::string_view root) { return path == root || is_below(path, root); }

bool is_below(std::string_view path, std::string_view root) {
  if (root == "/") return path.size() > 1;
  return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

std::string sequence_suffix(std::int32_t counter) { return fmt::format("{:010d}", counter); }

std::uint64_t hash_of_path(std::string_view path) { return hash64(as_bytes(path)); }

}  // namespace holdfast::zk
