// holdfast group reset: a group's offsets, in all of kafka-consumer-groups' ways. Without --execute it shows what would
// be done.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_group.h"

namespace holdfast::client {
namespace {

constexpr std::uint64_t file_bytes_max = 16 << 20;

struct ResetArguments {
  std::string group;
  std::vector<std::string> topics;
  bool all_topics = false, execute = false, as_csv = false;
  bool to_earliest = false, to_latest = false, to_current = false;
  std::string to_datetime, by_duration, from_file;
  std::optional<std::int64_t> to_offset, shift_by;

  int ways() const {
    return to_earliest + to_latest + to_current + !to_datetime.empty() + !by_duration.empty() + !from_file.empty() +
           to_offset.has_value() + shift_by.has_value();
  }
};

using Offsets = std::map<TopicPartition, std::int64_t>;
template <class T>
using Try = std::expected<T, Exit>;

// "P7DT3H30M", as kafka-consumer-groups takes it, or "7d".
std::optional<Duration> parse_iso_duration(std::string_view text) {
  if (!text.starts_with('P')) return parse_duration(text);
  text.remove_prefix(1);
  Duration sum{};
  bool in_time = false, any = false;
  while (!text.empty()) {
    if (text.front() == 'T') {
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find_first_not_of("0123456789.");
    if (end == 0 || end == std::string_view::npos) return std::nullopt;
    const char unit = text[end];
    const bool known = in_time ? unit == 'H' || unit == 'M' || unit == 'S' : unit == 'D';
    const auto part =
        known ? parse_duration(std::string(text.substr(0, end)) + static_cast<char>(unit + ('a' - 'A'))) : std::nullopt;
    if (!part) return std::nullopt;
    sum += *part;
    any = true;
    text.remove_prefix(end + 1);
  }
  return any ? std::optional(sum) : std::nullopt;
}

// "topic,partition,offset" a line; a group in front is passed over where it is this one.
Result<Offsets> parse_file(std::string_view text, const std::string& group) {
  Offsets offsets;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::vector<std::string> cells;
    while (rest.ends_with('\r') || rest.ends_with(' ')) rest.remove_suffix(1);
    if (rest.empty() || rest.front() == '#') continue;
    for (;;) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string_view cell = rest.substr(0, comma);
      if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
      cells.emplace_back(cell);
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
    if (cells.size() == 4 && cells[0] == group) cells.erase(cells.begin());
    const auto partition = cells.size() == 3 ? parse_number(cells[1]) : std::nullopt;
    const auto offset = cells.size() == 3 ? parse_number(cells[2]) : std::nullopt;
    if (!partition || *partition > INT32_MAX || !offset)
      return fail(ErrorKind::invalid_input, fmt::format("line {}: topic,partition,offset is expected", line));
    offsets[{cells[0], static_cast<std::int32_t>(*partition)}] = *offset;
  }
  return offsets;
}

class Resetting {
 public:
  Resetting(Session& session, const ResetArguments& arguments) : session_(session), arguments_(arguments) {}

  Task<Exit> run() {
    if (arguments_.ways() != 1)
      co_return session_.usage(
          "say one way: --to-earliest, --to-latest, --to-current, --to-datetime, --by-duration, "
          "--to-offset, --shift-by or --from-file");
    if (arguments_.execute && session_.dry_run())
      co_return session_.usage("--execute does it, --dry-run does not: say one of them");
    if (arguments_.as_csv && session_.format_given())
      co_return session_.usage("--export has a form of its own: --output means nothing beside it");
    const bool scoped = arguments_.all_topics != !arguments_.topics.empty();
    if (arguments_.from_file.empty() ? !scoped : arguments_.all_topics || !arguments_.topics.empty())
      co_return session_.usage(
          "say which topics: --topic TOPIC, --topic TOPIC:0,3 or --all-topics; a file says it "
          "itself");
    std::vector<std::string> names{arguments_.group};
    const auto groups = co_await session_.admin().describe_groups(std::move(names));
    const auto& group = groups.begin()->second;
    const bool absent = !group && group.error().code == wire::ErrorCode::group_id_not_found;
    if (!group && !absent) co_return session_.fail(group.error(), "group " + arguments_.group);
    if (absent && arguments_.all_topics) co_return session_.fail(group.error(), "group " + arguments_.group);
    if (group && !group->members.empty() && arguments_.execute)
      co_return session_.fail(Exit::refused,
                              fmt::format("group {} has {}: offsets can be reset only when it has none",
                                          arguments_.group, counted(std::ssize(group->members), "member")),
                              "stop its consumers first; holdfast group describe --members shows them");

    auto current = co_await committed();
    if (!current) co_return current.error();
    auto wanted = co_await choose(*current);
    if (!wanted) co_return wanted.error();
    if (wanted->empty())
      co_return session_.fail(Exit::not_found, "there is nothing to reset: the group has committed no offsets there");
    preview(*current, *wanted);
    if (!arguments_.execute) {
      if (!arguments_.as_csv) session_.note("nothing was done yet: --execute does it");
      co_return Exit::ok;
    }
    std::map<TopicPartition, CommittedOffset> commits;
    for (const auto& [partition, offset] : *wanted) commits[partition].offset = offset;
    const auto results = co_await session_.admin().alter_group_offsets(arguments_.group, std::move(commits));
    Exit exit = Exit::ok;
    for (const auto& [partition, result] : results) {
      if (!result) exit = session_.fail(result.error(), to_string(partition));
    }
    if (exit == Exit::ok) session_.note(fmt::format("reset {}", counted(std::ssize(results), "partition")));
    co_return exit;
  }

 private:
  Task<Try<Offsets>> committed() {
    auto listed = co_await session_.admin().list_group_offsets(arguments_.group);
    Offsets out;
    if (!listed) {
      if (listed.error().code == wire::ErrorCode::group_id_not_found) co_return out;
      co_return std::unexpected(session_.fail(listed.error(), "group " + arguments_.group));
    }
    for (const auto& [partition, offset] : *listed) {
      if (offset && offset->offset >= 0) out[partition] = offset->offset;
    }
    co_return out;
  }

  Task<Try<std::vector<TopicPartition>>> scope(const Offsets& current) {
    std::vector<TopicPartition> partitions;
    if (arguments_.all_topics) {
      for (const auto& [partition, offset] : current) partitions.push_back(partition);
      co_return partitions;
    }
    for (const std::string& text : arguments_.topics) {
      auto named = co_await named_partitions(session_, text);
      if (!named) co_return std::unexpected(named.error());
      partitions.insert(partitions.end(), named->begin(), named->end());
    }
    co_return partitions;
  }

  Task<Try<Offsets>> listed(std::vector<TopicPartition> partitions, OffsetSpec spec) {
    std::map<TopicPartition, OffsetSpec> specs;
    for (const TopicPartition& partition : partitions) specs.emplace(partition, spec);
    const auto found = co_await session_.admin().list_offsets(std::move(specs));
    Offsets out;
    for (const auto& [partition, offset] : found) {
      if (!offset) co_return std::unexpected(session_.fail(offset.error(), to_string(partition)));
      out[partition] = offset->offset;
    }
    co_return out;
  }

  Task<Try<Offsets>> read_file() {
    Result<std::string> text;
    if (arguments_.from_file == "-") {
      text = co_await read_input(session_, file_bytes_max);
    } else {
      auto content = session_.disk().read_file(arguments_.from_file, file_bytes_max);
      if (content) text->assign(content->begin(), content->end());
      if (!content) text = fail(content);
    }
    if (!text) {
      const bool absent = text.error().kind == ErrorKind::not_found;
      co_return std::unexpected(session_.fail(absent ? Exit::not_found : Exit::failed, text.error().message));
    }
    const std::string name = arguments_.from_file == "-" ? "standard input" : arguments_.from_file;
    auto parsed = parse_file(*text, arguments_.group);
    if (!parsed) co_return std::unexpected(session_.usage(fmt::format("{}: {}", name, parsed.error().message)));
    if (parsed->empty())
      co_return std::unexpected(
          session_.usage(fmt::format("{}: there are no lines topic,partition,offset in it", name)));
    co_return std::move(*parsed);
  }

  Task<Try<Offsets>> choose(const Offsets& current) {
    Offsets wanted;
    std::vector<TopicPartition> partitions;
    if (!arguments_.from_file.empty()) {
      auto given = co_await read_file();
      if (!given) co_return std::unexpected(given.error());
      wanted = std::move(*given);
      for (const auto& [partition, offset] : wanted) partitions.push_back(partition);
    } else {
      auto scoped = co_await scope(current);
      if (!scoped) co_return std::unexpected(scoped.error());
      partitions = std::move(*scoped);
    }
    auto first = co_await listed(partitions, OffsetSpec::earliest());
    if (!first) co_return std::unexpected(first.error());
    auto last = co_await listed(partitions, OffsetSpec::latest());
    if (!last) co_return std::unexpected(last.error());
    ends_ = *last;
    Offsets at_time;
    if (!arguments_.to_datetime.empty() || !arguments_.by_duration.empty()) {
      const std::int64_t now_ms = session_.clock().wall_ms();
      std::optional<std::int64_t> time;
      if (!arguments_.to_datetime.empty()) {
        time = parse_time(arguments_.to_datetime, now_ms);
      } else if (const auto ago = parse_iso_duration(arguments_.by_duration)) {
        time = now_ms - std::chrono::duration_cast<std::chrono::milliseconds>(*ago).count();
      }
      if (!time && arguments_.to_datetime.empty())
        co_return std::unexpected(session_.usage(
            fmt::format("--by-duration '{}' is no duration", arguments_.by_duration), "2h, 7d or P7DT2H: so long ago"));
      if (!time)
        co_return std::unexpected(session_.usage(fmt::format("--to-datetime '{}' is no time", arguments_.to_datetime),
                                                 "2026-01-31T12:00:00Z, milliseconds since 1970, or -2h"));
      auto found = co_await listed(partitions, OffsetSpec::at(*time));
      if (!found) co_return std::unexpected(found.error());
      at_time = std::move(*found);
    }
    for (const TopicPartition& partition : partitions) {
      const auto now = current.find(partition);
      const std::int64_t begin = first->at(partition), end = last->at(partition);
      std::int64_t offset = begin;
      if (arguments_.to_latest) offset = end;
      if (arguments_.to_current) offset = now == current.end() ? end : now->second;
      if (arguments_.to_offset) offset = *arguments_.to_offset;
      if (!at_time.empty()) offset = at_time.at(partition) < 0 ? end : at_time.at(partition);
      if (!arguments_.from_file.empty()) offset = wanted.at(partition);
      if (arguments_.shift_by) {
        if (now == current.end()) {
          session_.note(fmt::format("{}: the group has no offset there to shift", to_string(partition)));
          continue;
        }
        offset = now->second + *arguments_.shift_by;
      }
      if (offset < begin || offset > end) {
        const std::int64_t nearest = std::clamp(offset, begin, end);
        session_.note(fmt::format("{}: {} is outside of {} to {}, {} is taken", to_string(partition), offset, begin,
                                  end, nearest));
        offset = nearest;
      }
      wanted[partition] = offset;
    }
    co_return wanted;
  }

  void preview(const Offsets& current, const Offsets& wanted) {
    Table table{{{"group", true}, {"topic"}, {"partition"}, {"current"}, {"new"}, {"change"}, {"lag"}}, {}};
    for (const auto& [partition, offset] : wanted) {
      if (arguments_.as_csv) {
        session_.out().line(fmt::format("{},{},{}", partition.topic, partition.partition, offset));
        continue;
      }
      const auto now = current.find(partition);
      const bool known = now != current.end();
      table.rows.push_back(
          {arguments_.group, partition.topic, partition.partition, known ? Value(now->second) : Value(), offset,
           known ? Value(offset - now->second).shown_as(fmt::format("{:+}", offset - now->second)) : Value(),
           ends_[partition] - offset});
    }
    if (!arguments_.as_csv) session_.out().table(table);
  }

  Session& session_;
  const ResetArguments& arguments_;
  Offsets ends_;
};

Task<Exit> reset(Session& session, const ResetArguments& arguments) {
  Resetting resetting(session, arguments);
  const Exit exit = co_await resetting.run();
  co_return exit;
}

}  // namespace

void add_group_reset_verb(Cli& cli) {
  auto arguments = std::make_shared<ResetArguments>();
  Verb& verb = cli.verb("group reset", "move a group's offsets; without --execute it only shows them");
  verb.argument("GROUP", arguments->group, "the group; it may be one that does not exist yet")
      .option("-t,--topic", arguments->topics, "TOPIC, or TOPIC:0,3 for some partitions (may be repeated)", "TOPIC")
      .flag("--all-topics", arguments->all_topics, "every partition that the group has committed an offset of")
      .flag("--to-earliest", arguments->to_earliest, "to the first record")
      .flag("--to-latest", arguments->to_latest, "behind the last record")
      .flag("--to-current", arguments->to_current, "to where it stands; to the end where it stands nowhere")
      .option("--to-datetime", arguments->to_datetime, "to the first record at or after a time", "TIME")
      .option("--by-duration", arguments->by_duration, "to the first record of the last 2h, 7d or P7DT2H", "DURATION")
      .option("--to-offset", arguments->to_offset, "to this offset", "N")
      .at_least(0)
      .option("--shift-by", arguments->shift_by, "so many records forward, or with - backward", "N")
      .option("--from-file", arguments->from_file,
              "to those of a file, or - for standard input, with lines topic,partition,offset", "FILE")
      .flag("--execute", arguments->execute, "do it")
      .flag("--export", arguments->as_csv, "print lines that --from-file reads")
      .more(
          "An offset outside of what the partition holds becomes the nearest one inside. The group must have no "
          "members.")
      .example("holdfast group reset billing --topic orders --to-earliest", "what would be done")
      .example("holdfast group reset billing --all-topics --by-duration 2h --execute")
      .example("holdfast group reset billing --all-topics --to-current --export > offsets.csv", "keep them in a file")
      .knows_dry_run()
      .runs_on_cluster([arguments](Session& session) { return reset(session, *arguments); });
  refuse_empty(verb, "GROUP");
}

}  // namespace holdfast::client
