// What a leader writes of who is in sync, and under which conditions.
#include "broker/isr_writer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "broker/znodes.h"
#include "tests/broker/lone_broker.h"

namespace holdfast::test {
namespace {

using std::chrono::seconds;

class WritingTheIsr : public testing::Test {
 protected:
  WritingTheIsr() : topic_(world_.create_topic("t", {1, 2})) {
    world_.change_state("t", [](znodes::PartitionState& state) { state.isr = {1}; });
    writer_.set_session(world_.session(), world_.epoch_of(1));
  }
  ~WritingTheIsr() override { world_.loop().run(writer_.stop()); }

  const zk::Znode& znode(const std::string& path) { return *world_.ensemble().tree().find(path); }
  std::vector<std::int32_t> in_sync() {
    return znodes::decode_partition_state(as_text(znode(znodes::state_path("t", 0)).data.view()))->isr;
  }
  IsrChange both() {
    IsrChange out;
    out.id = {topic_, 0};
    out.topic = "t";
    out.topic_czxid = znode(znodes::topic_path("t")).czxid;
    out.state_version = world_.ensemble().tree().stat(znode(znodes::state_path("t", 0))).version;
    out.isr = {1, 2};
    out.others = {{2, world_.epoch_of(2)}};
    return out;
  }
  // What it hears in so long.
  std::optional<bool> write(IsrChange change, Duration patience = seconds(5)) {
    const auto heard = std::make_shared<std::optional<bool>>();  // it may hear later, or never
    {
      const Shard::Scope scope(world_.loop().shard());
      writer_.write(std::move(change), [heard](bool written) { *heard = written; });
    }
    world_.loop().run_until([&heard] { return heard->has_value(); }, patience);
    return *heard;
  }

  LoneBroker world_;
  Uuid topic_;
  IsrWriter writer_{world_.ensemble(), 1};
};

TEST_F(WritingTheIsr, TakesInWhoIsRegisteredAsItWas) {
  EXPECT_EQ(write(both()), true);
  EXPECT_EQ(in_sync(), (std::vector<std::int32_t>{1, 2}));
}

// It may have lost what it had (KIP-841, KIP-903).
TEST_F(WritingTheIsr, DoesNotTakeInWhoWasRegisteredAnew) {
  IsrChange change = both();
  --change.others[0].second;
  EXPECT_EQ(write(std::move(change)), false);
  EXPECT_EQ(in_sync(), std::vector<std::int32_t>{1});
}

TEST_F(WritingTheIsr, OverwritesNothingThatItDoesNotKnow) {
  const IsrChange change = both();
  world_.change_state("t", [](znodes::PartitionState& state) { ++state.leader_epoch; });
  EXPECT_EQ(write(change), false);
  IsrChange of_another = both();
  --of_another.topic_czxid;
  EXPECT_EQ(write(of_another), false);
  EXPECT_EQ(in_sync(), std::vector<std::int32_t>{1});
}

// The leader must count with both until it knows: so it hears nothing.
TEST_F(WritingTheIsr, IsNotOverWhileNobodyKnowsWhatBecameOfIt) {
  IsrChange change = both();
  for (const DiskCall call : {DiskCall::write, DiskCall::sync}) world_.disk().fail_every(call, EIO);
  EXPECT_EQ(write(std::move(change)), std::nullopt);
}

}  // namespace
}  // namespace holdfast::test
