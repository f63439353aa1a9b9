// The text files of a log directory: Kafka's to the byte, and what is made of them when they are not.
#include "log/checkpoints.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "log/format.h"
#include "runtime/simulated_disk.h"

namespace holdfast::test {
namespace {

class CheckpointsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.create_directories("/data"));
    disk_.sync_all();
  }
  void put(const std::string& text) { ASSERT_TRUE(disk_.write_atomically(path_, as_bytes(text))); }
  std::string get() {
    const auto bytes = disk_.read_file(path_, 1 << 20);
    EXPECT_TRUE(bytes);
    return bytes ? std::string(as_text(*bytes)) : std::string();
  }

  SimulatedDisk disk_;
  const std::string path_ = "/data/file";
};

TEST_F(CheckpointsTest, TheNamesAreKafkas) {
  EXPECT_EQ(log_format::recovery_point_file, "recovery-point-offset-checkpoint");
  EXPECT_EQ(log_format::start_offset_file, "log-start-offset-checkpoint");
  EXPECT_EQ(log_format::high_watermark_file, "replication-offset-checkpoint");
  EXPECT_EQ(log_format::leader_epoch_file, "leader-epoch-checkpoint");
  EXPECT_EQ(log_format::clean_shutdown_file, ".kafka_cleanshutdown");
}

// ---- Offset checkpoints ----

TEST_F(CheckpointsTest, AnAbsentOffsetCheckpointIsEmpty) {
  const auto read = read_offset_checkpoint(disk_, path_);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->empty());
}

TEST_F(CheckpointsTest, AnOffsetCheckpointIsKafkas) {
  ASSERT_TRUE(write_offset_checkpoint(disk_, path_, {}));
  EXPECT_EQ(get(), "0\n0\n");
  ASSERT_TRUE(write_offset_checkpoint(
      disk_, path_,
      {{{"orders", 10}, Offset(7)}, {{"a.b-c_d", 0}, Offset(9007199254740993)}, {{"orders", 2}, Offset(0)}}));
  EXPECT_EQ(get(), "0\n3\na.b-c_d 0 9007199254740993\norders 2 0\norders 10 7\n");
}

TEST_F(CheckpointsTest, AnOffsetCheckpointReadsBack) {
  OffsetCheckpoint all;
  for (std::int32_t p = 0; p < 100; ++p) all[{"topic-" + std::to_string(p % 7), p}] = Offset(std::int64_t{p} << 40);
  all[{std::string(249, 't'), INT32_MAX}] = Offset(INT64_MAX);
  ASSERT_TRUE(write_offset_checkpoint(disk_, path_, all));
  const auto read = read_offset_checkpoint(disk_, path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, all);
}

TEST_F(CheckpointsTest, LinesMayEndAsOnWindowsAndComeInAnyOrder) {
  put("0\r\n2\r\nz 1 5\r\na 0 6\r\n");
  const auto read = read_offset_checkpoint(disk_, path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (OffsetCheckpoint{{{"a", 0}, Offset(6)}, {{"z", 1}, Offset(5)}}));
}

TEST_F(CheckpointsTest, APartitionSaidTwiceIsAsItWasSaidLast) {
  put("0\n2\nt 0 5\nt 0 3\n");
  const auto read = read_offset_checkpoint(disk_, path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (OffsetCheckpoint{{{"t", 0}, Offset(3)}}));
}

TEST_F(CheckpointsTest, HostileOffsetCheckpointsAreRefused) {
  const std::string wrong[] = {
      "",
      "\n",
      "0",
      "0\n",
      "1\n0\n",
      "\xef\xbb\xbf"
      "0\n0\n",
      "0\n1\n",
      "0\n0\nt 0 5\n",
      "0\n2\nt 0 5\n",
      "0\n1\nt 0 5\n\n",
      "0\n1\n\nt 0 5\n",
      "0\n-1\n",
      "0\n18446744073709551615\nt 0 5\n",  // two more than that is one
      "0\n99999999999999999999\nt 0 5\n",
      "0\none\nt 0 5\n",
      "0\n1\nt 0\n",
      "0\n1\nt\n",
      "0\n1\n0 5\n",
      "0\n1\n 0 5\n",
      "0\n1\nt 0 5 6\n",
      "0\n1\na t 0 5\n",
      "0\n1\nt  5\n",
      "0\n1\nt 0 \n",
      "0\n1\nt 0  5\n",
      "0\n1\nt\t0\t5\n",
      "0\n1\nt -1 5\n",
      "0\n1\nt 0 -5\n",
      "0\n1\nt 2147483648 5\n",
      "0\n1\nt 4294967296 5\n",
      "0\n1\nt 0 9223372036854775808\n",
      "0\n1\nt 0 5x\n",
      "0\n1\nt 0 0x5\n",
      "0\n1\nt 0 5.0\n",
      "0\n1\nt zero 5\n",
      std::string("0\n1\nt 0 5\0\n", 11),
      std::string(1 << 16, ' '),
      std::string(1 << 16, '\n'),
  };
  for (const std::string& text : wrong) {
    put(text);
    const auto read = read_offset_checkpoint(disk_, path_);
    ASSERT_FALSE(read) << testing::PrintToString(text.substr(0, 60));
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
    EXPECT_NE(read.error().message.find(path_), std::string::npos) << "says which file";
  }
}

TEST_F(CheckpointsTest, AnOffsetCheckpointCutShortIsRefused) {
  ASSERT_TRUE(write_offset_checkpoint(disk_, path_, {{{"a", 0}, Offset(123)}, {{"b", 11}, Offset(456)}}));
  const std::string text = get();
  for (std::size_t n = 0; n < text.size(); ++n) {
    put(text.substr(0, n));
    EXPECT_FALSE(read_offset_checkpoint(disk_, path_)) << n;
  }
}

// ---- How they are written ----

TEST_F(CheckpointsTest, TheOldOneStaysUntilTheNewOneIsDurable) {
  const OffsetCheckpoint before{{{"t", 0}, Offset(1)}}, after{{{"t", 0}, Offset(2)}};
  ASSERT_TRUE(write_offset_checkpoint(disk_, path_, before));
  bool cut = true;
  std::uint64_t cuts = 0;
  for (; cut; ++cuts) {
    disk_.cut_power_at(cuts);
    const auto written = write_offset_checkpoint(disk_, path_, after);
    cut = !disk_.powered();
    EXPECT_EQ(written.has_value(), !cut);
    disk_.power_loss_of_all_unsynced();
    const auto read = read_offset_checkpoint(disk_, path_);
    ASSERT_TRUE(read) << "cut at call " << cuts;
    EXPECT_EQ(*read, cut ? before : after) << "cut at call " << cuts;
  }
  EXPECT_GT(cuts, 3u);
}

TEST_F(CheckpointsTest, AReadThatFailsIsNotAnAbsentFile) {
  ASSERT_TRUE(write_offset_checkpoint(disk_, path_, {{{"t", 0}, Offset(1)}}));
  disk_.fail_call(DiskCall::read, 0, EIO);
  const auto read = read_offset_checkpoint(disk_, path_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::io);
}

// ---- meta.properties ----

TEST_F(CheckpointsTest, MetaPropertiesReadBack) {
  const auto absent = read_meta_properties(disk_, path_);
  ASSERT_TRUE(absent);
  EXPECT_FALSE(*absent);
  ASSERT_TRUE(write_meta_properties(disk_, path_, {"SJ9SbGNZRv-yMvc6jgh7kA", 12, "3Db5QLSqSZieL3rJBUUegA"}));
  EXPECT_EQ(get(),
            "#\nversion=1\ncluster.id=SJ9SbGNZRv-yMvc6jgh7kA\nnode.id=12\ndirectory.id=3Db5QLSqSZieL3rJBUUegA\n");
  const auto read = read_meta_properties(disk_, path_);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->cluster_id, "SJ9SbGNZRv-yMvc6jgh7kA");
  EXPECT_EQ((*read)->node_id, 12);
  EXPECT_EQ((*read)->directory_id, "3Db5QLSqSZieL3rJBUUegA");
}

TEST_F(CheckpointsTest, MetaPropertiesOfAZookeeperBasedKafkaAreRead) {
  put("#\n#Tue Mar 04 10:11:12 UTC 2025\ncluster.id=abc\nbroker.id=3\nversion=0\n");
  const auto read = read_meta_properties(disk_, path_);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->cluster_id, "abc");
  EXPECT_EQ((*read)->node_id, 3);
  EXPECT_EQ((*read)->directory_id, "");
}

TEST_F(CheckpointsTest, MetaPropertiesThatSayNotWhoseItIsAreRefused) {
  for (const std::string text :
       {"", "cluster.id=abc\n", "node.id=1\n", "cluster.id=\nnode.id=1\n", "cluster.id=abc\nnode.id=\n",
        "cluster.id=abc\nnode.id=one\n", "cluster.id=abc\nnode.id=1x\n", "cluster.id=abc\nnode.id=-1\n",
        "cluster.id=abc\nnode.id=4294967297\n", "#cluster.id=abc\n#node.id=1\n", "cluster.id abc\nnode.id 1\n"}) {
    put(text);
    const auto read = read_meta_properties(disk_, path_);
    ASSERT_FALSE(read) << testing::PrintToString(text);
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

// ---- partition.metadata ----

TEST_F(CheckpointsTest, PartitionMetadataIsKafkas) {
  const auto absent = read_partition_metadata(disk_, path_);
  ASSERT_TRUE(absent);
  EXPECT_FALSE(*absent);
  Uuid id;
  ASSERT_TRUE(from_base64("cJDQNEJcTaCdzjVYDnMjaQ", id));
  ASSERT_TRUE(write_partition_metadata(disk_, path_, id));
  EXPECT_EQ(get(), "version: 0\ntopic_id: cJDQNEJcTaCdzjVYDnMjaQ\n");
  for (const std::string text :
       {"version: 0\ntopic_id: cJDQNEJcTaCdzjVYDnMjaQ\n", "version: 0\ntopic_id: cJDQNEJcTaCdzjVYDnMjaQ"}) {
    put(text);
    const auto read = read_partition_metadata(disk_, path_);
    ASSERT_TRUE(read && *read);
    EXPECT_EQ(**read, id);
  }
}

TEST_F(CheckpointsTest, PartitionMetadataWithoutATopicIdIsRefused) {
  for (const std::string text :
       {"", "version: 0\n", "topic_id: cJDQNEJcTaCdzjVYDnMjaQ\n", "version: 1\ntopic_id: cJDQNEJcTaCdzjVYDnMjaQ\n",
        "version: 0\ntopic_id: \n", "version: 0\ntopic_id: cJDQNEJcTaCdzjVYDnMja\n",
        "version: 0\ntopic_id: cJDQNEJcTaCdzjVYDnMjaQQ\n", "version: 0\ntopic_id: cJDQNEJcTaCdzjVYDnMj!Q\n",
        "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n"}) {
    put(text);
    const auto read = read_partition_metadata(disk_, path_);
    ASSERT_FALSE(read) << testing::PrintToString(text);
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace holdfast::test
