// holdfast topic trim: the oldest records of a topic go.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_topic.h"

namespace holdfast::client {
namespace {

struct TrimArguments {
  std::string topic, before;
};

struct Cut {
  std::int64_t start = 0, end = 0, before = 0;
};

// Up to where the records go: an offset, the first record at or after a time, or all.
Task<std::expected<std::map<TopicPartition, std::int64_t>, Exit>> resolve(Session& session, std::string before,
                                                                          std::vector<TopicPartition> partitions) {
  std::map<TopicPartition, std::int64_t> out;
  if (const auto offset = parse_number(before)) {
    for (const TopicPartition& partition : partitions) out[partition] = *offset;
    co_return out;
  }
  const std::optional<std::int64_t> time = parse_moment(before, session.clock().wall_ms());
  if (!time && before != "end")
    co_return std::unexpected(
        session.usage(fmt::format("--before '{}': an offset, @TIME or end", before), "as 1000, @2026-01-31T12:00:00Z"));
  std::map<TopicPartition, OffsetSpec> specs, ends;
  for (const TopicPartition& partition : partitions) {
    specs.emplace(partition, time ? OffsetSpec::at(*time) : OffsetSpec::latest());
    ends.emplace(partition, OffsetSpec::latest());
  }
  const auto found = co_await session.admin().list_offsets(std::move(specs));
  const auto last = co_await session.admin().list_offsets(std::move(ends));
  for (const auto& [partition, offset] : found) {
    const auto end = last.find(partition);
    if (!offset) co_return std::unexpected(session.fail(offset.error(), to_string(partition)));
    if (end == last.end() || !end->second)
      co_return std::unexpected(session.fail(Exit::failed, to_string(partition) + ": its end is not known"));
    // No record is that late: all of them are older.
    out[partition] = offset->offset >= 0 ? offset->offset : end->second->offset;
  }
  co_return out;
}

Task<Exit> trim(Session& session, const TrimArguments& arguments) {
  const auto part = parse_topic_part(arguments.topic);
  if (!part) co_return session.usage("name a topic, or TOPIC:0,3 for some of its partitions");
  auto named = co_await named_partitions(session, arguments.topic);
  if (!named) co_return named.error();
  const std::vector<TopicPartition> partitions = std::move(*named);
  const auto of_another = [&](const TopicPartition& p) { return p.topic != partitions.front().topic; };
  if (std::ranges::any_of(partitions, of_another)) co_return session.usage("one topic at a time");

  auto before = co_await resolve(session, arguments.before, partitions);
  if (!before) co_return before.error();
  std::map<TopicPartition, OffsetSpec> first, last;
  for (const TopicPartition& p : partitions) {
    first.emplace(p, OffsetSpec::earliest());
    last.emplace(p, OffsetSpec::latest());
  }
  const auto starts = co_await session.admin().list_offsets(std::move(first));
  const auto ends = co_await session.admin().list_offsets(std::move(last));
  Table table{{{"topic"}, {"partition"}, {"start"}, {"new_start"}, {"end"}, {"records_lost"}}, {}};
  std::int64_t lost = 0;
  std::map<TopicPartition, std::int64_t> cuts;
  for (const auto& [partition, cut] : *before) {
    const auto start = starts.find(partition), end = ends.find(partition);
    if (start == starts.end() || !start->second || end == ends.end() || !end->second)
      co_return session.fail(Exit::failed, to_string(partition) + ": its offsets are not known");
    if (cut > end->second->offset)
      co_return session.fail(Exit::refused, fmt::format("{} ends at offset {}, before {}", to_string(partition),
                                                        end->second->offset, cut));
    const std::int64_t new_start = std::max(cut, start->second->offset);
    const std::int64_t goes = new_start - start->second->offset;
    lost += goes;
    if (goes > 0) cuts[partition] = new_start;
    table.rows.push_back(
        {partition.topic, partition.partition, start->second->offset, new_start, end->second->offset, goes});
  }
  if (session.dry_run() || cuts.empty()) {
    session.out().table(table);
    if (cuts.empty()) session.note("there is nothing before that: nothing was done");
    co_return Exit::ok;
  }
  if (session.out().is_text() && session.console().output_is_terminal()) session.out().table(table);
  const bool confirmed = co_await session.confirm(
      fmt::format("this deletes {} of topic {}", counted(lost, "record"), part->topic), part->topic);
  if (!confirmed) co_return Exit::refused;
  const auto results = co_await session.admin().delete_records(cuts);
  Report report(session);
  for (const auto& [partition, result] : results) {
    Object fields{{"topic", partition.topic}, {"partition", partition.partition}};
    if (!result) {
      report.failed(result.error(), to_string(partition), std::move(fields));
    } else {
      fields.push_back({"start", *result});
      report.done(fmt::format("{} begins at offset {}", to_string(partition), *result), "trimmed", std::move(fields));
    }
  }
  co_return report.finish();
}

}  // namespace

void add_topic_trim_verb(Cli& cli) {
  auto arguments = std::make_shared<TrimArguments>();
  Verb& verb = cli.verb("topic trim", "delete the oldest records of a topic, up to an offset or time");
  verb.argument("TOPIC", arguments->topic, "the topic, or TOPIC:0,3 for some of its partitions")
      .option("--before", arguments->before, "what is older goes: an offset, @TIME, or end for all", "WHERE")
      .example("holdfast topic trim orders --before @-7d --dry-run")
      .knows_dry_run()
      .runs_on_cluster([arguments](Session& session) { return trim(session, *arguments); });
  verb.app().get_option("--before")->required();
}

}  // namespace holdfast::client
