#include "client/cli_line_editor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace holdfast::client {
namespace {

constexpr std::size_t history_max = 1000, line_max = 1 << 20;
constexpr char escape_key = '\x1b';
constexpr char ctrl(char letter) { return static_cast<char>(letter - 'a' + 1); }

// A byte that continues a character of UTF-8.
bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::size_t next_character(std::string_view text, std::size_t at) {
  do ++at;
  while (at < text.size() && continues(text[at]));
  return std::min(at, text.size());
}

std::size_t character_before(std::string_view text, std::size_t at) {
  while (at > 0 && continues(text[--at])) {
  }
  return at;
}

}  // namespace

void LineEditor::begin(std::string prompt, std::size_t columns) {
  prompt_ = std::move(prompt);
  columns_ = std::max<std::size_t>(columns, 20);
  text_.clear();
  escape_.clear();
  typed_.clear();
  cursor_ = 0;
  at_ = history_.size();
}

LineEditor::Event LineEditor::key(char byte) {
  if (!escape_.empty()) return escape(byte);
  switch (byte) {
    case '\r':
    case '\n':
      return Event::line;
    case '\t':
      return Event::complete;
    case escape_key:
      escape_ = byte;
      break;
    case ctrl('a'):
      cursor_ = 0;
      break;
    case ctrl('e'):
      cursor_ = text_.size();
      break;
    case ctrl('b'):
      move(-1);
      break;
    case ctrl('f'):
      move(1);
      break;
    case ctrl('p'):
      recall(-1);
      break;
    case ctrl('n'):
      recall(1);
      break;
    case ctrl('k'):
      erase(cursor_, text_.size());
      break;
    case ctrl('u'):
      erase(0, cursor_);
      break;
    case ctrl('w'): {
      std::size_t from = cursor_;
      while (from > 0 && text_[from - 1] == ' ') --from;
      while (from > 0 && text_[from - 1] != ' ') --from;
      erase(from, cursor_);
      break;
    }
    case ctrl('d'):
      if (text_.empty()) return Event::end;
      erase(cursor_, next_character(text_, cursor_));
      break;
    case '\x7f':
    case ctrl('h'):
      if (cursor_ > 0) erase(character_before(text_, cursor_), cursor_);
      break;
    default:
      if (static_cast<unsigned char>(byte) < 0x20 || text_.size() >= line_max) break;
      text_.insert(cursor_++, 1, byte);
  }
  return Event::none;
}

// ESC [ A and the like; what it does not know it takes in and does nothing.
LineEditor::Event LineEditor::escape(char byte) {
  escape_ += byte;
  if (escape_.size() == 2 && (byte == '[' || byte == 'O')) return Event::none;
  const bool unfinished = escape_.size() > 2 && ((byte >= '0' && byte <= '9') || byte == ';');
  if (unfinished && escape_.size() < 16) return Event::none;
  const std::string sequence = std::exchange(escape_, {}).substr(1);
  if (sequence == "[A" || sequence == "OA") recall(-1);
  if (sequence == "[B" || sequence == "OB") recall(1);
  if (sequence == "[C" || sequence == "OC") move(1);
  if (sequence == "[D" || sequence == "OD") move(-1);
  if (sequence == "[H" || sequence == "OH" || sequence == "[1~") cursor_ = 0;
  if (sequence == "[F" || sequence == "OF" || sequence == "[4~") cursor_ = text_.size();
  if (sequence == "[3~" && cursor_ < text_.size()) erase(cursor_, next_character(text_, cursor_));
  return Event::none;
}

void LineEditor::move(int by) {
  if (by < 0 && cursor_ > 0) cursor_ = character_before(text_, cursor_);
  if (by > 0 && cursor_ < text_.size()) cursor_ = next_character(text_, cursor_);
}

void LineEditor::erase(std::size_t from, std::size_t to) {
  text_.erase(from, to - from);
  cursor_ = from;
}

void LineEditor::recall(int by) {
  if (by < 0 ? at_ == 0 : at_ == history_.size()) return;
  if (at_ == history_.size()) typed_ = text_;
  by < 0 ? --at_ : ++at_;
  text_ = at_ == history_.size() ? typed_ : history_[at_];
  cursor_ = text_.size();
}

std::string LineEditor::take() {
  std::string line = std::exchange(text_, {});
  cursor_ = 0;
  if (!line.empty() && (history_.empty() || history_.back() != line)) history_.push_back(line);
  if (history_.size() > history_max) history_.erase(history_.begin());
  return line;
}

std::string_view LineEditor::word() const {
  return std::string_view(text_).substr(before_word().size(), cursor_ - before_word().size());
}

std::string_view LineEditor::before_word() const {
  const std::string_view before = std::string_view(text_).substr(0, cursor_);
  const std::size_t blank = before.rfind(' ');
  return before.substr(0, blank == std::string_view::npos ? 0 : blank + 1);
}

std::string LineEditor::complete(const std::vector<std::string>& candidates) {
  const std::string begun(word());
  std::vector<std::string> fitting;
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(begun)) fitting.push_back(candidate);
  }
  if (fitting.empty()) return {};
  std::ranges::sort(fitting);
  // What the first and the last have in common, all have.
  const auto [first, last] = std::ranges::mismatch(fitting.front(), fitting.back());
  const std::string common(fitting.front().begin(), first);
  const std::string more = common.substr(begun.size());
  text_.insert(cursor_, more);
  cursor_ += more.size();
  if (fitting.size() == 1 || !more.empty()) return {};
  std::string out;
  for (const std::string& candidate : fitting) out += candidate + "  ";
  return out;
}

std::string LineEditor::render() const {
  // Of a line that is longer than the terminal is wide, the part up to the cursor counts.
  const std::size_t room = columns_ - std::min(columns_ - 10, characters(prompt_) + 1);
  std::size_t from = 0;
  while (characters(std::string_view(text_).substr(from, cursor_ - from)) >= room) from = next_character(text_, from);
  std::size_t to = from;
  for (std::size_t shown = 0; to < text_.size() && shown < room; ++shown) to = next_character(text_, to);
  std::string out = fmt::format("\r{}{}\x1b[K", prompt_, text_.substr(from, to - from));
  const std::size_t behind = characters(std::string_view(text_).substr(cursor_, std::max(to, cursor_) - cursor_));
  if (behind > 0) out += fmt::format("\x1b[{}D", behind);
  return out;
}

}  // namespace holdfast::client
