// AlterReplicaLogDirs (34) and DescribeLogDirs (35): KIP-113; sizes of the file system since version 4 (KIP-827).
#pragma once

#include "wire/fields.h"

namespace holdfast::wire {

struct AlterReplicaLogDirsRequest {
  static constexpr Api api{.key = 34, .versions = {0, 2}, .flexible = 2};
  struct Topic {
    std::string name;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  struct Dir {
    std::string path;
    std::vector<Topic> topics;
    static void fields(auto& m, auto& v) {
      v("path", m.path);
      v("topics", m.topics);
    }
  };
  std::vector<Dir> dirs;
  static void fields(auto& m, auto& v) { v("dirs", m.dirs); }
};

struct AlterReplicaLogDirsResponse {
  static constexpr Api api{.key = 34, .versions = {0, 2}, .flexible = 2};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int16_t error_code = 0;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("errorCode", m.error_code);
    }
  };
  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("topicName", m.topic_name);
      v("partitions", m.partitions);
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("results", m.results);
  }
};

struct DescribeLogDirsRequest {
  static constexpr Api api{.key = 35, .versions = {0, 5}, .flexible = 2};
  struct Topic {
    std::string topic;
    std::vector<std::int32_t> partitions;
    static void fields(auto& m, auto& v) {
      v("topic", m.topic);
      v("partitions", m.partitions);
    }
  };
  std::optional<std::vector<Topic>> topics = std::vector<Topic>{};  // null: all topics
  static void fields(auto& m, auto& v) { v("topics", m.topics); }
};

struct DescribeLogDirsResponse {
  static constexpr Api api{.key = 35, .versions = {0, 5}, .flexible = 2};
  struct Partition {
    std::int32_t partition_index = 0;
    std::int64_t partition_size = 0;
    std::int64_t offset_lag = 0;
    bool is_future_key = false;
    static void fields(auto& m, auto& v) {
      v("partitionIndex", m.partition_index);
      v("partitionSize", m.partition_size);
      v("offsetLag", m.offset_lag);
      v("isFutureKey", m.is_future_key);
    }
  };
  struct Topic {
    std::string name;
    std::vector<Partition> partitions;
    static void fields(auto& m, auto& v) {
      v("name", m.name);
      v("partitions", m.partitions);
    }
  };
  struct Dir {
    std::int16_t error_code = 0;
    std::string log_dir;
    std::vector<Topic> topics;
    std::int64_t total_bytes = -1;
    std::int64_t usable_bytes = -1;
    bool is_cordoned = false;
    static void fields(auto& m, auto& v) {
      v("errorCode", m.error_code);
      v("logDir", m.log_dir);
      v("topics", m.topics);
      v("totalBytes", m.total_bytes, since(4));
      v("usableBytes", m.usable_bytes, since(4));
      v("isCordoned", m.is_cordoned, since(5));
    }
  };
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::vector<Dir> results;
  static void fields(auto& m, auto& v) {
    v("throttleTimeMs", m.throttle_time_ms);
    v("errorCode", m.error_code, since(3));
    v("results", m.results);
  }
};

}  // namespace holdfast::wire
