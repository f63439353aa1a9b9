// Records of __consumer_offsets: committed offsets and classic groups. A key stands behind an i16 of its record type, a
// value behind an i16 of its version; a null value forgets the key. The newer group types have files of their own.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

// Record type 0, as Kafka 0.8 wrote it: read, never written.
struct LegacyOffsetCommitKey {
  static constexpr Api api{.key = 0, .versions = {0, 0}};
  std::string group;
  std::string topic;
  std::int32_t partition = 0;
  static void fields(auto& m, auto& v) {
    v("group", m.group);
    v("topic", m.topic);
    v("partition", m.partition);
  }
};

struct LegacyOffsetCommitValue {
  static constexpr Api api{.key = 0, .versions = {0, 0}};
  std::int64_t offset = 0;
  std::string metadata;
  std::int64_t commit_timestamp = 0;
  static void fields(auto& m, auto& v) {
    v("offset", m.offset);
    v("metadata", m.metadata);
    v("commitTimestamp", m.commit_timestamp);
  }
};

struct OffsetCommitKey {
  static constexpr Api api{.key = 1, .versions = {0, 0}};
  std::string group;
  std::string topic;
  std::int32_t partition = 0;
  static void fields(auto& m, auto& v) {
    v("group", m.group);
    v("topic", m.topic);
    v("partition", m.partition);
  }
};

struct OffsetCommitValue {
  // 3: leader epoch (KIP-320). 4: flexible (KIP-915).
  static constexpr Api api{.key = 1, .versions = {0, 4}, .flexible = 4};
  std::int64_t offset = 0;
  std::int32_t leader_epoch = -1;
  std::string metadata;
  std::int64_t commit_timestamp = 0;
  std::int64_t expire_timestamp = -1;
  Uuid topic_id{};
  static void fields(auto& m, auto& v) {
    v("offset", m.offset);
    v("leaderEpoch", m.leader_epoch, since(3));
    v("metadata", m.metadata);
    v("commitTimestamp", m.commit_timestamp);
    v("expireTimestamp", m.expire_timestamp, only(1, 1));
    v.tagged(0, "topicId", m.topic_id, since(4));
  }
};

struct GroupMetadataKey {
  static constexpr Api api{.key = 2, .versions = {0, 0}};
  std::string group;
  static void fields(auto& m, auto& v) { v("group", m.group); }
};

struct GroupMetadataValue {
  // 3: static members (KIP-345). 4: flexible (KIP-915).
  static constexpr Api api{.key = 2, .versions = {0, 4}, .flexible = 4};
  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    std::int32_t rebalance_timeout = -1;
    std::int32_t session_timeout = 0;
    std::vector<std::uint8_t> subscription;
    std::vector<std::uint8_t> assignment;
    static void fields(auto& m, auto& v) {
      v("memberId", m.member_id);
      v("groupInstanceId", m.group_instance_id, since(3));
      v("clientId", m.client_id);
      v("clientHost", m.client_host);
      v("rebalanceTimeout", m.rebalance_timeout, since(1));
      v("sessionTimeout", m.session_timeout);
      v("subscription", m.subscription);
      v("assignment", m.assignment);
    }
  };
  std::string protocol_type;
  std::int32_t generation = 0;
  std::optional<std::string> protocol = "";
  std::optional<std::string> leader = "";
  std::int64_t current_state_timestamp = -1;
  std::vector<Member> members;
  static void fields(auto& m, auto& v) {
    v("protocolType", m.protocol_type);
    v("generation", m.generation);
    v("protocol", m.protocol);
    v("leader", m.leader);
    v("currentStateTimestamp", m.current_state_timestamp, since(2));
    v("members", m.members);
  }
};

}  // namespace holdfast::wire
