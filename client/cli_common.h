// What several families need: reading lists and patterns from the command line, and telling item by item what became
// of a request.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/admin_types.h"
#include "client/cli_session.h"

namespace holdfast::client {

class Verb;
// The option or argument of that name is refused where it is empty.
void refuse_empty(Verb& verb, const std::string& name);

// "3 topics", "1 topic".
std::string counted(std::int64_t count, std::string_view noun);
// 1234567 -> "1,234,567".
std::string grouped(std::int64_t number);
Value ids_value(const std::vector<std::int32_t>& ids);

// '*' and '?' as in a shell. A pattern without them is a name.
bool is_pattern(std::string_view text);
bool matches(std::string_view pattern, std::string_view name);

// Everything on standard input.
Task<Result<std::string>> read_input(Session& session, std::size_t bytes_max);

// "key=value", split at the first '='.
std::optional<std::pair<std::string, std::string>> parse_assignment(std::string_view text);
// "1,2,3"; numbers from 0 to 2^31-1.
std::optional<std::vector<std::int32_t>> parse_ids(std::string_view text);
std::optional<std::int64_t> parse_number(std::string_view text);  // the whole of it, not negative
// "orders" or "orders:0,3"; nothing: not of that form.
struct TopicPart {
  std::string topic;
  std::optional<std::vector<std::int32_t>> partitions;  // nothing: all
};
std::optional<TopicPart> parse_topic_part(std::string_view text);

// The partitions that "orders" or "orders:0,3" names; or the exit code, said on standard error: where a topic does not
// have all of those, nothing is done to the others.
Task<std::expected<std::vector<TopicPartition>, Exit>> named_partitions(Session& session, std::string text);

// Says that there is none of that name, or none that the pattern matches, and which was probably meant; not_found.
Exit no_such(Session& session, std::string_view noun, std::string_view name, std::span<const std::string> known);
// Whether each of the names and patterns is one, or matches one, of those there are; the first that does not is told.
Exit all_there(Session& session, std::string_view noun, const std::vector<std::string>& names,
               std::span<const std::string> known);

// The broker of that id, if it is up; or the exit code, said on standard error.
Task<std::expected<std::int32_t, Exit>> known_broker(Session& session, std::string name);

// What became of each item. In text a sentence each, failures on standard error; else a list of objects with `result`
// and `error` behind the item's own fields.
class Report {
 public:
  explicit Report(Session& session) : session_(session) {}
  void done(std::string sentence, std::string result, Object fields);
  void failed(const Failure& failure, std::string_view doing, Object fields);
  // Prints; the exit code of the first failure, or ok.
  Exit finish();

 private:
  static constexpr std::int64_t failures_shown = 5;
  Session& session_;
  std::vector<Object> objects_;
  std::int64_t failed_ = 0;
  Exit exit_ = Exit::ok;
};

// The topics that exist of those named, patterns resolved; or the exit code, said on standard error: names nobody
// knows, and patterns that match nothing, are not_found. No names: every topic that is not internal.
Task<std::expected<std::vector<std::string>, Exit>> existing_topics(Session& session, std::vector<std::string> names);

}  // namespace holdfast::client
