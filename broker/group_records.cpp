#include "broker/group_records.h"

#include "broker/group_machine.h"
#include "wire/kafka/group_records.h"
#include "wire/message.h"

namespace holdfast {
namespace {

constexpr std::int16_t offset_key = 1, legacy_offset_key = 0, group_key = 2;
constexpr std::int16_t offset_value_version = 3, group_value_version = 3;

template <class M>
OpaqueBytes with_type(std::int16_t type, const M& message, std::int16_t version) {
  wire::Writer out(128);
  out.i16(type);
  wire::encode(message, version, out);
  return out.flatten();
}

OpaqueBytes offset_key_of(const std::string& group, const std::string& topic, std::int32_t partition) {
  wire::OffsetCommitKey key;
  key.group = group;
  key.topic = topic;
  key.partition = partition;
  return with_type(offset_key, key, 0);
}

OpaqueBytes group_key_of(const std::string& group) {
  wire::GroupMetadataKey key;
  key.group = group;
  return with_type(group_key, key, 0);
}

std::unexpected<Error> corrupt(const char* what) { return fail(ErrorKind::corrupt, what); }

Result<Group> read_group(const std::string& id, ByteView value) {
  wire::Reader in(value);
  const std::int16_t version = in.i16();
  wire::GroupMetadataValue stored;
  if (!in.ok() || !wire::GroupMetadataValue::api.versions.holds(version) || !wire::decode(stored, version, in))
    return corrupt("group metadata record cannot be read");
  Group group;
  group.id = id;
  group.generation = stored.generation;
  if (!stored.protocol_type.empty()) group.protocol_type = stored.protocol_type;
  group.protocol = stored.protocol;
  group.leader = stored.leader.value_or("");
  group.state_since_ms = stored.current_state_timestamp;
  for (auto& m : stored.members) {
    GroupMember member;
    member.id = m.member_id;
    member.instance_id = m.group_instance_id;
    member.client_id = m.client_id;
    member.client_host = m.client_host;
    member.session_timeout_ms = m.session_timeout;
    member.rebalance_timeout_ms = m.rebalance_timeout < 0 ? m.session_timeout : m.rebalance_timeout;
    member.protocols.emplace_back(stored.protocol.value_or(""), std::move(m.subscription));
    member.assignment = std::move(m.assignment);
    if (member.instance_id) group.static_members[*member.instance_id] = member.id;
    group.members.emplace(member.id, std::move(member));
  }
  group.state = group.members.empty() ? GroupState::empty : GroupState::stable;
  return group;
}

Result<Group::CommittedOffset> read_offset(ByteView value, bool legacy) {
  wire::Reader in(value);
  const std::int16_t version = in.i16();
  wire::OffsetCommitValue stored;
  if (!in.ok() || !wire::OffsetCommitValue::api.versions.holds(version) || !wire::decode(stored, version, in))
    return corrupt(legacy ? "legacy offset record cannot be read" : "offset record cannot be read");
  return Group::CommittedOffset{stored.offset, stored.leader_epoch, stored.metadata, stored.commit_timestamp,
                                stored.expire_timestamp};
}

}  // namespace

GroupRecord group_metadata_record(const Group& group) {
  wire::GroupMetadataValue value;
  value.protocol_type = group.protocol_type.value_or("");
  value.generation = group.generation;
  value.protocol = group.protocol;
  value.leader.reset();
  if (!group.leader.empty()) value.leader = group.leader;
  value.current_state_timestamp = group.state_since_ms;
  for (const auto& [id, m] : group.members) {
    auto& out = value.members.emplace_back();
    out.member_id = id;
    out.group_instance_id = m.instance_id;
    out.client_id = m.client_id;
    out.client_host = m.client_host;
    out.rebalance_timeout = m.rebalance_timeout_ms;
    out.session_timeout = m.session_timeout_ms;
    if (group.protocol) out.subscription = m.metadata(*group.protocol);
    out.assignment = m.assignment;
  }
  return {group_key_of(group.id), with_type(group_value_version, value, group_value_version)};
}

GroupRecord group_tombstone(const std::string& group) { return {group_key_of(group), std::nullopt}; }

GroupRecord offset_record(const std::string& group, const std::string& topic, std::int32_t partition,
                          const Group::CommittedOffset& offset) {
  wire::OffsetCommitValue value;
  value.offset = offset.offset;
  value.leader_epoch = offset.leader_epoch;
  value.metadata = offset.metadata;
  value.commit_timestamp = offset.commit_ms;
  // Only version 1 carries an expiry of its own (OffsetCommit 2-4 with a retention time).
  const std::int16_t version = offset.expire_ms >= 0 ? std::int16_t{1} : offset_value_version;
  value.expire_timestamp = offset.expire_ms;
  return {offset_key_of(group, topic, partition), with_type(version, value, version)};
}

GroupRecord offset_tombstone(const std::string& group, const std::string& topic, std::int32_t partition) {
  return {offset_key_of(group, topic, partition), std::nullopt};
}

Result<std::variant<OffsetEntry, GroupEntry, OtherEntry>> read_group_record(ByteView key,
                                                                            std::optional<ByteView> value) {
  wire::Reader in(key);
  const std::int16_t type = in.i16();
  if (!in.ok()) return corrupt("record key is shorter than its type");
  if (type == legacy_offset_key || type == offset_key) {
    wire::OffsetCommitKey decoded;
    if (!wire::decode(decoded, 0, in)) return corrupt("offset key cannot be read");
    OffsetEntry entry{std::move(decoded.group), std::move(decoded.topic), decoded.partition, std::nullopt};
    if (value) {
      auto offset = read_offset(*value, type == legacy_offset_key);
      if (!offset) return fail(offset);
      entry.offset = std::move(*offset);
    }
    return entry;
  }
  if (type == group_key) {
    wire::GroupMetadataKey decoded;
    if (!wire::decode(decoded, 0, in)) return corrupt("group key cannot be read");
    GroupEntry entry{std::move(decoded.group), std::nullopt};
    if (value) {
      auto group = read_group(entry.id, *value);
      if (!group) return fail(group);
      entry.group = std::move(*group);
    }
    return entry;
  }
  return OtherEntry{};
}

}  // namespace holdfast
