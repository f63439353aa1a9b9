#include "broker/log_dump_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace holdfast {
namespace {

// The exit codes of every verb (docs/CLI.md).
constexpr int exit_failed = 1, exit_not_found = 4, exit_reader_gone = 141;

// What would follow is read for nobody: it ends here, quietly where the reader has only had enough.
[[noreturn]] void end_without_output(int error) {
  if (error != EPIPE) fmt::print(stderr, "holdfast: standard output: {}\n", std::strerror(error));
  std::_Exit(error == EPIPE ? exit_reader_gone : exit_failed);
}

}  // namespace

LogDumpCommand::LogDumpCommand(CLI::App& log) {
  CLI::App* dump = log.add_subcommand("dump", "print segments, indexes and snapshots in kafka-dump-log's words");
  dump->add_option("FILES,--files", files_, ".log, .index, .timeindex, .snapshot and .txnindex files; commas separate")
      ->required()
      ->delimiter(',');
  dump->add_flag("--deep-iteration", options_.records, "the records of each batch too");
  dump->add_flag("--print-data-log", options_.contents, "and their keys and values");
  CLI::Option* decoders[] = {
      dump->add_flag("--offsets-decoder", offsets_, "keys and values are those of __consumer_offsets"),
      dump->add_flag("--transaction-log-decoder", transactions_, "keys and values are those of __transaction_state"),
      dump->add_flag("--share-group-state-decoder", share_group_state_,
                     "keys and values are those of __share_group_state"),
  };
  for (CLI::Option* decoder : decoders) {
    for (CLI::Option* other : decoders) {
      if (decoder != other) decoder->excludes(other);
    }
  }
  dump->add_flag("--skip-record-metadata", skip_record_metadata_, "keys and values only, nothing of control records");
  dump->add_flag("--index-sanity-check", options_.index_sanity_only, "only whether indexes are sound in themselves");
  dump->add_flag("--verify-index-only", options_.index_verify_only, "only where indexes contradict their logs");
  dump->add_option("--max-bytes", options_.log_bytes_max, "of each .log file, only so much");
  command_ = dump;
}

int LogDumpCommand::run(Disk& disk) {
  if (offsets_) options_.decoder = RecordDecoder::offsets;
  if (transactions_) options_.decoder = RecordDecoder::transactions;
  if (share_group_state_) options_.decoder = RecordDecoder::share_group_state;
  options_.contents |= options_.decoder != RecordDecoder::text;
  options_.records |= options_.contents;
  options_.record_metadata = !skip_record_metadata_;

  const auto print = [](std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) end_without_output(errno);
  };
  const auto flush = [] {
    if (std::fflush(stdout) != 0) end_without_output(errno);
  };
  const auto warn = [](std::string_view text) { fmt::print(stderr, "{}", text); };
  LogDump dump(disk, options_, print, warn);
  int exit = 0;
  for (const std::string& file : files_) {
    // A file of another kind is passed over by its name alone, also one that is not there.
    auto there = disk.exists(file);
    Result<void> done;
    if (!there) {
      done = fail(there);
    } else if (!*there) {
      done = fail(ErrorKind::not_found, fmt::format("{}: {}", file, std::strerror(ENOENT)));
    } else {
      done = dump.dump(file);
    }
    if (done) continue;
    flush();
    warn(fmt::format("holdfast: {}\n", done.error().message));
    if (exit == 0) exit = done.error().kind == ErrorKind::not_found ? exit_not_found : exit_failed;
  }
  dump.finish();
  flush();
  return exit;
}

}  // namespace holdfast
