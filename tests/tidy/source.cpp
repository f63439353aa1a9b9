#include "tests/tidy/source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace holdfast::tidy {
namespace {

constexpr std::string_view roots[] = {"runtime", "wire", "config", "log", "coordination", "client", "broker", "tests"};

void blank(std::string& code, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, code.size()); ++i) {
    if (code[i] != '\n') code[i] = ' ';
  }
}

// The end of the literal whose opening quote is at `at`. A quote between digits is a separator, not a literal.
std::size_t end_of_literal(const std::string& code, std::size_t at) {
  const char quote = code[at];
  for (std::size_t i = at + 1; i < code.size(); ++i) {
    if (code[i] == '\\') {
      ++i;
    } else if (code[i] == quote || code[i] == '\n') {
      return i + 1;
    }
  }
  return code.size();
}

std::size_t end_of_raw_literal(const std::string& code, std::size_t quote_at) {
  const std::size_t open = code.find('(', quote_at);
  if (open == std::string::npos) return code.size();
  const std::string close = ")" + code.substr(quote_at + 1, open - quote_at - 1) + "\"";
  const std::size_t end = code.find(close, open);
  return end == std::string::npos ? code.size() : end + close.size();
}

std::string blanked(const std::string& text) {
  std::string code = text;
  for (std::size_t i = 0; i < code.size();) {
    std::size_t end = i + 1;
    if (code.compare(i, 2, "//") == 0) {
      end = std::min(code.find('\n', i), code.size());
      blank(code, i, end);
    } else if (code.compare(i, 2, "/*") == 0) {
      const std::size_t close = code.find("*/", i + 2);
      end = close == std::string::npos ? code.size() : close + 2;
      blank(code, i, end);
    } else if (code[i] == '"') {
      const bool raw = i > 0 && code[i - 1] == 'R';
      end = raw ? end_of_raw_literal(code, i) : end_of_literal(code, i);
      blank(code, i + 1, end - 1);
    } else if (code[i] == '\'' && (i == 0 || !is_word(code[i - 1]))) {
      end = end_of_literal(code, i);
      blank(code, i + 1, end - 1);
    }
    i = end;
  }
  return code;
}

std::vector<Include> includes_of(const std::string& text) {
  constexpr std::string_view directive = "#include ";
  std::vector<Include> found;
  std::size_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    if (!line.starts_with(directive)) continue;
    line.remove_prefix(directive.size());
    const std::size_t close = line.find(line.starts_with('"') ? '"' : '>', 1);
    if (close == std::string_view::npos) continue;
    found.push_back({std::string(line.substr(1, close - 1)), line.starts_with('"'), number});
  }
  return found;
}

}  // namespace

bool is_word(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Source::Source(std::string file_path, std::string file_text)
    : path(std::move(file_path)), text(std::move(file_text)), code(blanked(text)), includes(includes_of(text)) {}

std::size_t Source::line_of(std::size_t position) const {
  return 1 +
         static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
}

std::size_t Source::lines() const { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

std::vector<Source> all_sources(const std::string& root) {
  namespace fs = std::filesystem;
  std::vector<Source> sources;
  for (const std::string_view folder : roots) {
    const fs::path base = fs::path(root) / folder;
    if (!fs::exists(base)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      const fs::path extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp") continue;
      const std::string path = fs::relative(entry.path(), root).string();
      if (path.starts_with("tests/bench/")) continue;
      std::ifstream file(entry.path());
      std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      sources.emplace_back(path, std::move(text));
    }
  }
  std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

std::vector<std::size_t> find_words(std::string_view code, std::string_view word) {
  std::vector<std::size_t> found;
  for (std::size_t at = code.find(word); at != std::string_view::npos; at = code.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !is_word(code[at - 1]);
    const bool ends = end == code.size() || !is_word(code[end]);
    if (begins && ends) found.push_back(at);
  }
  return found;
}

}  // namespace holdfast::tidy
