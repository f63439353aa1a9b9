// Dialogues: conversations with a machine, kept as text files that read as documentation of what it does. A line
// "> command" is said to the machine, the lines after it are exactly what must come back; "#" lines are comments, blank
// lines separate. Each room's dialogue test says what commands there are and renders the answers. With
// HOLDFAST_UPDATE=1 in the environment the files are written anew with what the machines say now, for review with git
// diff.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::dialogue {

// A command, word by word: plain words in their order, flags and name=value anywhere.
class Words {
 public:
  explicit Words(const std::string& line) {
    std::istringstream in(line);
    for (std::string word; in >> word;) words.push_back(word);
  }
  bool empty() const { return words.empty(); }
  std::string next() {
    if (words.empty()) return {};
    std::string word = words.front();
    words.pop_front();
    return word;
  }
  bool flag(std::string_view name) { return std::erase(words, name) > 0; }
  std::optional<std::string> value(const std::string& name) {
    const auto at = std::ranges::find_if(words, [&](const std::string& w) { return w.starts_with(name + "="); });
    if (at == words.end()) return std::nullopt;
    std::string value = at->substr(name.size() + 1);
    words.erase(at);
    return value;
  }
  std::int64_t number(const std::string& name, std::int64_t otherwise) {
    const auto text = value(name);
    return text ? std::stoll(*text) : otherwise;
  }

  std::deque<std::string> words;
};

// "a+b" -> a, b
inline std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

// "orders-0" -> orders, 0
struct TopicAndPartition {
  std::string topic;
  std::int32_t partition = 0;

  explicit TopicAndPartition(const std::string& text)
      : topic(text.substr(0, text.rfind('-'))), partition(std::stoi(text.substr(text.rfind('-') + 1))) {}
};

inline std::string path_of(const std::string& name) { return HOLDFAST_TEST_DATA "/dialogue/" + name + ".txt"; }

// The dialogues of one machine, by the beginning of their names: parameters of its test.
inline std::vector<std::string> files(std::string_view prefix) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(HOLDFAST_TEST_DATA "/dialogue")) {
    const std::string name = file.path().stem().string();
    if (file.path().extension() == ".txt" && name.starts_with(prefix)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}
inline std::string name_of(const testing::TestParamInfo<std::string>& file) { return file.param; }

// Says what the file says, and compares. `say` answers a command with whole lines.
inline void run(const std::string& name, const std::function<std::string(const std::string&)>& say) {
  std::vector<std::string> lines;
  {
    std::ifstream in(path_of(name));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  ASSERT_FALSE(lines.empty()) << path_of(name);
  const bool update = std::getenv("HOLDFAST_UPDATE") != nullptr;
  std::string written;
  for (std::size_t i = 0; i < lines.size();) {
    const std::size_t at = i++;
    written += lines[at] + "\n";
    if (!lines[at].starts_with("> ")) {
      if (!lines[at].empty() && !lines[at].starts_with("#"))
        ADD_FAILURE_AT(path_of(name).c_str(), static_cast<int>(at + 1)) << "an answer to nothing: " << lines[at];
      continue;
    }
    std::string expected;
    const auto answers = [](const std::string& line) {
      return !line.empty() && !line.starts_with("> ") && !line.starts_with("#");
    };
    for (; i < lines.size() && answers(lines[i]); ++i) expected += lines[i] + "\n";
    const std::string actual = say(lines[at].substr(2));
    written += actual;
    if (!update && actual != expected)
      ADD_FAILURE_AT(path_of(name).c_str(), static_cast<int>(at + 1)) << lines[at] << "\nexpected:\n"
                                                                      << expected << "actual:\n"
                                                                      << actual;
  }
  if (update) std::ofstream(path_of(name)) << written;
}

}  // namespace holdfast::dialogue
