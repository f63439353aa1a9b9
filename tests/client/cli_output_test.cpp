// The parts of the command line that need no process: output, what people write for times and sizes, records as text.
#include "client/cli_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli_common.h"
#include "client/cli_perf.h"
#include "client/cli_record.h"
#include "client/cli_session.h"

namespace holdfast::client {
namespace {

std::string json(const Value& value) {
  std::string out;
  value.json(out, std::string::npos);
  return out;
}

std::string yaml(const Value& value) {
  std::string out;
  value.yaml(out, 0);
  return out;
}

TEST(CliValue, HasOneShapeInJson) {
  EXPECT_EQ(json(Value()), "null");
  EXPECT_EQ(json(true), "true");
  EXPECT_EQ(json(-3), "-3");
  EXPECT_EQ(json(1.5), "1.5");
  EXPECT_EQ(json(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(json(bytes_value(1536)), "1536");
  EXPECT_EQ(json(Value::list(std::vector<std::int32_t>{1, 2})), "[1,2]");
  EXPECT_EQ(json(Object{{"a", 1}, {"b", "x"}}), R"({"a":1,"b":"x"})");
  EXPECT_EQ(json(Table{{{"a"}, {"b", true}}, {{1, "x"}, {2, Value()}}}), R"([{"a":1,"b":"x"},{"a":2,"b":null}])");
  EXPECT_EQ(json(std::optional<std::string>()), "null");
}

TEST(CliValue, EscapesWhatJsonAndTerminalsCannotTake) {
  EXPECT_EQ(json("a\"b\\c\n\t\r\x01"), R"("a\"b\\c\n\t\r\u0001")");
  EXPECT_EQ(json("\xc3\xa4"), "\"\xc3\xa4\"");
  EXPECT_EQ(json("\xff"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(printable("a\x1b[31m"), "a\\x1b[31m");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // CSI in one character
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xe2\x82\xac"), "\xe2\x82\xac");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
}

TEST(CliValue, QuotesWhatYamlWouldTakeForSomethingElse) {
  EXPECT_EQ(yaml("plain word"), " plain word");
  for (const char* text : {"", "true", "No", "null", "1.5", "-x", " x", "a: b", "# a", "*", "{"})
    EXPECT_TRUE(yaml(text).starts_with(" \"")) << text;
  EXPECT_EQ(yaml(Object{{"a", 1}, {"b", Object{{"c", "d"}}}}), "a: 1\nb:\n  c: d");
  EXPECT_EQ(yaml(Value::List{Object{{"a", 1}, {"b", 2}}}), "\n- a: 1\n  b: 2");
  EXPECT_EQ(yaml(Object{{"none", Value::List{}}}), "none: []");
}

TEST(CliValue, ReadsAsPeopleDo) {
  EXPECT_EQ(bytes_value(0).text(), "0 B");
  EXPECT_EQ(bytes_value(1023).text(), "1023 B");
  EXPECT_EQ(bytes_value(1536).text(), "1.5 KiB");
  EXPECT_EQ(bytes_value(std::uint64_t{5} << 40).text(), "5.0 TiB");
  EXPECT_EQ(duration_value(0).text(), "0ms");
  EXPECT_EQ(duration_value(90'061'000).text(), "1d 1h");
  EXPECT_EQ(time_value(1'700'000'000'123).text(), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(time_value(-1).text(), "-");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(counted(1, "record"), "1 record");
}

TEST(CliParse, Durations) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("250ms"), Duration(250ms));
  EXPECT_EQ(parse_duration("10"), Duration(10s));
  EXPECT_EQ(parse_duration("1.5h"), Duration(90min));
  EXPECT_EQ(parse_duration("7d"), Duration(7 * 24h));
  for (const char* text : {"", "s", "-1s", "1y", "1s ", "999999999d", "nan"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(CliParse, Sizes) {
  EXPECT_EQ(parse_bytes("42"), 42u);
  EXPECT_EQ(parse_bytes("10KiB"), 10240u);
  EXPECT_EQ(parse_bytes("1.5G"), 1610612736u);
  EXPECT_EQ(parse_bytes("2MB"), 2000000u);
  for (const char* text : {"", "-1", "1X", "KiB", "99999999T"}) EXPECT_FALSE(parse_bytes(text)) << text;
}

TEST(CliParse, Times) {
  constexpr std::int64_t now = 1'700'000'000'000;
  EXPECT_EQ(parse_time("now", now), now);
  EXPECT_EQ(parse_time("-2h", now), now - 7'200'000);
  EXPECT_EQ(parse_time("@-2h", now), now - 7'200'000);
  EXPECT_EQ(parse_time("@2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(parse_time("1699999999123", now), 1'699'999'999'123);
  EXPECT_EQ(parse_time("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(parse_time("2023-11-14 22:13:20.5", now), now + 500);
  EXPECT_EQ(parse_time("2023-11-15T00:13:20+02:00", now), now);
  EXPECT_EQ(parse_time("2023-11-14", now), 1'699'920'000'000);
  EXPECT_EQ(parse_moment("@-2h", now), now - 7'200'000);
  EXPECT_EQ(parse_moment("-2h", now), now - 7'200'000);
  EXPECT_EQ(parse_moment("@-5", now), now - 5'000);
  for (const char* text : {"", "-5", "-1.5", "5", "now", "2023-11-14", "-h"})
    EXPECT_FALSE(parse_moment(text, now)) << text;
  for (const char* text :
       {"", "@", "@@now", "yesterday", "2023-13-01", "2023-11-14T25:00", "2023-11-14T22:13:20X", "2023-11-14T"})
    EXPECT_FALSE(parse_time(text, now)) << text;
}

TEST(CliParse, NamesAndPatterns) {
  EXPECT_TRUE(matches("orders-*", "orders-eu"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a?c*e", "abcde"));
  EXPECT_FALSE(matches("orders", "orders-eu"));
  EXPECT_FALSE(matches("a?", "a"));
  EXPECT_FALSE(matches("*a*b*c*d*e*f*g*", std::string(2000, 'a')));
  const std::vector<std::string> names{"orders", "billing"};
  EXPECT_EQ(nearest_word("ordrs", names), "orders");
  EXPECT_EQ(nearest_word("zzzz", names), "");
  const std::vector<std::string> verbs{"list", "create", "describe", "delete", "trim"};
  EXPECT_EQ(nearest_word("ls", verbs), "list");
  EXPECT_EQ(nearest_word("rm", verbs), "delete");
  EXPECT_EQ(nearest_word("remove", verbs), "delete");
  EXPECT_EQ(nearest_word("set", verbs), "");
  const std::vector<std::string> fields{"key", "value"};
  EXPECT_EQ(nearest_word("vlaue", fields), "value");
  EXPECT_EQ(nearest_word(std::string(100'000, 'o'), names), "");
  EXPECT_EQ(parse_topic_part("orders:0,3")->partitions, (std::vector<std::int32_t>{0, 3}));
  EXPECT_FALSE(parse_topic_part("orders")->partitions);
  for (const char* text : {":1", "orders:", "orders:-1", "orders:1,", "orders:99999999999"})
    EXPECT_FALSE(parse_topic_part(text)) << text;
}

RecordView record_of(std::string_view key, std::string_view value) {
  RecordView record;
  record.offset = 7;
  record.timestamp = 1000;
  record.key = as_bytes(key);
  record.value = as_bytes(value);
  return record;
}

TEST(CliRecord, FormatsHaveKcatsTokens) {
  const auto format = RecordFormat::parse("%t/%p@%o %k=%s (%K,%S) %T #%n %%\\n");
  ASSERT_TRUE(format);
  std::string out;
  format->append(out, {"orders", 3}, record_of("k", "value"), 42, "");
  EXPECT_EQ(out, "orders/3@7 k=value (1,5) 1000 #42 %\n");
  out.clear();
  RecordView nothing = record_of("", "");
  nothing.key.reset();
  nothing.value.reset();
  format->append(out, {"orders", 3}, nothing, 1, "NULL");
  EXPECT_EQ(out, "orders/3@7 NULL=NULL (-1,-1) 1000 #1 %\n");
  const auto framed = RecordFormat::parse("%R%s");
  ASSERT_TRUE(framed);
  out.clear();
  framed->append(out, {"orders", 3}, record_of("", std::string(258, 'x')), 1, "");
  EXPECT_EQ(out.substr(0, 5), std::string("\0\0\x01\x02x", 5));
  out.clear();
  framed->append(out, {"orders", 3}, nothing, 1, "");
  EXPECT_EQ(out, "\xff\xff\xff\xff");
  EXPECT_FALSE(RecordFormat::parse("%x"));
  EXPECT_FALSE(RecordFormat::parse("50%"));
  EXPECT_EQ(unescape("a\\tb\\x41\\q\\"), "a\tbA\\q\\");
}

TEST(CliRecord, JsonIsReadAsItIsWritten) {
  const std::string binary("\x00\xff\x80", 3);
  std::string line;
  append_record_json(line, {"orders", 3}, record_of("k\"", binary));
  EXPECT_EQ(line,
            "{\"topic\":\"orders\",\"partition\":3,\"offset\":7,\"timestamp\":1000,\"key\":\"k\\\"\","
            "\"value_base64\":\"AP+A\",\"headers\":[]}\n");
  const auto read = parse_record_json(line);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->partition, 3);
  EXPECT_EQ(read->timestamp, 1000);
  EXPECT_EQ(std::string(read->key->begin(), read->key->end()), "k\"");
  EXPECT_EQ(std::string(read->value->begin(), read->value->end()), binary);
}

TEST(CliRecord, JsonOfPeople) {
  const auto read = parse_record_json(R"({"value":{"a":[1,2]},"headers":{"h":"x","n":null}})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->key);
  EXPECT_EQ(std::string(read->value->begin(), read->value->end()), R"({"a":[1,2]})");
  ASSERT_EQ(read->headers.size(), 2u);
  EXPECT_FALSE(read->headers[1].value);
  for (const char* text : {"", "[]", "1", "{", R"({"value_base64":"!!!!"})", R"({"partition":-1})", R"({"headers":3})",
                           R"({"headers":[{"value":"x"}]})", R"({"timestamp":"now"})"})
    EXPECT_FALSE(parse_record_json(text)) << text;
  EXPECT_FALSE(parse_record_json("{\"value\":" + std::string(100'000, '[')));
}

TEST(CliRecord, AMistypedFieldIsNoRecord) {
  const auto complaint = [](std::string_view text) {
    const auto read = parse_record_json(text);
    return read ? std::string() : read.error().message;
  };
  EXPECT_EQ(complaint(R"({"key":"k","vlaue":"x"})"), "'vlaue' is no field of a record; did you mean value?");
  EXPECT_THAT(complaint(R"({"key":"k","payload":"x"})"),
              testing::HasSubstr("'payload' is no field of a record: topic"));
  EXPECT_THAT(complaint("{}"), testing::HasSubstr("neither value nor value_base64"));
  EXPECT_THAT(complaint(R"({"key":"k"})"), testing::HasSubstr("neither value nor value_base64"));
  EXPECT_EQ(complaint(R"({"value":"x","headers":[{"key":"a","valeu":"b"}]})"),
            "'valeu' is no field of a header; did you mean value?");
  EXPECT_EQ(complaint(R"({"key":"k","value":null})"), "");
  EXPECT_EQ(complaint(R"({"value_base64":"eA=="})"), "");
}

TEST(CliHistogram, QuantilesAreWithinAThousandth) {
  Histogram histogram;
  for (int us = 1; us <= 100'000; ++us) histogram.add(std::chrono::microseconds(us));
  EXPECT_EQ(histogram.count(), 100'000u);
  for (const double share : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double us = static_cast<double>(histogram.quantile(share).count()) / 1e3;
    EXPECT_NEAR(us, share * 100'000, share * 100'000 / 1000 + 1) << share;
  }
  EXPECT_EQ(histogram.max(), Duration(std::chrono::milliseconds(100)));
  EXPECT_NEAR(static_cast<double>(histogram.mean().count()), 50'000'500, 1000);
}

TEST(CliHistogram, TakesWhatIsOutOfItsRange) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), Duration(0));
  histogram.add(Duration(-5));
  histogram.add(std::chrono::hours(24));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.quantile(0.5), Duration(0));
  EXPECT_GT(histogram.quantile(1), std::chrono::hours(1));
}

TEST(CliExit, SaysWhatKindOfFailureItWas) {
  using wire::ErrorCode;
  EXPECT_EQ(Session::exit_of(ErrorCode::none), Exit::ok);
  EXPECT_EQ(Session::exit_of(ErrorCode::network_exception), Exit::unreachable);
  EXPECT_EQ(Session::exit_of(ErrorCode::unknown_topic_or_partition), Exit::not_found);
  EXPECT_EQ(Session::exit_of(ErrorCode::topic_already_exists), Exit::refused);
  EXPECT_EQ(Session::exit_of(ErrorCode::unknown_server_error), Exit::failed);
}

}  // namespace
}  // namespace holdfast::client
