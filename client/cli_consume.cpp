// holdfast consume: records of topics, from and until where one wants.
#include "client/cli_consume.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"
#include "client/fetcher.h"

namespace holdfast::client {
namespace {

constexpr std::size_t records_at_a_time = 500;

// Where reading begins or ends.
struct Place {
  enum class Kind : std::uint8_t { start, end, offset, time, last, never } kind = Kind::never;
  std::int64_t number = 0;  // the offset, the time, or how many
};

std::optional<Place> parse_from(std::string_view text, std::int64_t now_ms) {
  if (text == "start" || text.empty()) return Place{Place::Kind::start};
  if (text == "end") return Place{Place::Kind::end};
  if (const auto time = parse_moment(text, now_ms)) return Place{Place::Kind::time, *time};
  const bool last = text.starts_with('-');
  const auto number = parse_number(last ? text.substr(1) : text);
  if (!number) return std::nullopt;
  return Place{last ? Place::Kind::last : Place::Kind::offset, *number};
}

std::optional<Place> parse_until(std::string_view text, std::int64_t now_ms) {
  if (text.empty()) return Place{Place::Kind::never};
  if (text == "end") return Place{Place::Kind::end};
  if (const auto time = parse_moment(text, now_ms)) return Place{Place::Kind::time, *time};
  const auto number = parse_number(text);
  return number ? std::optional(Place{Place::Kind::offset, *number}) : std::nullopt;
}

using Offsets = std::map<TopicPartition, std::int64_t>;

class Consumption {
 public:
  Consumption(Session& session, const ConsumeArguments& arguments, RecordPrinter& printer)
      : session_(session), arguments_(arguments), printer_(printer), wakeup_(session.shard()) {}

  Task<Exit> run() {
    const std::int64_t now_ms = session_.clock().wall_ms();
    const auto from = parse_from(arguments_.from, now_ms);
    const auto until = parse_until(arguments_.until_end() ? "end" : arguments_.until, now_ms);
    if (!from)
      co_return session_.usage(
          fmt::format("--from '{}': start, end, an offset, @TIME, or -N for the last N of each "
                      "partition",
                      arguments_.from));
    if (!until)
      co_return session_.usage(fmt::format("--until '{}': end, @TIME, or an offset", arguments_.until),
                               "--count N is so many records");
    printer_.limit(arguments_.count);
    const Exit found = co_await find_partitions();
    if (found != Exit::ok) co_return found;
    const Exit placed = co_await find_places(*from, *until, now_ms);
    if (placed != Exit::ok) co_return placed;
    session_.on_interrupt([this] { wakeup_.wake(); });
    if (until->kind == Place::Kind::time && until->number > now_ms)
      session_.shard().arm(timer_, std::chrono::milliseconds(until->number - now_ms), [this] {
        time_is_up_ = true;
        wakeup_.wake();
      });
    const Exit exit = co_await read();
    co_return exit;
  }

 private:
  Task<Exit> find_partitions() {
    for (const std::string& text : arguments_.topics) {
      auto named = co_await named_partitions(session_, text);
      if (!named) co_return named.error();
      partitions_.insert(partitions_.end(), named->begin(), named->end());
    }
    co_return Exit::ok;
  }

  Task<std::expected<Offsets, Exit>> offsets_at(OffsetSpec spec) {
    std::map<TopicPartition, OffsetSpec> specs;
    for (const TopicPartition& partition : partitions_) specs.emplace(partition, spec);
    const auto isolation = arguments_.committed ? IsolationLevel::read_committed : IsolationLevel::read_uncommitted;
    const auto listed = co_await session_.admin().list_offsets(std::move(specs), isolation);
    Offsets out;
    for (const auto& [partition, offset] : listed) {
      if (!offset) co_return std::unexpected(session_.fail(offset.error(), to_string(partition)));
      out[partition] = offset->offset;
    }
    co_return out;
  }

  // Where each partition begins and, where that is known beforehand, ends.
  Task<Exit> find_places(Place from, Place until, std::int64_t now_ms) {
    auto ends = co_await offsets_at(OffsetSpec::latest());
    if (!ends) co_return ends.error();
    auto starts = co_await offsets_at(OffsetSpec::earliest());
    if (!starts) co_return starts.error();
    Offsets begins = *starts;
    if (from.kind == Place::Kind::end) begins = *ends;
    if (from.kind == Place::Kind::time) {
      auto found = co_await offsets_at(OffsetSpec::at(from.number));
      if (!found) co_return found.error();
      begins = *found;
      for (auto& [partition, offset] : begins) offset = offset < 0 ? ends->at(partition) : offset;
    }
    for (auto& [partition, offset] : begins) {
      if (from.kind == Place::Kind::last) offset = std::max(starts->at(partition), ends->at(partition) - from.number);
      if (from.kind != Place::Kind::offset) continue;
      offset = from.number;
      if (offset < starts->at(partition) || offset > ends->at(partition))
        co_return session_.fail(Exit::refused,
                                fmt::format("{} has no offset {}: it begins at {} and ends at {}", to_string(partition),
                                            offset, starts->at(partition), ends->at(partition)),
                                "--from start, or TOPIC:PARTITION for one partition");
    }
    begins_ = std::move(begins);
    if (until.kind == Place::Kind::offset) {
      for (auto& [partition, offset] : *ends) offset = until.number;
    }
    if (until.kind == Place::Kind::end || until.kind == Place::Kind::offset) ends_ = std::move(*ends);
    if (until.kind == Place::Kind::time && until.number <= now_ms) {
      auto found = co_await offsets_at(OffsetSpec::at(until.number));
      if (!found) co_return found.error();
      for (auto& [partition, offset] : *found) offset = offset < 0 ? ends->at(partition) : offset;
      ends_ = std::move(*found);
    }
    co_return Exit::ok;
  }

  Task<Exit> read() {
    FetchOptions options;
    options.isolation = arguments_.committed ? IsolationLevel::read_committed : IsolationLevel::read_uncommitted;
    Fetcher& fetcher =
        session_.keep(std::make_unique<Fetcher>(session_.cluster(), options, [this] { wakeup_.wake(); }));
    session_.at_end([this, &fetcher] { return stop(session_, fetcher); });
    for (const auto& [partition, offset] : begins_) {
      if (ends_ && offset >= ends_->at(partition)) continue;
      fetcher.add(partition);
      fetcher.seek(partition, FetchPosition{offset, -1});
      open_.push_back(partition);
    }
    while (!open_.empty() || !ends_) {
      if (printer_.had_enough() || time_is_up_) co_return Exit::ok;
      if (session_.interrupted()) co_return Exit::interrupted;
      auto taken = fetcher.take(records_at_a_time);
      if (!taken) co_return session_.fail(taken.error(), "consume");
      for (const RecordView& record : taken->records) {
        if (printer_.had_enough()) break;
        if (!ends_ || record.offset < ends_->at(*taken->partition)) printer_.print(*taken->partition, record);
      }
      if (ends_) close_those_that_ended(fetcher);
      const bool idle = taken->empty();
      if ((idle || printer_.full()) && !printer_.flush()) co_return session_.output_failed();
      if (idle && !open_.empty()) co_await wakeup_.wait();
    }
    co_return Exit::ok;
  }

  void close_those_that_ended(Fetcher& fetcher) {
    std::erase_if(open_, [&](const TopicPartition& partition) {
      const auto position = fetcher.position(partition);
      if (!position || position->offset < ends_->at(partition)) return false;
      fetcher.remove(partition);
      return true;
    });
  }

  // A fetch that waits for records at the broker is not waited for here.
  static Task<void> stop(Session& session, Fetcher& fetcher) {
    co_await session.disconnect();
    co_await fetcher.stop();
  }

  Session& session_;
  const ConsumeArguments& arguments_;
  RecordPrinter& printer_;
  Wakeup wakeup_;
  Timer timer_;
  std::vector<TopicPartition> partitions_, open_;  // open: not at their ends
  Offsets begins_;
  std::optional<Offsets> ends_;
  bool time_is_up_ = false;
};

// What would otherwise go unheard beside something else.
Exit check_consume(Session& session, const ConsumeArguments& arguments) {
  if (arguments.to_end && !arguments.until.empty() && arguments.until != "end")
    return session.usage(fmt::format("--exit is --until end, and not --until {}: say one of them", arguments.until));
  if (arguments.format && arguments.separator)
    return session.usage("--format has a form of its own: --key-separator means nothing beside it",
                         "%k in the format is the key");
  const bool other_format = session.format_given() && session.out().format() != OutputFormat::text;
  if (other_format && (arguments.format || arguments.separator))
    return session.usage(fmt::format("{} is for text: --output means nothing beside it",
                                     arguments.format ? "--format" : "--key-separator"));
  return Exit::ok;
}

Task<Exit> consume(Session& session, const ConsumeArguments& arguments) {
  if (const Exit sound = check_consume(session, arguments); sound != Exit::ok) co_return sound;
  std::optional<RecordFormat> format;
  if (arguments.format) {
    auto parsed = RecordFormat::parse(*arguments.format);
    if (!parsed) co_return session.usage("--format: " + parsed.error().message);
    format = std::move(*parsed);
  }
  RecordPrinter& printer = session.keep(std::make_unique<RecordPrinter>(session, arguments, std::move(format)));
  if (!arguments.group.empty()) {
    const Exit exit = co_await consume_as_member(session, arguments, printer);
    co_return exit;
  }
  Consumption& consumption = session.keep(std::make_unique<Consumption>(session, arguments, printer));
  const Exit exit = co_await consumption.run();
  co_return exit;
}

}  // namespace

RecordPrinter::RecordPrinter(Session& session, const ConsumeArguments& arguments, std::optional<RecordFormat> format)
    : session_(session),
      arguments_(arguments),
      format_(std::move(format)),
      separator_(arguments.separator ? unescape(*arguments.separator) : std::string()) {}

void RecordPrinter::print(const TopicPartition& partition, const RecordView& record) {
  ++printed_;
  const auto text = [this](const std::optional<ByteView>& part) {
    return part ? std::string_view(reinterpret_cast<const char*>(part->data()), part->size())
                : std::string_view(arguments_.null_text);
  };
  text_.clear();
  if (format_) {
    format_->append(text_, partition, record, printed_, arguments_.null_text);
  } else if (session_.out().format() == OutputFormat::json) {
    append_record_json(text_, partition, record);
  } else if (session_.out().format() == OutputFormat::yaml) {
    append_record_json(text_, partition, record);  // YAML, too: flow style
    text_.insert(0, "--- ");
  } else if (session_.out().format() == OutputFormat::wide) {
    text_ =
        fmt::format("{}:{} {} {} {}\t{}\n", partition.topic, partition.partition, record.offset,
                    time_value(record.timestamp).text(), printable(text(record.key)), printable(text(record.value)));
  } else {
    if (arguments_.separator) {
      text_ += text(record.key);
      text_ += separator_;
    }
    text_ += text(record.value);
    text_ += '\n';
  }
  session_.out().raw(text_);
}

void Wakeup::wake() {
  woken_ = true;
  if (resume_) std::exchange(resume_, nullptr)();
}

Task<void> Wakeup::wait() {
  auto start = [this](Function<void()> resume) {
    if (woken_) return resume();
    resume_ = std::move(resume);
  };
  co_await shard_.until(std::move(start));
  woken_ = false;
}

void add_consume_verb(Cli& cli) {
  auto arguments = std::make_shared<ConsumeArguments>();
  Verb& verb = cli.verb("consume", "print the records of topics");
  verb.argument("TOPIC", arguments->topics, "topics or patterns; TOPIC:0,3 for some partitions")
      .option("--from", arguments->from, "start (default), end, an offset, @TIME, or -N: the last N of each partition",
              "WHERE")
      .option("--until", arguments->until,
              "up to end: where the partitions end now; to @TIME; or to an offset, itself not printed", "WHERE")
      .flag("-e,--exit", arguments->to_end, "the same as --until end")
      .option("-n,--count", arguments->count, "so many records at most", "N")
      .at_least(1)
      .option("-g,--group", arguments->group, "as a member of this group; what was printed is committed", "GROUP")
      .option("-f,--format", arguments->format,
              "kcat's: %t topic, %p partition, %o offset, %k key, %s value, %K %S sizes, %R the value's "
              "size as 4 bytes, %T timestamp, %h headers, %n count, %%, \\n \\t \\xNN",
              "FORMAT")
      .option("-K,--key-separator", arguments->separator, "print the key, and this before the value", "TEXT")
      .option("-Z,--null", arguments->null_text, "printed for keys and values that are null", "WORD")
      .flag("--read-committed", arguments->committed, "not what transactions have not committed")
      .more(
          "Without --until or --count it goes on until Ctrl-C. Times are 2026-01-31T12:00:00Z, milliseconds since "
          "1970, or as -2h so long ago. -o json prints one object per line; values that are not UTF-8 are base64.")
      .example("holdfast consume orders --from start --until end -f '%o %k %s\\n'")
      .example("holdfast consume orders --from @-1h -o json | jq .value", "the last hour, and on")
      .example("holdfast consume orders:3 --from -10 -e", "the last ten of partition 3")
      .runs_on_cluster([arguments](Session& session) { return consume(session, *arguments); });
  refuse_empty(verb, "--group");
}

}  // namespace holdfast::client
