// Groups and committed offsets as records of __consumer_offsets, in Kafka's formats, and back. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "broker/group.h"
#include "runtime/buffer.h"
#include "runtime/result.h"

namespace holdfast {

struct GroupRecord;

GroupRecord group_metadata_record(const Group& group);
GroupRecord group_tombstone(const std::string& group);
GroupRecord offset_record(const std::string& group, const std::string& topic, std::int32_t partition,
                          const Group::CommittedOffset& offset);
GroupRecord offset_tombstone(const std::string& group, const std::string& topic, std::int32_t partition);

struct OffsetEntry {
  std::string group, topic;
  std::int32_t partition = 0;
  std::optional<Group::CommittedOffset> offset;  // nothing: forgotten
};
struct GroupEntry {
  std::string id;
  std::optional<Group> group;  // nothing: forgotten
};
struct OtherEntry {};  // of a newer group type: kept, not understood

// Corrupt keys and values are errors: whoever replays says so and goes on with the next.
Result<std::variant<OffsetEntry, GroupEntry, OtherEntry>> read_group_record(ByteView key,
                                                                            std::optional<ByteView> value);

}  // namespace holdfast
