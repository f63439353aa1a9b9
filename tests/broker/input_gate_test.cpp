#include "broker/input_gate.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(InputGate, IsClosedWhileAnyJournalIsBehind) {
  InputGate gate(100);
  int woken = 0;
  gate.journal_behind(true);
  gate.journal_behind(true);
  gate.wait([&] { ++woken; });
  gate.journal_behind(false);
  EXPECT_TRUE(gate.closed());
  EXPECT_EQ(woken, 0);
  gate.journal_behind(false);
  EXPECT_FALSE(gate.closed());
  EXPECT_EQ(woken, 1);
}

TEST(InputGate, LargeFramesShareABoundAndOneMayPassIt) {
  InputGate gate(100);
  std::size_t a = 0, b = 0, c = 0;
  EXPECT_TRUE(gate.try_change(a, 60));
  EXPECT_TRUE(gate.try_change(b, 60)) << "one may go beyond, so that what has begun can end";
  EXPECT_FALSE(gate.try_change(c, 10));
  EXPECT_FALSE(gate.try_change(a, 80));
  EXPECT_TRUE(gate.try_change(b, 300)) << "the one that is beyond goes on";
  int woken = 0;
  gate.wait([&] { ++woken; });
  gate.release(b);
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(gate.used(), 60u);
  EXPECT_TRUE(gate.try_change(c, 40));
  EXPECT_TRUE(gate.try_change(a, 80)) << "now this one is beyond";
  EXPECT_FALSE(gate.try_change(c, 50));
  gate.release(a);
  gate.release(c);
  EXPECT_EQ(gate.used(), 0u);
}

TEST(InputGate, ReleasingNothingWakesNobody) {
  InputGate gate(100);
  int woken = 0;
  gate.wait([&] { ++woken; });
  std::size_t none = 0;
  gate.release(none);
  EXPECT_EQ(woken, 0);
}

}  // namespace
}  // namespace holdfast
