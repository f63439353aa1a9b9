// Keys and values of records as kafka-dump-log prints them: as text, or, for the internal topics, as JSON of what the
// coordinators stored. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "log/dump.h"
#include "runtime/buffer.h"

namespace holdfast {

struct DecodedContents {
  std::optional<std::string> key, value;
};

// A record that the decoder does not understand says so in place of its key. An error only where kafka-dump-log ends:
// a record without a key in an internal topic.
Result<DecodedContents> decode_contents(RecordDecoder decoder, std::int64_t offset, std::optional<ByteView> key,
                                        std::optional<ByteView> value);

// What Java makes of UTF-8: U+FFFD for what is not.
std::string printable(ByteView utf8);

}  // namespace holdfast
