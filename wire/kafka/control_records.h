// Control records: batches with the control bit hold them, consumers skip them. A key is a ControlRecordTypeSchema
// behind an i16 of its version; of the values only EndTxnMarker stands behind its version.
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

enum class ControlRecordType : std::int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
};

struct ControlRecordTypeSchema {
  static constexpr Api api{.versions = {0, 0}};
  std::int16_t type = 0;
  static void fields(auto& m, auto& v) { v("type", m.type); }
};

struct EndTxnMarker {
  static constexpr Api api{.versions = {0, 0}};
  std::int32_t coordinator_epoch = 0;
  static void fields(auto& m, auto& v) { v("coordinatorEpoch", m.coordinator_epoch); }
};

struct LeaderChangeMessage {
  // 1: directory ids (KIP-853).
  static constexpr Api api{.versions = {0, 1}, .flexible = 0};
  struct Voter {
    std::int32_t voter_id = 0;
    Uuid voter_directory_id{};
    static void fields(auto& m, auto& v) {
      v("voterId", m.voter_id);
      v("voterDirectoryId", m.voter_directory_id, since(1));
    }
  };
  std::int16_t version = 0;
  std::int32_t leader_id = 0;
  std::vector<Voter> voters;
  std::vector<Voter> granting_voters;
  static void fields(auto& m, auto& v) {
    v("version", m.version);
    v("leaderId", m.leader_id);
    v("voters", m.voters);
    v("grantingVoters", m.granting_voters);
  }
};

struct SnapshotHeaderRecord {
  static constexpr Api api{.versions = {0, 0}, .flexible = 0};
  std::int16_t version = 0;
  std::int64_t last_contained_log_timestamp = 0;
  static void fields(auto& m, auto& v) {
    v("version", m.version);
    v("lastContainedLogTimestamp", m.last_contained_log_timestamp);
  }
};

struct SnapshotFooterRecord {
  static constexpr Api api{.versions = {0, 0}, .flexible = 0};
  std::int16_t version = 0;
  static void fields(auto& m, auto& v) { v("version", m.version); }
};

struct KRaftVersionRecord {
  static constexpr Api api{.versions = {0, 0}, .flexible = 0};
  std::int16_t version = 0;
  std::int16_t kraft_version = 0;
  static void fields(auto& m, auto& v) {
    v("version", m.version);
    v("kRaftVersion", m.kraft_version);
  }
};

struct VotersRecord {
  static constexpr Api api{.versions = {0, 0}, .flexible = 0};
  struct Endpoint {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("host", m.host);
      v("port", m.port);
    }
  };
  struct KRaftVersionFeature {
    std::int16_t min_supported_version = 0;
    std::int16_t max_supported_version = 0;
    static void fields(auto& m, auto& v) {
      v("minSupportedVersion", m.min_supported_version);
      v("maxSupportedVersion", m.max_supported_version);
    }
  };
  struct Voter {
    std::int32_t voter_id = 0;
    Uuid voter_directory_id{};
    std::vector<Endpoint> endpoints;
    KRaftVersionFeature kraft_version_feature;
    static void fields(auto& m, auto& v) {
      v("voterId", m.voter_id);
      v("voterDirectoryId", m.voter_directory_id);
      v("endpoints", m.endpoints);
      v("kRaftVersionFeature", m.kraft_version_feature);
    }
  };
  std::int16_t version = 0;
  std::vector<Voter> voters;
  static void fields(auto& m, auto& v) {
    v("version", m.version);
    v("voters", m.voters);
  }
};

}  // namespace holdfast::wire
