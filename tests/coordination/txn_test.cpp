#include "coordination/txn.h"

#include <gtest/gtest.h>

#include "tests/coordination/znode_world.h"

namespace holdfast::zk {
namespace {

Txn with(auto body) {
  Txn txn;
  txn.session = SessionId{0x1234};
  txn.cxid = -4;
  txn.zxid = Zxid{(std::int64_t{3} << 32) + 9};
  txn.time_ms = 1'700'000'000'123;
  txn.body = std::move(body);
  return txn;
}

std::vector<Txn> one_txn_of_each() {
  const CreateTxn create{OpCode::create2, "/a/b", Bytes::literal("data"), false, {Acl{3, Id{"digest", "u:h"}}}, -7, 12};
  const SetDataTxn set{"/a", {}, true, -2};
  const SetAclTxn set_acl{"/a", {}, 5};
  MultiTxn multi;
  multi.parts = {create, DeleteTxn{"/x"}, set, set_acl, CheckTxn{"/y"}};
  multi.count = 5;
  MultiTxn failed;
  failed.error = ZkError::no_node;
  failed.failed_at = 1;
  failed.count = 3;
  return {with(ErrorTxn{ZkError::bad_version}),
          with(create),
          with(DeleteTxn{"/a"}),
          with(set),
          with(set_acl),
          with(multi),
          with(failed),
          with(CreateSessionTxn{4000, 7}),
          with(CloseSessionTxn{{"/e", "/f"}}),
          with(MultiTxn{}),
          with(ReconfigTxn{"server.1=a:1:2"}),
          with(AttachSessionTxn{-3, 9000})};
}

std::vector<std::uint8_t> bytes_of(const Txn& txn) {
  const Bytes bytes = encode(txn);
  return {bytes.view().begin(), bytes.view().end()};
}

TEST(Txn, every_kind_survives_its_record) {
  for (const Txn& txn : one_txn_of_each()) {
    const auto record = bytes_of(txn);
    const auto read = decode_txn(record);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->body.index(), txn.body.index());
    EXPECT_EQ(read->session, txn.session);
    EXPECT_EQ(read->cxid, txn.cxid);
    EXPECT_EQ(read->zxid, txn.zxid);
    EXPECT_EQ(read->time_ms, txn.time_ms);
    EXPECT_EQ(bytes_of(*read), record);
  }
}

TEST(Txn, null_and_empty_data_are_told_apart) {
  const auto null = decode_txn(encode(with(SetDataTxn{"/a", {}, true, 1})).view());
  const auto empty = decode_txn(encode(with(SetDataTxn{"/a", {}, false, 1})).view());
  EXPECT_TRUE(std::get<SetDataTxn>(null->body).null_data);
  EXPECT_FALSE(std::get<SetDataTxn>(empty->body).null_data);
}

TEST(Txn, records_that_are_cut_or_too_long_are_refused) {
  for (const Txn& txn : one_txn_of_each()) {
    auto record = bytes_of(txn);
    for (std::size_t size = 0; size < record.size(); ++size) {
      EXPECT_FALSE(decode_txn(ByteView(record).first(size))) << txn.body.index() << " cut at " << size;
    }
    record.push_back(0);
    EXPECT_FALSE(decode_txn(record));
  }
}

TEST(Txn, unknown_versions_and_kinds_are_refused) {
  auto record = bytes_of(with(DeleteTxn{"/a"}));
  record[1] = 99;
  EXPECT_EQ(decode_txn(record).error().kind, ErrorKind::corrupt);
  record[0] = 1;
  EXPECT_EQ(decode_txn(record).error().kind, ErrorKind::unsupported);
}

TEST(Txn, counts_beyond_the_record_allocate_nothing) {
  auto record = bytes_of(with(CloseSessionTxn{{"/e"}}));
  record[30] = 0x7f;  // the count's first byte
  EXPECT_FALSE(decode_txn(record));
}

TEST(Txn, a_session_may_own_more_ephemerals_than_any_frame_holds) {
  CloseSessionTxn close;
  for (int i = 0; i < 1'200'000; ++i) close.ephemerals.push_back("/e" + std::to_string(i));
  const auto read = decode_txn(encode(with(close)).view());
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<CloseSessionTxn>(read->body).ephemerals.size(), 1'200'000u);
}

TEST(Txn, changes_are_listed_in_order) {
  const auto kinds = [](const Txn& txn) {
    std::string out;
    for (const Change& change : changes_of(txn)) {
      out += change.kind == ChangeKind::created ? '+' : change.kind == ChangeKind::deleted ? '-' : '=';
      out += change.path;
    }
    return out;
  };
  const auto txns = one_txn_of_each();
  EXPECT_EQ(kinds(txns[1]), "+/a/b");
  EXPECT_EQ(kinds(txns[5]), "+/a/b-/x=/a");
  EXPECT_EQ(kinds(txns[6]), "");
  EXPECT_EQ(kinds(txns[8]), "-/e-/f");
}

}  // namespace
}  // namespace holdfast::zk
