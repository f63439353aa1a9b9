#include "runtime/gate.h"

#include <gtest/gtest.h>

#include <optional>

namespace holdfast {
namespace {

TEST(Gate, DrainsAtOnceWhenNobodyIsInside) {
  Gate gate;
  int drained = 0;
  gate.close([&] { ++drained; });
  EXPECT_EQ(drained, 1);
  EXPECT_TRUE(gate.closed());
}

TEST(Gate, DrainsWhenTheLastHolderLeaves) {
  Gate gate;
  std::optional<Gate::Holder> first(gate.enter());
  Gate::Holder second = gate.enter();
  EXPECT_EQ(gate.holders(), 2u);
  int drained = 0;
  gate.close([&] { ++drained; });
  first.reset();
  EXPECT_EQ(drained, 0);
  second.release();
  EXPECT_EQ(drained, 1);
  second.release();
  EXPECT_EQ(drained, 1);
}

TEST(Gate, LetsNobodyInOnceClosed) {
  Gate gate;
  gate.close([] {});
  EXPECT_FALSE(gate.enter());
  EXPECT_EQ(gate.holders(), 0u);
}

TEST(Gate, AHolderMovesWithoutLeaving) {
  Gate gate;
  Gate::Holder one = gate.enter();
  Gate::Holder two = std::move(one);
  EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): moved-from holders are empty
  EXPECT_EQ(gate.holders(), 1u);
  two = Gate::Holder();
  EXPECT_EQ(gate.holders(), 0u);
}

TEST(GateDeathTest, MustNotDieBeforeItsHolders) {
  EXPECT_DEATH(
      {
        Gate::Holder survivor;
        Gate gate;
        survivor = gate.enter();
      },
      "broken invariant");
}

}  // namespace
}  // namespace holdfast
