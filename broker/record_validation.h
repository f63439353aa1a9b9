// What a leader checks of the records a client sends (Kafka's LogValidator), before they get offsets. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "broker/partition.h"
#include "wire/kafka/record_batch.h"

namespace holdfast {

struct BatchCheck {
  wire::ErrorCode error = wire::ErrorCode::none;
  std::string message;
  bool refused_unread = false;         // for its framing: the records were not looked at
  bool message_is_for_client = false;  // Kafka says more than the code only of unreadable framing and of single records
  std::vector<RecordError> record_errors;
  wire::BatchHeader header;
  std::int64_t max_timestamp = -1;      // of the records themselves
  std::int64_t log_append_time = -1;    // set when the topic stamps records itself
  std::vector<std::uint8_t> rewritten;  // not empty: the batch in the topic's own codec, in place of the client's
};

// Exactly one complete v2 batch, with a good CRC, sound records, acceptable timestamps, within the topic's limits. For
// a LogAppendTime topic the batch is stamped in place. Bytes behind the batch that are too few for another are ignored:
// the batch is what header.size() says.
BatchCheck check_client_batch(std::span<std::uint8_t> records, const TopicSettings& settings, AppendOrigin origin,
                              std::int64_t now_ms);

}  // namespace holdfast
