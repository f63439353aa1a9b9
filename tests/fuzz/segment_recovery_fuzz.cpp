// A segment as a crash may have left it, recovered on a simulated disk. The first byte says whether the CRCs of its
// batches are made to fit, so that what lies behind them is reached. Recovering twice is the same as once.
#include <cstring>
#include <vector>

#include "log/checkpoints.h"
#include "log/format.h"
#include "log/recovery.h"
#include "runtime/log_line.h"
#include "runtime/simulated_disk.h"
#include "tests/fuzz/fuzz.h"
#include "wire/crc32c.h"
#include "wire/kafka/record_batch.h"

using namespace holdfast;

namespace {

void mend_crcs(std::vector<std::uint8_t>& segment) {
  for (std::size_t at = 0;;) {
    const auto header = wire::BatchHeader::parse(ByteView(segment).subspan(at));
    if (!header || header->size() > segment.size() - at) return;
    const ByteView batch(segment.data() + at, header->size());
    const std::uint32_t crc = __builtin_bswap32(wire::crc32c(batch.subspan(wire::batch_crc_covers_from)));
    std::memcpy(segment.data() + at + wire::batch_crc_at, &crc, 4);
    at += header->size();
  }
}

// Where each log ends; nothing for a log that recovery refused.
std::vector<Offset> ends_after_recovery(Disk& disk) {
  Recovery recovery(disk, "/data", false, [](const std::string&) { return LogConfig{}; });
  HOLDFAST_CHECK(recovery.run().has_value());
  std::vector<Offset> ends;
  for (const auto& [id, log] : recovery.logs()) {
    HOLDFAST_CHECK(log.state.start <= log.state.end);
    HOLDFAST_CHECK(!log.state.segments.empty());
    ends.push_back(log.state.end);
  }
  return ends;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  set_log_level(LogLevel::off);
  std::vector<std::uint8_t> segment(data + 1, data + size);
  if (data[0] % 2 == 1) mend_crcs(segment);

  const std::string directory = "/data/topic-0";
  SimulatedDisk disk;
  HOLDFAST_CHECK(disk.create_directories(directory).has_value());
  Uuid id{};
  id[0] = 1;
  const std::string metadata = directory + "/" + std::string(log_format::partition_metadata_file);
  HOLDFAST_CHECK(write_partition_metadata(disk, metadata, id).has_value());
  const std::string path = directory + "/" + log_format::segment_name(Offset(0), log_format::log_suffix);
  HOLDFAST_CHECK(disk.write_atomically(path, segment).has_value());

  const std::vector<Offset> ends = ends_after_recovery(disk);
  HOLDFAST_CHECK(ends_after_recovery(disk) == ends);
  return 0;
}
