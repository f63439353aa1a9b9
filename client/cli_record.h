// Records as text: what `produce` reads and `consume` prints. The JSON object of a record is the same on both sides:
//   {"topic":"t","partition":0,"offset":5,"timestamp":1700000000000,"key":"k","value":"v","headers":[{"key":"a","value":"b"}]}
// Bytes that are not UTF-8 stand in key_base64, value_base64 and value_base64 of a header. Null is null.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli_output.h"
#include "client/record_view.h"
#include "wire/kafka/record_batch.h"

namespace holdfast::client {

// \n \t \r \0 \\ and \xNN; any other backslash stays.
std::string unescape(std::string_view text);

struct InputRecord {
  std::optional<std::vector<std::uint8_t>> key, value;
  std::vector<wire::RecordHeader> headers;
  std::optional<std::int32_t> partition;
  std::optional<std::int64_t> timestamp;
};
// A value that is an object, a list, a number or a boolean is kept as its JSON text. Topic and offset are passed over.
// Other fields are refused, and so is an object without a value: a record that was to be null says "value":null, and
// does not delete what its key holds because of a mistyped name.
Result<InputRecord> parse_record_json(std::string_view line);

// One line, with its end.
void append_record_json(std::string& out, const TopicPartition& partition, const RecordView& record);

// kcat's format: %t topic, %p partition, %o offset, %k key, %s value, %K %S their sizes (-1: null), %R the size of the
// value as 32 bits, big end first, %T timestamp, %h headers, %n records so far, %% a percent sign, and unescape()'s.
class RecordFormat {
 public:
  static Result<RecordFormat> parse(std::string_view text);
  // `null_text` stands for keys and values that are null.
  void append(std::string& out, const TopicPartition& partition, const RecordView& record, std::int64_t count,
              std::string_view null_text) const;

 private:
  struct Piece {
    char token = 0;  // 0: text
    std::string text;
  };
  std::vector<Piece> pieces_;
};

}  // namespace holdfast::client
