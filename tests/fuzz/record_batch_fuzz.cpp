// The bytes of a Produce request or of a segment: batches of version 2, then the same bytes as an old message set. CRCs
// are not asked for, or made to fit: no fuzzer guesses one.
#include <zlib.h>

#include <cstring>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "wire/kafka/compression.h"
#include "wire/kafka/legacy_batch.h"
#include "wire/kafka/record_batch.h"

using namespace holdfast;
using namespace holdfast::wire;

namespace {

constexpr std::size_t body_bytes_max = 1 << 20;

void read_records(const BatchHeader& header, ByteView batch) {
  const auto body = decompress(header.codec(), batch.subspan(batch_header_bytes), body_bytes_max);
  if (!body) return;
  HOLDFAST_CHECK(body->size() <= body_bytes_max);
  BatchBuilder builder({});
  RecordReader reader(*body, header.record_count);
  std::int32_t count = 0;
  for (Record record; reader.next(record); ++count) {
    const auto headers = read_headers(record);
    HOLDFAST_CHECK(headers.has_value());
    HOLDFAST_CHECK(std::ssize(*headers) == record.header_count);
    builder.append(count, record.key, record.value, *headers);
  }
  if (reader.error() || count == 0) return;
  HOLDFAST_CHECK(count == header.record_count);

  const std::vector<std::uint8_t> built = builder.finish();
  HOLDFAST_CHECK(verify_crc(built));
  RecordReader again(ByteView(built).subspan(batch_header_bytes), count);
  for (Record record; again.next(record);) --count;
  HOLDFAST_CHECK(!again.error() && count == 0);
}

void read_batches(ByteView run) {
  BatchWalker walker(run);
  BatchHeader header;
  for (ByteView batch; walker.next(header, batch);) {
    HOLDFAST_CHECK(batch.size() == header.size());
    verify_crc(batch);
    control_type(batch);
    marker_coordinator_epoch(batch);
    read_records(header, batch);
  }
}

void read_message_set(std::vector<std::uint8_t> run) {
  constexpr std::size_t crc_at = 12, covered_from = 16;
  if (run.size() <= covered_from) return;
  const auto crc =
      static_cast<std::uint32_t>(::crc32(0, run.data() + covered_from, static_cast<uInt>(run.size() - covered_from)));
  const std::uint32_t big = __builtin_bswap32(crc);
  std::memcpy(run.data() + crc_at, &big, 4);
  const auto batch = LegacyBatch::read(run, body_bytes_max);
  if (batch) HOLDFAST_CHECK(!batch->messages.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_batches({data, size});
  read_message_set({data, data + size});
  return 0;
}
