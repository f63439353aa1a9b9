// A source file as the house rules look at it: its text, its includes, and its code with comments and literals blanked
// out, so that a rule sees tokens and nothing that merely mentions them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tidy {

struct Include {
  std::string name;
  bool quoted = false;  // "name", not <name>
  std::size_t line = 0;
};

struct Source {
  std::string path;  // from the root of the tree: "log/journal.cpp"
  std::string text;
  std::string code;  // as long as the text; line breaks stay where they are
  std::vector<Include> includes;

  Source(std::string file_path, std::string file_text);
  bool is_header() const { return path.ends_with(".h"); }
  std::string_view room() const { return std::string_view(path).substr(0, path.find('/')); }
  std::size_t line_of(std::size_t position) const;
  std::size_t lines() const;
};

// Every .h and .cpp file of the rooms and of tests/, but not tests/bench/: load generators are programs of their own.
std::vector<Source> all_sources(const std::string& root);

// Positions of `word` in code where it is a whole token.
std::vector<std::size_t> find_words(std::string_view code, std::string_view word);

bool is_word(char c);

}  // namespace holdfast::tidy
