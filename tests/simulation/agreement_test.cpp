// The witness of ensembles: hand-made sequences, bad ones that must be found and good ones that must pass.
#include "tests/simulation/agreement.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace holdfast::sim {
namespace {

constexpr std::int64_t epoch = std::int64_t{1} << 32;

zk::Txn create_session(std::int64_t session, std::int64_t zxid) {
  zk::Txn txn;
  txn.session = SessionId(session);
  txn.zxid = Zxid(zxid);
  txn.body = zk::CreateSessionTxn{1000};
  return txn;
}

zk::Txn attach(std::int64_t session, std::int64_t zxid, std::int64_t owner) {
  zk::Txn txn;
  txn.session = SessionId(session);
  txn.zxid = Zxid(zxid);
  txn.body = zk::AttachSessionTxn{owner, 1000};
  return txn;
}

class AgreementTest : public testing::Test {
 protected:
  AgreementTest() {
    for (int node = 1; node <= 2; ++node) start(node, Zxid(0));
  }
  // With the state of a snapshot: what had been applied up to there.
  void start(int node, Zxid at) {
    make_state(node, at);
    agreement.started(node, at, machines[node]->digest());
  }
  void make_state(int node, Zxid at) {
    machines[node] = std::make_unique<zk::ZnodeMachine>(zk::MachineOptions{});
    for (const Committed& c : history.committed)
      if (c.txn.zxid <= at) machines[node]->apply(c.txn);
  }
  void apply(int node, const zk::Txn& txn) {
    machines[node]->apply(txn);
    agreement.applied(node, txn, machines[node]->digest(), std::nullopt);
  }
  std::string text() const {
    std::string out;
    for (const std::string& v : violations) out += v + "\n";
    return out;
  }
  bool found(std::string_view what) const { return text().find(what) != std::string::npos; }

  History history;
  Violations violations;
  std::map<int, std::unique_ptr<zk::ZnodeMachine>> machines;
  Agreement agreement{zk::MachineOptions{}, history, violations};
};

TEST_F(AgreementTest, PassesOneSequenceOfManyServers) {
  for (std::int64_t n = 1; n <= 3; ++n) apply(1, create_session(n, epoch + n));
  apply(2, create_session(1, epoch + 1));
  apply(1, create_session(4, 3 * epoch + 1));
  for (std::int64_t n = 2; n <= 3; ++n) apply(2, create_session(n, epoch + n));
  apply(2, create_session(4, 3 * epoch + 1));
  EXPECT_EQ(text(), "");
  EXPECT_EQ(history.committed.size(), 4u);
}

TEST_F(AgreementTest, PassesWhoBeginsAgainFromASnapshot) {
  for (std::int64_t n = 1; n <= 4; ++n) apply(1, create_session(n, epoch + n));
  start(1, Zxid(epoch + 2));
  apply(1, create_session(3, epoch + 3));
  start(1, Zxid(0));
  apply(1, create_session(1, epoch + 1));
  EXPECT_EQ(text(), "");
}

TEST_F(AgreementTest, PassesWhoWasSentASnapshot) {
  for (std::int64_t n = 1; n <= 4; ++n) apply(1, create_session(n, epoch + n));
  apply(2, create_session(1, epoch + 1));
  make_state(2, Zxid(epoch + 3));
  agreement.restored(2);
  apply(2, create_session(4, epoch + 4));
  EXPECT_EQ(text(), "");
}

// They have no zxid of their own: a snapshot is before them or behind them.
TEST_F(AgreementTest, PassesAttachmentsOnEitherSideOfASnapshot) {
  apply(1, create_session(1, epoch + 1));
  apply(1, attach(1, epoch + 1, 2));
  apply(1, attach(1, epoch + 1, 1));
  apply(1, attach(1, 2 * epoch, 2));
  start(2, Zxid(epoch + 1));
  apply(2, attach(1, epoch + 1, 1));
  apply(2, attach(1, 2 * epoch, 2));
  start(2, Zxid(2 * epoch));
  apply(2, create_session(2, 2 * epoch + 1));
  EXPECT_EQ(text(), "");
}

TEST_F(AgreementTest, PassesEqualAttachmentsWhicheverOfThemIsBehindTheSnapshot) {
  apply(1, create_session(1, epoch + 1));
  for (const std::int64_t owner : {2, 1, 2}) apply(1, attach(1, epoch + 1, owner));
  apply(1, create_session(2, epoch + 2));
  start(2, Zxid(epoch + 1));
  apply(2, attach(1, epoch + 1, 2));
  apply(2, create_session(2, epoch + 2));
  start(3, Zxid(epoch + 1));
  for (const std::int64_t owner : {2, 1, 2}) apply(3, attach(1, epoch + 1, owner));
  apply(3, create_session(2, epoch + 2));
  EXPECT_EQ(text(), "");
}

TEST_F(AgreementTest, FindsAnotherTransactionInItsPlace) {
  apply(1, create_session(1, epoch + 1));
  apply(2, create_session(7, epoch + 1));
  EXPECT_TRUE(found("another transaction with zxid"));
  EXPECT_TRUE(found("I10"));
}

TEST_F(AgreementTest, FindsAnotherOrder) {
  apply(1, create_session(1, epoch + 1));
  apply(1, attach(1, epoch + 1, 2));
  apply(1, attach(1, epoch + 1, 1));
  apply(2, create_session(1, epoch + 1));
  apply(2, attach(1, epoch + 1, 1));
  EXPECT_TRUE(found("another transaction with zxid"));
}

TEST_F(AgreementTest, FindsWhatIsLeftOut) {
  for (std::int64_t n = 1; n <= 3; ++n) apply(1, create_session(n, epoch + n));
  apply(2, create_session(1, epoch + 1));
  apply(2, create_session(3, epoch + 3));
  EXPECT_TRUE(found("where 0x100000002 stands"));
  violations.clear();
  start(1, Zxid(epoch + 1));
  apply(1, create_session(3, epoch + 3));
  EXPECT_TRUE(found("where 0x100000002 stands"));
}

TEST_F(AgreementTest, FindsNumbersThatNobodyGave) {
  apply(1, create_session(1, epoch + 1));
  apply(1, create_session(2, epoch + 3));
  EXPECT_TRUE(found("applied 0x100000003 after 0x100000001"));
  apply(1, create_session(3, 2 * epoch + 2));
  EXPECT_TRUE(found("applied 0x200000002 after 0x100000003"));
}

TEST_F(AgreementTest, FindsAHistoryThatWasForgotten) {
  for (std::int64_t n = 1; n <= 2; ++n) apply(1, create_session(n, epoch + n));
  start(1, Zxid(0));
  start(2, Zxid(0));
  apply(2, create_session(9, 2 * epoch + 1));
  EXPECT_TRUE(found("applied 0x200000001 where 0x100000001 stands"));
}

TEST_F(AgreementTest, FindsAStateThatTheSequenceDoesNotGive) {
  apply(1, create_session(1, epoch + 1));
  agreement.shows(1, Zxid(epoch + 1), machines[1]->digest());
  EXPECT_EQ(text(), "");
  agreement.shows(1, Zxid(epoch + 1), machines[1]->digest() + 1);
  EXPECT_TRUE(found("I10"));
  violations.clear();
  agreement.started(2, Zxid(epoch + 1), machines[2]->digest());
  EXPECT_TRUE(found("I10"));
}

TEST_F(AgreementTest, FindsWhoGoesOutOfService) {
  agreement.failed(2);
  EXPECT_TRUE(found("node 2: goes out of service"));
}

}  // namespace
}  // namespace holdfast::sim
