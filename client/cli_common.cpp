#include "client/cli_common.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "client/admin.h"
#include "client/cli.h"

namespace holdfast::client {

void refuse_empty(Verb& verb, const std::string& name) {
  verb.app().get_option(name)->check(CLI::Validator(
      [](const std::string& text) { return text.empty() ? std::string("it is empty") : std::string(); }, ""));
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

Value ids_value(const std::vector<std::int32_t>& ids) { return Value::list(ids); }

bool is_pattern(std::string_view text) { return text.find_first_of("*?") != std::string_view::npos; }

bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, resumed = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resumed = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resumed;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(), [](char c) { return c == '*'; });
}

Task<Result<std::string>> read_input(Session& session, std::size_t bytes_max) {
  std::string out;
  std::array<std::uint8_t, 16 << 10> buffer;
  for (;;) {
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await session.console().read(session.shard(), into);
    if (!got) co_return fail(got);
    if (*got == 0) co_return out;
    out.append(reinterpret_cast<const char*>(buffer.data()), *got);
    if (out.size() > bytes_max)
      co_return fail(ErrorKind::exhausted,
                     fmt::format("standard input is longer than {}", bytes_value(bytes_max).text()));
  }
}

std::optional<std::pair<std::string, std::string>> parse_assignment(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::optional<std::vector<std::int32_t>> parse_ids(std::string_view text) {
  std::vector<std::int32_t> ids;
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto id = parse_number(text.substr(0, comma));
    if (!id || *id > INT32_MAX) return std::nullopt;
    ids.push_back(static_cast<std::int32_t>(*id));
    if (comma == text.size()) return ids;
    text.remove_prefix(comma + 1);
  }
}

std::optional<TopicPart> parse_topic_part(std::string_view text) {
  const std::size_t colon = text.find(':');
  TopicPart part{std::string(text.substr(0, colon)), std::nullopt};
  if (part.topic.empty()) return std::nullopt;
  if (colon == std::string_view::npos) return part;
  part.partitions = parse_ids(text.substr(colon + 1));
  if (!part.partitions) return std::nullopt;
  return part;
}

void Report::done(std::string sentence, std::string result, Object fields) {
  if (session_.out().is_text()) return session_.out().line(printable(sentence));
  fields.push_back({"result", std::move(result)});
  fields.push_back({"error", Value()});
  objects_.push_back(std::move(fields));
}

void Report::failed(const Failure& failure, std::string_view doing, Object fields) {
  const Exit exit = Session::exit_of(failure.code);
  if (exit_ == Exit::ok) exit_ = exit == Exit::ok ? Exit::failed : exit;
  if (++failed_ <= failures_shown) session_.fail(failure, doing);
  fields.push_back({"result", "failed"});
  fields.push_back({"error", Object{{"code", wire::error_name(failure.code)}, {"message", failure.message}}});
  objects_.push_back(std::move(fields));
}

Exit Report::finish() {
  if (failed_ > failures_shown) session_.note(fmt::format("and {} more", counted(failed_ - failures_shown, "failure")));
  if (!session_.out().is_text()) session_.out().objects(objects_);
  return exit_;
}

Exit no_such(Session& session, std::string_view noun, std::string_view name, std::span<const std::string> known) {
  const std::string meant = is_pattern(name) ? std::string() : nearest_word(name, known);
  return session.fail(
      Exit::not_found,
      is_pattern(name) ? fmt::format("no {} matches '{}'", noun, name) : fmt::format("there is no {} {}", noun, name),
      meant.empty() ? fmt::format("holdfast {} list", noun) : fmt::format("did you mean {}?", meant));
}

Exit all_there(Session& session, std::string_view noun, const std::vector<std::string>& names,
               std::span<const std::string> known) {
  for (const std::string& name : names) {
    const auto matching = [&name](const std::string& there) { return matches(name, there); };
    if (std::none_of(known.begin(), known.end(), matching)) return no_such(session, noun, name, known);
  }
  return Exit::ok;
}

Task<std::expected<std::int32_t, Exit>> known_broker(Session& session, std::string name) {
  const auto id = parse_number(name);
  if (!id || *id > INT32_MAX) co_return std::unexpected(session.usage(fmt::format("'{}' is no id of a broker", name)));
  auto cluster = co_await session.admin().describe_cluster();
  if (!cluster) co_return std::unexpected(session.fail(cluster.error(), "brokers"));
  for (const BrokerListing& broker : cluster->brokers) {
    if (broker.id == *id) co_return broker.id;
  }
  co_return std::unexpected(
      session.fail(Exit::not_found, fmt::format("there is no broker {} now", name), "holdfast broker list"));
}

Task<std::expected<std::vector<std::string>, Exit>> existing_topics(Session& session, std::vector<std::string> names) {
  auto listed = co_await session.admin().list_topics();
  if (!listed) co_return std::unexpected(session.fail(listed.error(), "topics"));
  std::vector<std::string> known, found;
  for (const TopicListing& topic : *listed) {
    known.push_back(topic.name);
    if (names.empty() && !topic.is_internal) found.push_back(topic.name);
  }
  for (const std::string& name : names) {
    const std::size_t before = found.size();
    for (const TopicListing& topic : *listed) {
      if (topic.name == name || (is_pattern(name) && !topic.is_internal && matches(name, topic.name)))
        found.push_back(topic.name);
    }
    if (found.size() > before) continue;
    co_return std::unexpected(no_such(session, "topic", name, known));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  co_return found;
}

Task<std::expected<std::vector<TopicPartition>, Exit>> named_partitions(Session& session, std::string text) {
  const auto part = parse_topic_part(text);
  if (!part)
    co_return std::unexpected(session.usage(fmt::format("'{}' is no topic", text),
                                            "TOPIC, or TOPIC:0,3 for some of "
                                            "its partitions"));
  std::vector<std::string> names{part->topic};
  auto topics = co_await existing_topics(session, std::move(names));
  if (!topics) co_return std::unexpected(topics.error());
  const auto described = co_await session.admin().describe_topics(*topics);
  std::vector<TopicPartition> out;
  for (const auto& [name, topic] : described) {
    if (!topic) co_return std::unexpected(session.fail(topic.error(), "topic " + name));
    std::set<std::int32_t> missing;
    if (part->partitions) missing.insert(part->partitions->begin(), part->partitions->end());
    const std::set<std::int32_t> wanted = missing;
    for (const PartitionDescription& p : topic->partitions) {
      missing.erase(p.partition);
      if (!part->partitions || wanted.contains(p.partition)) out.push_back({name, p.partition});
    }
    if (!missing.empty())
      co_return std::unexpected(
          session.fail(Exit::not_found,
                       fmt::format("topic {} has no partition {}: it has only {}", name, *missing.begin(),
                                   counted(std::ssize(topic->partitions), "partition")),
                       "holdfast topic describe " + name));
  }
  co_return out;
}

}  // namespace holdfast::client
