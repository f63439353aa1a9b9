// Znode paths: which are valid, and their parts (common/PathUtils.java). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::zk {

// Absolute, no trailing slash, no empty, "." or ".." element, no banned character: U+0000, control characters,
// surrogates (so nothing above the first plane) and the private use area up to U+F8FF, U+FFF0..U+FFFF. Text that is no
// UTF-8 is refused too. A sequential create is judged with its suffix, so that "/a/" may be asked for.
bool path_is_valid(std::string_view path);

// "/a/b" -> "/a", "/a" -> "/". The root is its own parent. The path must hold a slash; what is before
// the last one need not be a valid path.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

// True for `root` itself and everything below it.
bool is_at_or_below(std::string_view path, std::string_view root);
bool is_below(std::string_view path, std::string_view root);

// The suffix of a sequential name: %010d, signed.
std::string sequence_suffix(std::int32_t counter);

std::uint64_t hash_of_path(std::string_view path);

}  // namespace holdfast::zk
