// The checker of one register: hand-made histories, without the witness: calls by time alone.
#include <gtest/gtest.h>

#include <string>

#include "tests/simulation/checkers.h"

namespace holdfast::sim {
namespace {

class Register {
 public:
  static constexpr std::int64_t never = -1;

  Operation& call(Request request, std::int64_t from, std::int64_t to, ZkError error = ZkError::ok,
                  std::int32_t version = 0, std::string data = {}) {
    Operation o;
    o.session = 0x101;
    o.xid = ++xid_;
    o.request = std::move(request);
    o.invoked = SteadyTime(std::chrono::milliseconds(from));
    if (to >= 0) o.returned = SteadyTime(std::chrono::milliseconds(to));
    o.reply.error = error;
    o.reply.stat.emplace().version = version;
    o.reply.data = std::move(data);
    history_.operations.push_back(std::move(o));
    return history_.operations.back();
  }
  // Its first value is "a".
  void create() {
    Create first;
    first.path = "/r";
    first.data = "a";
    call(std::move(first), 0, 10);
  }
  // A read behind a sync.
  void read(std::int64_t from, std::int64_t to, std::int32_t version, std::string data) {
    call(Sync{"/"}, from, to);
    call(Get{"/r", false}, from, to, ZkError::ok, version, std::move(data));
  }
  Linearizable verdict(std::uint64_t steps = 100'000) { return check_register(history_, "/r", steps); }

 private:
  History history_;
  std::int32_t xid_ = 0;
};

TEST(RegisterChecker, PassesWhatIsLinearizable) {
  Register r;
  r.create();
  r.call(Set{"/r", "b", 0}, 20, 50, ZkError::ok, 1);
  r.call(Set{"/r", "c", 0}, 20, 60, ZkError::bad_version);
  r.call(Set{"/r", "d", -1}, 25, 70, ZkError::ok, 2);
  r.read(30, 65, 1, "b");
  r.read(80, 90, 2, "d");
  EXPECT_EQ(r.verdict(), Linearizable::yes);
}

TEST(RegisterChecker, UnknownWritesMayHaveHappenedOrNot) {
  Register r;
  r.create();
  r.call(Set{"/r", "b", -1}, 20, Register::never);
  r.call(Set{"/r", "c", -1}, 20, Register::never);
  r.read(100, 110, 0, "a");
  r.read(200, 210, 1, "c");
  r.read(300, 310, 1, "c");
  EXPECT_EQ(r.verdict(), Linearizable::yes);
  r.read(400, 410, 2, "a");
  EXPECT_EQ(r.verdict(), Linearizable::no) << "nobody wrote that a second time";
}

TEST(RegisterChecker, FindsAStaleRead) {
  Register r;
  r.create();
  r.call(Set{"/r", "b", -1}, 20, 30, ZkError::ok, 1);
  r.read(40, 50, 0, "a");
  EXPECT_EQ(r.verdict(), Linearizable::no);
}

TEST(RegisterChecker, FindsALostUpdate) {
  Register r;
  r.create();
  r.call(Set{"/r", "b", 0}, 20, 30, ZkError::ok, 1);
  r.call(Set{"/r", "c", 0}, 20, 30, ZkError::ok, 1);
  EXPECT_EQ(r.verdict(), Linearizable::no);
}

TEST(RegisterChecker, FindsARefusalWithoutACause) {
  Register r;
  r.create();
  r.call(Set{"/r", "b", 0}, 20, 30, ZkError::bad_version);
  EXPECT_EQ(r.verdict(), Linearizable::no);
}

TEST(RegisterChecker, FindsReadsThatGoBack) {
  Register r;
  r.create();
  r.call(Set{"/r", "b", -1}, 20, 100, ZkError::ok, 1);
  r.read(30, 40, 1, "b");
  r.read(50, 60, 0, "a");
  EXPECT_EQ(r.verdict(), Linearizable::no);
}

TEST(RegisterChecker, FindsAValueOutOfNowhere) {
  Register r;
  r.create();
  r.read(20, 30, 0, "b");
  EXPECT_EQ(r.verdict(), Linearizable::no);
}

TEST(RegisterChecker, GivesUpRatherThanSearchForEver) {
  Register r;
  r.create();
  for (int i = 0; i < 20; ++i) r.call(Set{"/r", "x" + std::to_string(i), -1}, 20, Register::never);
  r.read(100, 110, 12, "nowhere");
  EXPECT_EQ(r.verdict(5000), Linearizable::undecided);
}

}  // namespace
}  // namespace holdfast::sim
