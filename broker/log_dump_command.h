// `holdfast log dump`: kafka-dump-log's options over LogDump (log/dump.h). Prints to standard output; what does not fit
// together goes to standard error.
#pragma once

#include <string>
#include <vector>

#include "log/dump.h"

namespace CLI {
class App;
}

namespace holdfast {

class LogDumpCommand {
 public:
  explicit LogDumpCommand(CLI::App& log);  // adds itself to the verbs of this noun
  CLI::App& app() { return *command_; }
  // The exit code: of the first file that is not there (4) or could not be read to its end (1). The other files are
  // dumped all the same. Where standard output cannot be written the process ends.
  int run(Disk& disk);

 private:
  CLI::App* command_;
  std::vector<std::string> files_;
  DumpOptions options_;
  bool offsets_ = false, transactions_ = false, share_group_state_ = false, skip_record_metadata_ = false;
};

}  // namespace holdfast
