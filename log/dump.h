// LogDump: what kafka-dump-log prints of the files of a log directory, in its words, so that scripts and people who
// know the one can read the other: .log, .index, .timeindex, .snapshot and .txnindex. Behind `holdfast log dump`. It
// only reads, and blocks; the files may be damaged, or those of a server that runs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/disk.h"
#include "runtime/result.h"

namespace holdfast {

// How keys and values are read: as text, or as the records of one of Kafka's internal topics.
enum class RecordDecoder : std::uint8_t { text, offsets, transactions, share_group_state };

struct DumpOptions {
  static constexpr std::uint64_t everything = UINT64_MAX;

  bool records = false;         // each record of a batch, not only the batch
  bool contents = false;        // with keys and values
  bool record_metadata = true;  // with offset, time and sizes
  RecordDecoder decoder = RecordDecoder::text;
  bool index_sanity_only = false;            // of an index, whether Kafka would use it as it is
  bool index_verify_only = false;            // of an index, only what contradicts the log
  std::uint64_t log_bytes_max = everything;  // of a .log file, from its beginning
};

class LogDump {
 public:
  using Sink = std::function<void(std::string_view)>;
  // `print` gets the text, `warn` what else there is to say: kafka-dump-log's standard output and standard error.
  LogDump(Disk& disk, DumpOptions options, Sink print, Sink warn)
      : disk_(disk), options_(options), print_(std::move(print)), warn_(std::move(warn)) {}

  // An error says why the rest of this file cannot be read; what came before it was printed.
  Result<void> dump(const std::string& path);
  // Warns of what did not fit together: indexes that contradict their log, offsets that are missing in a log.
  void finish();

 private:
  using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;
  using PairsByFile = std::map<std::string, Pairs>;

  // A file named by an offset: <directory>/<digits>.<suffix>.
  struct SegmentFile {
    std::string path;
    std::int64_t base = 0;
    std::string sibling(std::string_view suffix) const;
    static Result<SegmentFile> parse(const std::string& path);
  };

  Result<void> dump_segment_file(const std::string& path, std::string_view suffix);
  Result<void> dump_log(const SegmentFile& file);
  Result<void> dump_offset_index(const SegmentFile& file);
  Result<void> dump_time_index(const SegmentFile& file);
  Result<void> dump_producers(const std::string& path);
  Result<void> dump_aborted(const std::string& path);
  void line(std::string text);
  void warn_of(const PairsByFile& findings, std::string_view title, std::string_view first, std::string_view second);

  Disk& disk_;
  DumpOptions options_;
  Sink print_, warn_;
  PairsByFile gaps_, wrong_offsets_, wrong_times_, falling_times_, lost_offsets_;
};

}  // namespace holdfast
