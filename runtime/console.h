// Console: what a command is started with: its standard streams, whether they are terminals, and its environment.
// Output is written at once and blocks where the reader is slow: that is a command's back-pressure. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/result.h"
#include "runtime/shards.h"
#include "runtime/task.h"

namespace holdfast {

// To be called before anything else is opened: a standard stream that the process was started without would be the next
// file, socket or event queue. There is no input then, output fails, and errors go nowhere.
void open_standard_streams();

class Console {
 public:
  Console();  // from now on a reader that is gone is an error of write(), not a signal
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  bool input_is_terminal() const;
  bool output_is_terminal() const;
  bool error_is_terminal() const;
  // Of the terminal; nothing where there is none.
  struct Size {
    int columns = 80, rows = 24;
  };
  std::optional<Size> size() const;
  std::optional<std::string> environment(const std::string& name) const;

  // All of it, or an error: EPIPE when nobody reads any more.
  Result<void> write(std::string_view text);
  void write_error(std::string_view text);  // standard error; where it cannot be written nobody could be told

  // Standard input: at least one byte, or 0 at its end. Suspends, whatever it is: file, pipe, socket or terminal.
  Task<Result<std::size_t>> read(Shard& shard, std::span<std::uint8_t> into);
  // From now on read() gives keys as they are pressed, unechoed; until the console goes. False: no terminal.
  bool read_keys();
  // What suspends in read() gets 0.
  void end_input();
  // To be called while the loop of the shard that read() was given still exists; there is no more input.
  void leave_loop();
  // Ends the process, with the terminal as it was. Nothing is destroyed: for when something holds up a tidy end.
  [[noreturn]] void exit_now(int code);

 private:
  void restore_mode();
  struct Input;
  std::unique_ptr<Input> input_;  // since the first read()
  struct Mode;
  std::unique_ptr<Mode> mode_;  // the terminal's, as it was before read_keys()
  bool input_ended_ = false;
};

}  // namespace holdfast
