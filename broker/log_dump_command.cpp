#include "broker/log_dump_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

namespace holdfast {

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

  bool good = true, written = true;
  const auto print = [&](std::string_view text) {
    written &= std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  };
  const auto warn = [](std::string_view text) { fmt::print(stderr, "{}", text); };
  LogDump dump(disk, options_, print, warn);
  for (const std::string& file : files_) {
    auto done = dump.dump(file);
    if (done) continue;
    std::fflush(stdout);
    warn(fmt::format("holdfast: {}\n", done.error().message));
    good = false;
  }
  dump.finish();
  written &= std::fflush(stdout) == 0;
  if (!written) warn("holdfast: standard output cannot be written\n");
  return good && written ? 0 : 1;
}

}  // namespace holdfast
