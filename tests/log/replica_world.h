// What a follower's log is given in tests: a leader's batches, with transactions, gaps and epochs that rise.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/log/log_world.h"
#include "wire/writer.h"

namespace holdfast::test {

inline constexpr std::int64_t far_gap = 3'000'000'000;  // no segment can tell it

struct Made {
  std::vector<std::uint8_t> bytes;
  wire::BatchHeader header;
};

// What a leader might send: three producers, one of them in transactions; epochs that rise; gaps.
class Leader {
 public:
  Made next() {
    const int i = made_++;
    if (i % 11 == 10) end_ += 4;
    if (far_at_.contains(i)) end_ += far_gap;
    wire::BatchBuilder::Options options;
    options.base_offset = end_;
    options.leader_epoch = epoch_ + i / 9;
    const int who = i % 3;
    options.producer_id = 100 + who;
    options.producer_epoch = 0;
    const std::int64_t time = 1000 + i * 37 % 500;
    std::vector<std::uint8_t> bytes;
    if (who == 2 && i % 4 == 3) {
      options.transactional = options.control = true;
      bytes = marker(options, i % 8 == 3 ? wire::ControlType::abort : wire::ControlType::commit, time);
    } else {
      options.transactional = who == 2;
      options.base_sequence = sequence_[who];
      const int count = 1 + i % 4;
      sequence_[who] += count;
      wire::BatchBuilder builder(options);
      const std::string value(static_cast<std::size_t>(40 + i % 5 * 30), static_cast<char>('a' + i % 26));
      for (int n = 0; n < count; ++n) builder.append(time + n, std::nullopt, as_bytes(value));
      bytes = builder.finish();
    }
    const auto header = *wire::BatchHeader::parse(bytes);
    end_ = header.last_offset() + 1;
    return {std::move(bytes), header};
  }
  std::vector<Made> next(int count) {
    std::vector<Made> out;
    for (int i = 0; i < count; ++i) out.push_back(next());
    return out;
  }
  void jump_before(int batch) { far_at_.insert(batch); }
  void begin_at(std::int64_t end, std::int32_t epoch) { end_ = end, epoch_ = epoch; }

 private:
  static std::vector<std::uint8_t> marker(const wire::BatchBuilder::Options& options, wire::ControlType type,
                                          std::int64_t time) {
    wire::BatchBuilder builder(options);
    wire::Writer key, value;
    key.i16(0);
    key.i16(static_cast<std::int16_t>(type));
    value.i16(0);
    value.i32(7);  // the coordinator's epoch
    builder.append(time, key.written(), value.written());
    return builder.finish();
  }

  int made_ = 0;
  std::int64_t end_ = 0;
  std::int32_t epoch_ = 1;
  std::int32_t sequence_[3] = {0, 0, 0};
  std::set<int> far_at_;
};

inline LogConfig small_segments() {
  LogConfig config;
  config.segment_bytes = 2000;
  config.index_interval_bytes = 300;
  return config;
}

inline bool append(PartitionLog& log, const Made& batch, Need need = Need::durable) {
  return log.append(batch.bytes, batch.header, need).has_value();
}

inline std::vector<Made> batches_of(LogWorld& world, PartitionLog& log, std::size_t bytes_max = 700) {
  std::vector<Made> out;
  LogRead request;
  request.bytes_max = bytes_max;
  request.end = log.end_offset();
  request.from = log.start_offset();
  while (request.from < request.end) {
    auto data = world.loop().run(log.read(request));
    if (!data || data->batches.empty()) {
      ADD_FAILURE() << "nothing at offset " << request.from.value << " of " << request.end.value;
      return out;
    }
    const auto bytes = data->batches.flatten();
    wire::BatchWalker walker(bytes);
    wire::BatchHeader header;
    ByteView batch;
    while (walker.next(header, batch)) {
      EXPECT_TRUE(wire::verify_crc(batch));
      out.push_back({{batch.begin(), batch.end()}, header});
    }
    request.from = data->next;
  }
  return out;
}

}  // namespace holdfast::test
