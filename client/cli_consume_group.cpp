// holdfast consume --group: as a member of a group, which says what partitions it reads and from where.
#include <fmt/format.h>

#include "client/cli_common.h"
#include "client/cli_consume.h"
#include "client/consumer.h"

namespace holdfast::client {
namespace {

constexpr std::size_t group_records_at_a_time = 500;
constexpr Duration poll_for = std::chrono::milliseconds(500);

// Whether everything that is assigned has been read. A group's first assignment takes a moment.
Task<bool> at_the_end(Consumer& consumer) {
  const std::vector<TopicPartition> assigned = consumer.assignment();
  for (const TopicPartition& partition : assigned) {
    const auto position = co_await consumer.position(partition);
    const std::int64_t end = consumer.lag(partition).high_watermark;
    if (!position || end < 0 || *position < end) co_return false;
  }
  co_return !assigned.empty();
}

Task<Exit> poll_all(Session& session, const ConsumeArguments& arguments, RecordPrinter& printer, Consumer& consumer) {
  for (;;) {
    if (session.interrupted()) co_return Exit::interrupted;
    if (printer.had_enough()) co_return Exit::ok;
    auto records = co_await consumer.poll(poll_for);
    if (!records) co_return session.fail(records.error(), "group " + arguments.group);
    for (const RecordView& record : records->records) {
      if (printer.had_enough()) {
        // The rest was not printed: it is the group's next.
        (void)consumer.seek(*records->partition, record.offset);
        break;
      }
      printer.print(*records->partition, record);
    }
    if (!printer.flush()) {
      // What could not be handed on must not count as read: it is the group's next. Where it was taken away meanwhile
      // there is nothing to go back to.
      if (!records->empty()) (void)consumer.seek(*records->partition, records->records.front().offset);
      co_return session.output_failed();
    }
    if (!arguments.until_end() || !records->empty()) continue;
    const bool ended = co_await at_the_end(consumer);
    if (ended) co_return Exit::ok;
  }
}

}  // namespace

Task<Exit> consume_as_member(Session& session, const ConsumeArguments& arguments, RecordPrinter& printer) {
  if (!arguments.until.empty() && arguments.until != "end")
    co_return session.usage("--until in a group is end", "--count N is so many records");
  if (!arguments.from.empty() && arguments.from != "start" && arguments.from != "end")
    co_return session.usage("--from in a group is start or end, for partitions of which it has no offset",
                            "holdfast group reset moves a group to an offset or a time");
  printer.limit(arguments.count);
  auto topics = co_await existing_topics(session, arguments.topics);
  if (!topics) co_return topics.error();

  ConsumerOptions options;
  options.group_id = arguments.group;
  options.reset = arguments.from == "end" ? OffsetReset::latest : OffsetReset::earliest;
  options.poll_records_max = group_records_at_a_time;
  options.session_timeout = std::chrono::seconds(10);
  options.timeout = session.timeout();
  options.fetch.isolation = arguments.committed ? IsolationLevel::read_committed : IsolationLevel::read_uncommitted;
  Consumer& consumer = session.keep(std::make_unique<Consumer>(session.cluster(), std::move(options)));
  auto subscribed = consumer.subscribe(*topics);
  session.on_interrupt([&consumer] { consumer.wake(); });
  Exit exit = Exit::ok;
  if (!subscribed) {
    exit = session.fail(subscribed.error(), "group " + arguments.group);
  } else {
    exit = co_await poll_all(session, arguments, printer, consumer);
  }
  co_await consumer.stop();
  co_return exit;
}

}  // namespace holdfast::client
