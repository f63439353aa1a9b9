#include "coordination/path.h"

#include <gtest/gtest.h>

namespace holdfast::zk {
namespace {

using namespace std::string_view_literals;

TEST(Path, absolute_paths_of_plain_elements_are_valid) {
  for (const auto path : {"/", "/a", "/a/b", "/a.b", "/.a", "/a..", "/...", "/a b", "/zoo keeper/x", "/%10d"}) {
    EXPECT_TRUE(path_is_valid(path)) << path;
  }
}

TEST(Path, empty_relative_and_dotted_elements_are_not) {
  for (const auto path : {"", "a", "a/b", "/a/", "//", "//a", "/a//b", "/.", "/..", "/./a", "/../a", "/a/.", "/a/..",
                          "/a/./b", "/a/../b"}) {
    EXPECT_FALSE(path_is_valid(path)) << path;
  }
}

TEST(Path, banned_characters_are_those_of_path_utils) {
  EXPECT_FALSE(path_is_valid("/a\0b"sv));
  EXPECT_FALSE(path_is_valid("/a\x01"));
  EXPECT_FALSE(path_is_valid("/a\x1f"));
  EXPECT_TRUE(path_is_valid("/a\x20"));
  EXPECT_TRUE(path_is_valid("/a\x7e"));
  EXPECT_FALSE(path_is_valid("/a\x7f"));
  EXPECT_FALSE(path_is_valid("/\xc2\x9f"));          // U+009F
  EXPECT_TRUE(path_is_valid("/\xc2\xa0"));           // U+00A0
  EXPECT_TRUE(path_is_valid("/\xe4\xb8\xad"));       // U+4E2D
  EXPECT_TRUE(path_is_valid("/\xed\x9f\xbf"));       // U+D7FF
  EXPECT_FALSE(path_is_valid("/\xed\xa0\x80"));      // U+D800
  EXPECT_FALSE(path_is_valid("/\xef\xa3\xbf"));      // U+F8FF
  EXPECT_TRUE(path_is_valid("/\xef\xa4\x80"));       // U+F900
  EXPECT_TRUE(path_is_valid("/\xef\xbf\xaf"));       // U+FFEF
  EXPECT_FALSE(path_is_valid("/\xef\xbf\xb0"));      // U+FFF0
  EXPECT_FALSE(path_is_valid("/\xf0\x9f\x98\x80"));  // above the first plane: surrogates to Java
}

TEST(Path, text_that_is_no_utf8_is_refused) {
  EXPECT_FALSE(path_is_valid("/\xff"));
  EXPECT_FALSE(path_is_valid("/\xc3"));
  EXPECT_FALSE(path_is_valid("/\xc3/a"));
  EXPECT_FALSE(path_is_valid("/\x80"));
  EXPECT_FALSE(path_is_valid("/\xe4\xb8"));
}

TEST(Path, parents_and_names) {
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(parent_of("/"), "/");
  EXPECT_EQ(name_of("/a/b"), "b");
  EXPECT_EQ(name_of("/a"), "a");
  EXPECT_TRUE(is_below("/a/b", "/a"));
  EXPECT_FALSE(is_below("/ab", "/a"));
  EXPECT_FALSE(is_below("/a", "/a"));
  EXPECT_TRUE(is_at_or_below("/a", "/a"));
  EXPECT_TRUE(is_below("/a", "/"));
  EXPECT_FALSE(is_below("/", "/"));
}

TEST(Path, sequence_suffixes_have_ten_digits_and_a_sign_when_they_overflow) {
  EXPECT_EQ(sequence_suffix(0), "0000000000");
  EXPECT_EQ(sequence_suffix(42), "0000000042");
  EXPECT_EQ(sequence_suffix(2147483647), "2147483647");
  EXPECT_EQ(sequence_suffix(-2147483647 - 1), "-2147483648");
  EXPECT_EQ(sequence_suffix(-1), "-000000001");
}

}  // namespace
}  // namespace holdfast::zk
