// LogDump against kafka-dump-log: its text for a directory that Kafka wrote, then what becomes of damaged files.
#include "log/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "log/dump_decoders.h"
#include "runtime/simulated_disk.h"
#include "tests/log/golden_log_dir.h"
#include "wire/kafka/group_records.h"
#include "wire/kafka/record_batch.h"
#include "wire/message.h"

namespace holdfast::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr DumpOptions with_contents{.records = true, .contents = true};

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

class DumpTest : public testing::Test {
 protected:
  struct Dumped {
    std::string text, warnings, error;
  };

  static const std::map<std::string, std::string>& golden() {
    static const auto files = golden_files("log_dir");
    return files;
  }
  // A segment of the golden directory with all that belongs to it, as `s/<base>.*`.
  void use_segment(const std::string& partition, const std::string& base) {
    base_ = base;
    for (const std::string suffix : {".log", ".index", ".timeindex", ".txnindex", ".snapshot"}) {
      const auto found = golden().find(partition + "/" + base + suffix);
      if (found != golden().end()) put_file(disk_, "s/" + base + suffix, content_[suffix] = found->second);
    }
  }
  std::string& content(const std::string& suffix) { return content_[suffix]; }
  Dumped dump_changed(const std::string& suffix, DumpOptions options = {}) {
    put_file(disk_, "s/" + base_ + suffix, content_[suffix]);
    return dump("s/" + base_ + suffix, options);
  }
  Dumped dump(const std::string& path, DumpOptions options = {}) {
    Dumped out;
    LogDump dump(
        disk_, options, [&](std::string_view text) { out.text += text; },
        [&](std::string_view text) { out.warnings += text; });
    auto done = dump.dump(path);
    if (!done) out.error = done.error().message;
    dump.finish();
    return out;
  }
  Dumped dump_records(const std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>>& records,
                      DumpOptions options) {
    wire::BatchBuilder builder({});
    for (const auto& [key, value] : records) {
      const auto view = [](const auto& text) { return text ? std::optional(as_bytes(*text)) : std::nullopt; };
      builder.append(1000, view(key), view(value));
    }
    const auto batch = builder.finish();
    put_file(disk_, "s/00000000000000000000.log", as_text(batch));
    return dump("s/00000000000000000000.log", options);
  }

  SimulatedDisk disk_;
  std::string base_;
  std::map<std::string, std::string> content_;
};

TEST_F(DumpTest, EveryFileOfAKafkaLogDirectoryIsPrintedAsKafkaPrintsIt) {
  for (const auto& [path, file] : golden()) put_file(disk_, path, file);
  int compared = 0;
  for (const auto& [name, expected] : golden_files("log_dir_dumps")) {
    if (!name.ends_with(".txt")) continue;
    const std::string path = name.substr(0, name.size() - 4);
    DumpOptions options = path.ends_with(".log") ? with_contents : DumpOptions{};
    if (path.starts_with("__consumer_offsets")) options.decoder = RecordDecoder::offsets;
    if (path.starts_with("__transaction_state")) options.decoder = RecordDecoder::transactions;
    if (path.starts_with("__share_group_state")) options.decoder = RecordDecoder::share_group_state;
    const Dumped dumped = dump(path, options);
    EXPECT_EQ(dumped.error, "") << path;
    EXPECT_EQ(dumped.text, expected) << path;
    ++compared;
  }
  EXPECT_EQ(compared, 74);
}

TEST_F(DumpTest, WithoutDeepIterationThereAreBatchesOnly) {
  use_segment("txn-0", "00000000000000000003");
  const Dumped dumped = dump("s/00000000000000000003.log");
  EXPECT_EQ(count(dumped.text, "baseOffset: "), 16u);
  EXPECT_THAT(dumped.text, Not(HasSubstr("| ")));
}

TEST_F(DumpTest, WithoutContentsThereAreNeitherKeysNorValues) {
  use_segment("txn-0", "00000000000000000003");
  const Dumped dumped = dump("s/00000000000000000003.log", {.records = true});
  EXPECT_THAT(dumped.text,
              HasSubstr("| offset: 4 CreateTime: 1700000000010 keySize: 2 valueSize: 7 sequence: 0 headerKeys: []\n"));
  EXPECT_THAT(dumped.text, HasSubstr(" headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 0\n"));
  EXPECT_THAT(dumped.text, Not(HasSubstr("payload")));
}

TEST_F(DumpTest, MetadataOfRecordsCanBeLeftOut) {
  use_segment("txn-0", "00000000000000000003");
  const Dumped dumped =
      dump("s/00000000000000000003.log", {.records = true, .contents = true, .record_metadata = false});
  EXPECT_THAT(dumped.text, HasSubstr("isvalid: true\n| key: t1 payload: one 1.0\n| key: t1 payload: one 1.1\n"));
  EXPECT_THAT(dumped.text, Not(HasSubstr("endTxnMarker")));
}

TEST_F(DumpTest, ABoundOnBytesKeepsWholeBatchesOnlyAndSaysNothingOfTheRest) {
  use_segment("plain-0", "00000000000000000080");
  const Dumped dumped = dump("s/00000000000000000080.log", {.log_bytes_max = 400});
  EXPECT_EQ(count(dumped.text, "baseOffset: "), 1u);
  EXPECT_THAT(dumped.text, EndsWith("isvalid: true\n"));
}

TEST_F(DumpTest, MessagesOfOldMagicsArePrintedToo) {
  put_file(disk_, "s/00000000000000000100.log",
           bytes("00000000000000640000001a085db4d00000000000056b65792d310000000776616c75652d31"));
  EXPECT_EQ(
      dump("s/00000000000000000100.log", with_contents).text,
      "Dumping s/00000000000000000100.log\nLog starting offset: 100\n"
      "offset: 100 position: 0 NoTimestampType: -1 size: 38 magic: 0 compresscodec: none crc: 140358864 isvalid: true\n"
      "| offset: 100 NoTimestampType: -1 keySize: 5 valueSize: 7 isValid: true crc: 140358864 key: key-1 payload: "
      "value-1\n");
  put_file(
      disk_, "s/00000000000000000000.log",
      bytes(
          "000000000000002200000052e88c45a001010000018bcfe56809ffffffff0000003c1f8b08000000000000ff636080038902d6ea3446"
          "2083b1fbfcd30c90086322883084cab380d4885c4dfb0e57c309622481082300beacaea748000000"));
  EXPECT_EQ(
      dump("s/00000000000000000000.log", with_contents).text,
      "Dumping s/00000000000000000000.log\nLog starting offset: 0\n"
      "offset: 34 position: 0 CreateTime: 1700000000009 size: 94 magic: 1 compresscodec: gzip crc: 3901506976 isvalid: "
      "true\n"
      "| offset: 30 CreateTime: 1700000000000 keySize: 1 valueSize: 1 isValid: true crc: 1879407462 key: a payload: 1\n"
      "| offset: 34 CreateTime: 1700000000009 keySize: 1 valueSize: 1 isValid: true crc: 349529847 key: b payload: "
      "2\n");
}

TEST_F(DumpTest, OffsetsThatAreMissingAreTold) {
  wire::BatchBuilder::Options at_ten;
  at_ten.base_offset = 10;
  wire::BatchBuilder builder(at_ten);
  for (const std::int64_t offset : {10, 11, 14}) builder.append_at(offset, 1000, std::nullopt, as_bytes("v"));
  const auto batch = builder.finish();
  put_file(disk_, "s/00000000000000000010.log", as_text(batch));
  EXPECT_EQ(dump("s/00000000000000000010.log", with_contents).warnings,
            "Non-consecutive offsets in s/00000000000000000010.log\n  11 is followed by 14\n");
  EXPECT_EQ(dump("s/00000000000000000010.log").warnings, "") << "batches alone do not tell";
}

// ---- Damaged logs ----

TEST_F(DumpTest, ATornEndIsCountedAndNoError) {
  use_segment("txn-0", "00000000000000000003");
  content(".log").resize(1400);
  const Dumped dumped = dump_changed(".log", with_contents);
  EXPECT_EQ(dumped.error, "");
  EXPECT_EQ(count(dumped.text, "isvalid: true"), 15u);
  EXPECT_THAT(dumped.text, EndsWith("\nFound 13 invalid bytes at the end of 00000000000000000003.log\n"));
}

TEST_F(DumpTest, ZerosBehindTheLastBatchAreASegmentThatIsBeingWritten) {
  use_segment("txn-0", "00000000000000000003");
  content(".log").resize((3 << 20) + 1496);
  const Dumped dumped = dump_changed(".log");
  EXPECT_EQ(dumped.error, "");
  EXPECT_THAT(dumped.text, EndsWith("\nFound 3145728 invalid bytes at the end of 00000000000000000003.log\n"));
  content(".log").back() = 1;
  EXPECT_THAT(dump_changed(".log").error,
              HasSubstr("Found record size 0 smaller than minimum record overhead (14) in file s/"));
}

TEST_F(DumpTest, ABatchThatFailsItsChecksumSaysSoAndTheOthersArePrinted) {
  use_segment("txn-0", "00000000000000000003");
  content(".log")[78 + 61 + 12] ^= 1;  // in the first record's value
  const Dumped dumped = dump_changed(".log", with_contents);
  EXPECT_EQ(dumped.error, "");
  EXPECT_EQ(count(dumped.text, "isvalid: false\n"), 1u);
  EXPECT_EQ(count(dumped.text, "isvalid: true\n"), 15u);
  EXPECT_THAT(dumped.text, HasSubstr("baseOffset: 4 lastOffset: 6"));
}

TEST_F(DumpTest, RecordsThatCannotBeReadEndTheFile) {
  use_segment("txn-0", "00000000000000000003");
  content(".log")[78 + 61] = 0x7f;  // the first record's length
  const Dumped dumped = dump_changed(".log", with_contents);
  EXPECT_EQ(dumped.error, "s/00000000000000000003.log: record length is out of bounds");
  EXPECT_THAT(dumped.text, EndsWith("isvalid: false\n"));
}

TEST_F(DumpTest, ACodecThatDoesNotExistEndsTheFile) {
  use_segment("txn-0", "00000000000000000003");
  content(".log")[22] = 0x37;
  EXPECT_EQ(dump_changed(".log").error, "s/00000000000000000003.log: Unknown compression type id: 7");
}

// Whatever byte is damaged: nothing crashes, and a batch whose checksummed part was hit is never called valid.
TEST_F(DumpTest, NoDamagedByteGoesUnnoticed) {
  use_segment("txn-0", "00000000000000000003");
  const std::string sound = content(".log").substr(0, 78 + 109);
  for (std::size_t at = 0; at < sound.size(); ++at) {
    content(".log") = sound;
    content(".log")[at] = static_cast<char>(~content(".log")[at]);
    const Dumped dumped = dump_changed(".log", with_contents);
    const std::size_t in_batch = at < 78 ? at : at - 78;
    const bool checked = in_batch >= wire::batch_crc_at;
    if (checked) EXPECT_LE(count(dumped.text, "isvalid: true"), 1u) << at;
    if (checked && dumped.error.empty()) EXPECT_EQ(count(dumped.text, "isvalid: false"), 1u) << at;
  }
}

TEST_F(DumpTest, AFileCutAnywhereShowsItsWholeBatches) {
  use_segment("txn-0", "00000000000000000003");
  const std::string sound = content(".log").substr(0, 78 + 109);
  for (std::size_t size = 0; size < sound.size(); ++size) {
    content(".log") = sound.substr(0, size);
    const Dumped dumped = dump_changed(".log", with_contents);
    EXPECT_EQ(dumped.error, "") << size;
    EXPECT_EQ(count(dumped.text, "isvalid: true"), size < 78 ? 0u : 1u) << size;
    EXPECT_EQ(count(dumped.text, "invalid bytes"), size == 0 || size == 78 ? 0u : 1u) << size;
  }
}

// Sanitizers have the last word here: lengths, counts, offsets and times of every kind of file, made up.
TEST_F(DumpTest, MadeUpNumbersAreSurvivedInEveryKindOfFile) {
  std::mt19937 random(4);
  for (const auto& [path, file] : golden()) put_file(disk_, path, file);
  int refused = 0, printed = 0;
  for (const auto& [path, file] : golden()) {
    if (path.find("-0/0") == path.npos || file.empty()) continue;
    for (int round = 0; round < 40; ++round) {
      std::string damaged = file;
      for (int i = 0; i <= round % 4; ++i) {
        const char extreme = "\0\x7f\x80\xff"[random() % 4];
        const std::size_t at = random() % damaged.size();
        damaged.replace(at, std::min<std::size_t>(1 + random() % 8, damaged.size() - at), 1 + random() % 8, extreme);
      }
      put_file(disk_, path, damaged);
      DumpOptions options = with_contents;
      options.decoder = static_cast<RecordDecoder>(round % 4);
      const Dumped dumped = dump(path, options);
      EXPECT_THAT(dumped.text, StartsWith("Dumping " + path + "\n"));
      ++(dumped.error.empty() ? printed : refused);
    }
    put_file(disk_, path, file);
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(printed, 100);
}

// ---- Indexes ----

TEST_F(DumpTest, IndexesThatAgreeWithTheirLogHaveNothingToVerify) {
  use_segment("plain-0", "00000000000000000080");
  for (const std::string suffix : {".index", ".timeindex"}) {
    const Dumped dumped = dump_changed(suffix, {.index_verify_only = true});
    EXPECT_EQ(dumped.text, "Dumping s/00000000000000000080" + suffix + "\n");
    EXPECT_EQ(dumped.warnings + dumped.error, "");
  }
}

TEST_F(DumpTest, AnIndexThatContradictsItsLogIsTold) {
  use_segment("txn-0", "00000000000000000003");
  content(".index") = bytes("0000000c000001c4000000180000046200000000000000000000000000000000");
  const Dumped dumped = dump_changed(".index");
  EXPECT_EQ(dumped.text, "Dumping s/00000000000000000003.index\noffset: 15 position: 452\noffset: 27 position: 1122\n");
  EXPECT_EQ(dumped.warnings, "Mismatches in :s/00000000000000000003.index\n  Index offset: 15, log offset: 14\n");
}

TEST_F(DumpTest, AnIndexThatPointsBehindItsLogIsAnError) {
  use_segment("txn-0", "00000000000000000003");
  content(".index") = bytes("0000000c000101c4");
  EXPECT_EQ(dump_changed(".index").error,
            "s/00000000000000000003.index: offset 15 is said to be at position 65988, where the log has no batch");
}

TEST_F(DumpTest, ATimeIndexThatContradictsItsLogIsTold) {
  use_segment("txn-0", "00000000000000000003");
  content(".timeindex")[7] = 0x55;   // the first time: later than it was
  content(".timeindex")[35] = 0x1a;  // the last offset: 29, inside a batch
  const Dumped dumped = dump_changed(".timeindex");
  EXPECT_EQ(dumped.warnings,
            "Found timestamp mismatch in :s/00000000000000000003.timeindex\n"
            "  Index timestamp: 1795220019797, log timestamp: 1795220019762\n"
            "The following indexed offsets are not found in :s/00000000000000000003.timeindex\n"
            "Indexed offset: 29, found log offset: 30\n");
  content(".timeindex")[7] = 0x32;
  content(".timeindex")[12 + 6] = 0x01;  // the second time: before the first
  EXPECT_THAT(dump_changed(".timeindex").warnings,
              HasSubstr("Found out of order timestamp in :s/00000000000000000003.timeindex\n"));
}

TEST_F(DumpTest, TheSanityCheckIsThatOfABrokersStart) {
  use_segment("txn-0", "00000000000000000003");
  const DumpOptions sanity{.index_sanity_only = true};
  EXPECT_THAT(dump_changed(".index", sanity).text, EndsWith("\ns/00000000000000000003.index passed sanity check.\n"));
  EXPECT_THAT(dump_changed(".timeindex", sanity).text,
              EndsWith("\ns/00000000000000000003.timeindex passed sanity check.\n"));
  const std::string times = content(".timeindex");
  content(".index") += "abc";
  content(".timeindex") += "abc";
  EXPECT_EQ(dump_changed(".index", sanity).error,
            "Index file s/00000000000000000003.index is corrupt, found 19 bytes which is neither positive nor a "
            "multiple of 8");
  EXPECT_EQ(dump_changed(".timeindex", sanity).error,
            "Time index file s/00000000000000000003.timeindex is corrupt, found 39 bytes which is neither positive nor "
            "a multiple of 12");
  content(".index") = bytes("ffffffff00000000");
  EXPECT_THAT(dump_changed(".index", sanity).error,
              HasSubstr("the last offset is 2 which is less than the base offset 3"));
  content(".timeindex") = times.substr(12, 12) + times.substr(0, 12);
  EXPECT_THAT(dump_changed(".timeindex", sanity).error,
              HasSubstr("the last timestamp is 1795220019762 which is less than the first timestamp 1795220019892"));
}

TEST_F(DumpTest, AnIndexWithoutItsLogIsAnError) {
  put_file(disk_, "s/00000000000000000003.index", bytes("0000000c000001c4"));
  EXPECT_THAT(dump("s/00000000000000000003.index").error, HasSubstr("s/00000000000000000003.log"));
}

// ---- Snapshots, transaction indexes, other files ----

TEST_F(DumpTest, ADamagedSnapshotIsAnError) {
  use_segment("txn-0", "00000000000000000003");
  const std::string sound = content(".snapshot");
  content(".snapshot")[20] ^= 1;
  EXPECT_THAT(dump_changed(".snapshot").error, HasSubstr("Snapshot is corrupt (CRC is no longer valid). Stored crc: "));
  content(".snapshot") = sound.substr(0, 30);
  EXPECT_THAT(dump_changed(".snapshot").error, HasSubstr("Snapshot failed schema validation: "));
  content(".snapshot") = bytes("00020000000000000000");
  EXPECT_THAT(dump_changed(".snapshot").error, HasSubstr("Snapshot contained an unknown file version 2"));
  content(".snapshot").clear();
  EXPECT_THAT(dump_changed(".snapshot").error, HasSubstr("Snapshot failed schema validation: "));
}

TEST_F(DumpTest, ATransactionIndexIsReadUpToItsTornEntry) {
  use_segment("txn-0", "00000000000000000003");
  content(".txnindex").resize(60);
  EXPECT_EQ(dump_changed(".txnindex").text,
            "Dumping s/00000000000000000003.txnindex\n"
            "version: 0 producerId: 5 firstOffset: 8 lastOffset: 11 lastStableOffset: 12\n");
  content(".txnindex")[1] = 1;
  EXPECT_EQ(dump_changed(".txnindex").error,
            "s/00000000000000000003.txnindex: aborted transaction of unknown version 1");
}

TEST_F(DumpTest, OtherFilesAreIgnoredAndTold) {
  for (const std::string path : {"s/leader-epoch-checkpoint", "s.d/meta", "s/00000000000000000003.log.deleted"}) {
    const Dumped dumped = dump(path);
    EXPECT_EQ(dumped.error, "");
    EXPECT_EQ(dumped.warnings, "Ignoring unknown file " + path + "\n");
  }
}

TEST_F(DumpTest, ANameWithoutAnOffsetAndAFileThatIsAbsentAreErrors) {
  for (const std::string name :
       {"journal.log", "-1.log", "9223372036854775807.log", ".log", "99999999999999999999.log"}) {
    put_file(disk_, "s/" + name, "");
    EXPECT_EQ(dump("s/" + name).error, "s/" + name + ": its name does not begin with an offset");
  }
  EXPECT_THAT(dump("s/00000000000000000007.log").error, HasSubstr("s/00000000000000000007.log"));
}

// ---- Keys and values ----

TEST_F(DumpTest, WhatIsNotUtf8IsReplaced) {
  const Dumped dumped =
      dump_records({{"\xc3\xa9\xff!\xe2\x82", "\xed\xa0\x80|\xf4\x90|\xf0\x9f\x98\x80|\xc0\x80"}}, with_contents);
  EXPECT_THAT(dumped.text,
              HasSubstr(" key: \u00e9\ufffd!\ufffd payload: \ufffd|\ufffd\ufffd|\U0001f600|\ufffd\ufffd\n"));
}

TEST_F(DumpTest, RecordsThatADecoderDoesNotKnowAreSkippedAloud) {
  DumpOptions options = with_contents;
  options.decoder = RecordDecoder::offsets;
  const std::string key = bytes("00020001") + "g";
  const Dumped dumped = dump_records({{bytes("7fff00"), "v"},
                                      {bytes("00"), "v"},
                                      {bytes("00020009") + "g", "v"},
                                      {key, bytes("00")},
                                      {key, bytes("0009")},
                                      {key, bytes("000300ff")},
                                      {key, std::nullopt}},
                                     options);
  EXPECT_EQ(dumped.error, "");
  EXPECT_THAT(dumped.text, HasSubstr("headerKeys: [] key: Unknown record type 32767 at offset 0, skipping.\n"));
  EXPECT_THAT(
      dumped.text,
      HasSubstr("headerKeys: [] key: Error at offset 1, skipping. Could not read version from key's buffer.\n"));
  EXPECT_THAT(
      dumped.text,
      HasSubstr("key: Error at offset 2, skipping. Could not read record with version 0 from key's buffer due to: "));
  EXPECT_THAT(dumped.text,
              HasSubstr("key: Error at offset 3, skipping. Could not read version from value's buffer.\n"));
  EXPECT_THAT(
      dumped.text,
      HasSubstr("key: Error at offset 4, skipping. Could not read record with version 9 from value's buffer due to: "));
  EXPECT_THAT(
      dumped.text,
      HasSubstr("key: Error at offset 5, skipping. Could not read record with version 3 from value's buffer due to: "));
  EXPECT_THAT(dumped.text, HasSubstr(R"(key: {"type":"2","data":{"group":"g"}} payload: <DELETE>)"
                                     "\n"));
}

TEST_F(DumpTest, AnInternalRecordWithoutAKeyEndsTheFile) {
  DumpOptions options = with_contents;
  options.decoder = RecordDecoder::transactions;
  EXPECT_THAT(
      dump_records({{std::nullopt, "v"}}, options).error,
      HasSubstr("Failed to decode message at offset 0 using the specified decoder (message had a missing key)"));
}

std::string group_value(const std::string& protocol_type, std::vector<std::uint8_t> subscription) {
  wire::GroupMetadataValue group;
  group.protocol_type = protocol_type;
  group.members.resize(1);
  group.members[0].subscription = std::move(subscription);
  wire::Writer out;
  out.i16(3);
  wire::encode(group, 3, out);
  return std::string(as_text(out.flatten()));
}

TEST_F(DumpTest, WhatConsumersSaidIsReadWhereItCanBe) {
  const std::vector<std::uint8_t> subscription = {0, 0, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff},
                                  other = {0, 0, 7};
  const std::string key = bytes("00020001") + "g";
  DumpOptions options = with_contents;
  options.decoder = RecordDecoder::offsets;
  const Dumped dumped = dump_records({{key, group_value("consumer", subscription)},
                                      {key, group_value("consumer", other)},
                                      {key, group_value("connect", subscription)}},
                                     options);
  EXPECT_EQ(count(dumped.text, R"("subscription":{"topics":["t"],"userData":null},"assignment":"")"), 1u);
  EXPECT_EQ(count(dumped.text, R"("subscription":"AAAH","assignment":"")"), 1u);
  EXPECT_EQ(count(dumped.text, R"("subscription":"AAAAAAABAAF0/////w==","assignment":"")"), 1u);
}

}  // namespace
}  // namespace holdfast::test
