// Znode paths as a client builds and takes them apart, with its chroot. The server judges which characters are valid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::client {

// Absolute, without an empty element and without a slash at the end: what may be put behind a chroot. A path that is to
// get a sequence suffix may end with a slash.
bool zk_path_is_sound(std::string_view path, bool sequential = false);

std::string zk_join(std::string_view parent, std::string_view name);  // ("/", "a") -> "/a"
std::string_view zk_parent(std::string_view path);                    // "/a/b" -> "/a", "/a" -> "/"
std::string_view zk_name(std::string_view path);                      // "/a/b" -> "b"
bool zk_is_at_or_below(std::string_view path, std::string_view root);

// The number at the end of a sequential name; nothing where there is none.
std::optional<std::int64_t> zk_sequence(std::string_view name);

}  // namespace holdfast::client
