// LineEditor: a line that is being typed at a terminal: cursor, history and completion, with the keys of Emacs and the
// arrows. Pure: it takes the bytes that a terminal sends and says what to write to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::client {

class LineEditor {
 public:
  enum class Event : std::uint8_t {
    none,
    line,      // Enter: take() has it
    complete,  // Tab: word() is to be completed
    end,       // Ctrl-D on an empty line
  };

  void begin(std::string prompt, std::size_t columns);
  // The next byte of what the terminal sends.
  Event key(char byte);
  std::string take();  // the line; it is remembered

  // What stands before the cursor, from its last blank on, and what stands before that.
  std::string_view word() const;
  std::string_view before_word() const;
  // What word() may become: the part that all have in common is typed. What to show of them; empty: nothing.
  std::string complete(const std::vector<std::string>& candidates);

  std::string render() const;  // draws the line anew, whatever was there
  const std::string& text() const { return text_; }

 private:
  Event escape(char byte);
  void move(int by);
  void erase(std::size_t from, std::size_t to);
  void recall(int by);

  std::string prompt_, text_, escape_;
  std::size_t cursor_ = 0, columns_ = 80;
  std::vector<std::string> history_;
  std::size_t at_ = 0;  // in the history; its size: the line itself
  std::string typed_;   // the line, while another one is looked at
};

}  // namespace holdfast::client
