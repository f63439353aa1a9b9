// What a consumer makes of the bytes of a fetch.
#include "client/record_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/kafka/compression.h"

namespace holdfast::client {
namespace {

using testing::ElementsAre;
using wire::BatchBuilder;
using wire::Codec;

class Batches {
 public:
  // A batch of records whose values are their offsets.
  Batches& batch(BatchBuilder::Options options, int records) {
    BatchBuilder builder(options);
    for (int i = 0; i < records; ++i) {
      const std::string value = std::to_string(options.base_offset + i);
      builder.append(1000 + options.base_offset + i, {}, as_bytes(value));
    }
    return add(builder.finish());
  }
  Batches& add(const std::vector<std::uint8_t>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // The end of a producer's transaction.
  Batches& marker(std::int64_t offset, std::int64_t producer_id, wire::ControlType type) {
    BatchBuilder::Options options;
    options.base_offset = offset;
    options.producer_id = producer_id;
    options.producer_epoch = 0;
    options.transactional = options.control = true;
    BatchBuilder builder(options);
    const std::uint8_t key[] = {0, 0, 0, static_cast<std::uint8_t>(type)};
    const std::uint8_t value[] = {0, 0, 0, 0, 0, 0};
    builder.append(1, ByteView(key), ByteView(value));
    return add(builder.finish());
  }
  std::vector<std::uint8_t>& bytes() { return bytes_; }

  FetchedRecords fetched(std::int64_t from = 0, FetchedRecords::Options options = {},
                         std::vector<AbortedTransaction> aborted = {}) {
    const Bytes frame = Bytes::copy(bytes_);
    return FetchedRecords(frame, frame.view(), std::move(aborted), from, options);
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

BatchBuilder::Options at(std::int64_t offset, Codec codec = Codec::none) {
  BatchBuilder::Options options;
  options.base_offset = offset;
  options.leader_epoch = 7;
  options.codec = codec;
  return options;
}
BatchBuilder::Options of_producer(std::int64_t offset, std::int64_t id, bool transactional) {
  BatchBuilder::Options options = at(offset);
  options.producer_id = id;
  options.producer_epoch = 0;
  options.base_sequence = 0;
  options.transactional = transactional;
  return options;
}

std::vector<std::int64_t> offsets(const ConsumedRecords& records) {
  std::vector<std::int64_t> out;
  for (const RecordView& record : records) {
    EXPECT_EQ(as_text(*record.value), std::to_string(record.offset));
    out.push_back(record.offset);
  }
  return out;
}
std::vector<std::int64_t> read_all(FetchedRecords& fetched) {
  ConsumedRecords records;
  const auto read = fetched.read(1000, records);
  EXPECT_TRUE(read) << read.error().message;
  EXPECT_TRUE(fetched.done());
  return offsets(records);
}

TEST(FetchedRecords, GoesOnFromBatchToBatchOfEveryCodec) {
  Batches run;
  std::int64_t offset = 0;
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    run.batch(at(offset, codec), 2);
    offset += 2;
  }
  auto fetched = run.fetched();
  EXPECT_EQ(fetched.end_offset(), 10);
  EXPECT_EQ(fetched.end_epoch(), 7);
  EXPECT_THAT(read_all(fetched), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(fetched.next_offset(), 10);
  EXPECT_EQ(fetched.last_epoch(), 7);
}

TEST(FetchedRecords, BeginsWhereItWasAskedTo) {
  Batches run;
  run.batch(at(0), 5).batch(at(5), 5);
  auto fetched = run.fetched(7);
  EXPECT_THAT(read_all(fetched), ElementsAre(7, 8, 9));
}

TEST(FetchedRecords, IsReadInPiecesThatKeepTheirBytes) {
  Batches run;
  run.batch(at(0, Codec::zstd), 5).batch(at(5), 5);
  std::vector<std::int64_t> all;
  std::vector<ConsumedRecords> kept;
  {
    auto fetched = run.fetched();
    while (!fetched.done()) {
      ConsumedRecords& piece = kept.emplace_back();
      ASSERT_TRUE(fetched.read(3, piece));
      EXPECT_LE(piece.size(), 3u);
      if (!piece.empty()) EXPECT_EQ(fetched.next_offset(), piece.records.back().offset + 1);
    }
  }
  for (const ConsumedRecords& piece : kept)
    for (const std::int64_t offset : offsets(piece)) all.push_back(offset);
  EXPECT_THAT(all, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(FetchedRecords, ShowsKeysNullsAndHeaders) {
  BatchBuilder builder(at(0));
  const wire::RecordHeader headers[] = {{"a", std::vector<std::uint8_t>{1, 2}}, {"b", std::nullopt}};
  builder.append(5, as_bytes("key"), std::nullopt, headers);
  Batches run;
  auto fetched = run.add(builder.finish()).fetched();
  ConsumedRecords records;
  ASSERT_TRUE(fetched.read(10, records));
  ASSERT_EQ(records.size(), 1u);
  const RecordView& record = records.records[0];
  EXPECT_EQ(as_text(*record.key), "key");
  EXPECT_FALSE(record.value);
  EXPECT_EQ(record.timestamp, 5);
  EXPECT_FALSE(record.log_append_time);
  const auto views = record.headers();
  ASSERT_TRUE(views);
  ASSERT_EQ(views->size(), 2u);
  EXPECT_EQ(views->at(0).key, "a");
  EXPECT_EQ(views->at(0).value->size(), 2u);
  EXPECT_EQ(views->at(1).key, "b");
  EXPECT_FALSE(views->at(1).value);
}

TEST(FetchedRecords, TakesTheBrokersTimeWhereItIsStamped) {
  BatchBuilder::Options options = at(0);
  options.log_append_time = 4711;
  Batches run;
  auto fetched = run.batch(options, 2).fetched();
  ConsumedRecords records;
  ASSERT_TRUE(fetched.read(10, records));
  for (const RecordView& record : records) {
    EXPECT_TRUE(record.log_append_time);
    EXPECT_EQ(record.timestamp, 4711);
  }
}

TEST(FetchedRecords, LeavesOutThePartialBatchAtItsEnd) {
  Batches run;
  run.batch(at(0), 2).batch(at(2), 2);
  run.bytes().resize(run.bytes().size() - 3);
  auto fetched = run.fetched();
  EXPECT_EQ(fetched.end_offset(), 2);
  EXPECT_THAT(read_all(fetched), ElementsAre(0, 1));
  Batches cut;
  cut.batch(at(0), 2).bytes().resize(20);
  EXPECT_FALSE(cut.fetched().holds_a_batch());
}

TEST(FetchedRecords, PassesOverWhatCompactionTook) {
  BatchBuilder builder(at(0));
  builder.append_at(3, 1, {}, as_bytes("3"));
  builder.extend_to(9);
  Batches run;
  auto fetched = run.add(builder.finish()).fetched(1);
  EXPECT_THAT(read_all(fetched), ElementsAre(3));
  EXPECT_EQ(fetched.next_offset(), 10);
}

TEST(FetchedRecords, RefusesAWrongChecksumUnlessToldNotToLook) {
  Batches run;
  run.batch(at(0), 1).batch(at(1), 1);
  run.bytes().back() ^= 1;  // the number of the last record's headers
  auto fetched = run.fetched();
  ConsumedRecords records;
  auto read = fetched.read(10, records);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(records.size(), 1u);  // what was before it
  EXPECT_EQ(fetched.next_offset(), 1);

  Batches stamped;  // wrong by its checksum only
  stamped.batch(at(0), 1).bytes()[wire::batch_crc_at] ^= 1;
  FetchedRecords::Options trusting;
  trusting.check_crcs = false;
  auto trusted = stamped.fetched(0, trusting);
  EXPECT_THAT(read_all(trusted), ElementsAre(0));
}

TEST(FetchedRecords, RefusesAnyFlippedByteOrReadsOn) {
  Batches run;
  run.batch(at(0, Codec::lz4), 3).batch(at(3), 3);
  FetchedRecords::Options trusting;
  trusting.check_crcs = false;
  for (std::size_t i = 0; i < run.bytes().size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      Batches hostile = run;
      hostile.bytes()[i] ^= static_cast<std::uint8_t>(1 << bit);
      auto fetched = hostile.fetched(0, trusting);
      ConsumedRecords records;
      const auto read = fetched.read(100, records);
      EXPECT_TRUE(read || read.error().kind == ErrorKind::corrupt || read.error().kind == ErrorKind::invalid_input ||
                  read.error().kind == ErrorKind::unsupported)
          << i;
    }
  }
}

TEST(FetchedRecords, SkipsControlBatches) {
  Batches run;
  run.batch(of_producer(0, 1, true), 2).marker(2, 1, wire::ControlType::commit).batch(at(3), 1);
  auto fetched = run.fetched();
  EXPECT_THAT(read_all(fetched), ElementsAre(0, 1, 3));
}

TEST(FetchedRecords, SkipsAbortedTransactionsWhereOnlyCommittedOnesAreRead) {
  Batches run;
  run.batch(of_producer(0, 1, true), 2)
      .batch(of_producer(2, 2, true), 2)
      .batch(of_producer(4, 1, true), 1)
      .marker(5, 1, wire::ControlType::abort)
      .batch(of_producer(6, 1, true), 1)
      .marker(7, 2, wire::ControlType::commit)
      .marker(8, 1, wire::ControlType::commit)
      .batch(at(9), 1);
  const std::vector<AbortedTransaction> aborted{{.producer_id = 1, .first_offset = 0}};
  FetchedRecords::Options committed;
  committed.read_committed = true;
  auto fetched = run.fetched(0, committed, aborted);
  EXPECT_THAT(read_all(fetched), ElementsAre(2, 3, 6, 9));
  auto everything = run.fetched(0, {}, aborted);
  EXPECT_THAT(read_all(everything), ElementsAre(0, 1, 2, 3, 4, 6, 9));
}

// Two of one producer, whose list comes in any order; the second begins in the range.
TEST(FetchedRecords, TellsAProducersTransactionsApart) {
  Batches run;
  run.batch(of_producer(10, 1, true), 1)
      .marker(11, 1, wire::ControlType::abort)
      .batch(of_producer(12, 1, true), 1)
      .marker(13, 1, wire::ControlType::commit)
      .batch(of_producer(14, 1, true), 1)
      .marker(15, 1, wire::ControlType::abort);
  FetchedRecords::Options committed;
  committed.read_committed = true;
  auto fetched =
      run.fetched(10, committed, {{.producer_id = 1, .first_offset = 14}, {.producer_id = 1, .first_offset = 8}});
  EXPECT_THAT(read_all(fetched), ElementsAre(12));
}

// A message set of magic 1, as old brokers send it: two plain messages.
TEST(FetchedRecords, ReadsOldMessages) {
  Batches run;
  for (const int offset : {4, 5}) {
    std::vector<std::uint8_t> body{
        1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, static_cast<std::uint8_t>('0' + offset)};
    std::uint32_t crc = 0xffffffff;
    for (const std::uint8_t byte : body) {
      crc ^= byte;
      for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
    }
    crc = ~crc;
    std::vector<std::uint8_t> message{
        0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(offset), 0, 0, 0, static_cast<std::uint8_t>(body.size() + 4)};
    for (const int shift : {24, 16, 8, 0}) message.push_back(static_cast<std::uint8_t>(crc >> shift));
    message.insert(message.end(), body.begin(), body.end());
    run.add(message);
  }
  auto fetched = run.fetched(5);
  EXPECT_EQ(fetched.end_offset(), 6);
  ConsumedRecords records;
  ASSERT_TRUE(fetched.read(10, records));
  EXPECT_THAT(offsets(records), ElementsAre(5));
  EXPECT_EQ(records.records[0].timestamp, 9);
  EXPECT_EQ(fetched.next_offset(), 6);
}

}  // namespace
}  // namespace holdfast::client
