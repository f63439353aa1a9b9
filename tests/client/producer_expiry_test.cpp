// Records whose time to be delivered is over: they are reported, and what follows them arrives once and in order.
#include "tests/client/producer_world.h"

namespace holdfast::test {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using wire::ErrorCode;
using Fault = FakeLogs::Fault;

TEST_F(ProducerTest, WhatCannotBeDeliveredInTimeFails) {
  options_.delivery_timeout = seconds(10);
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::refuse; };
  const SteadyTime before = clock_.now();
  auto sent = send({"t", "v"});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::request_timed_out);
  EXPECT_NEAR(elapsed(before), 10, 1.1);
  // What comes later is not affected.
  logs_.fault = nullptr;
  sent = send({"t", "w"});
  ASSERT_TRUE(sent) << to_string(sent.error());
  EXPECT_THAT(logs_.values("t"), ElementsAre("w"));
}

TEST_F(ProducerTest, ASilentBrokerIsWaitedForNoLongerThanTheDeliveryMayTake) {
  options_.delivery_timeout = seconds(10);
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::silence; };
  const SteadyTime before = clock_.now();
  auto sent = send({"t", "v"});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::request_timed_out);
  EXPECT_NEAR(elapsed(before), 10, 0.2);
}

TEST_F(ProducerTest, WhatIsGivenUpEndsNoConnectionOfOthers) {
  options_.linger = Duration::zero();
  options_.delivery_timeout = seconds(5);
  enqueue(0, 1);
  flush();
  const int connections = fake_.at(1).accepted();
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::silence; };
  enqueue(1, 2);
  ASSERT_TRUE(loop_.run_until([&] { return told_.contains(1); }, seconds(10)));
  EXPECT_EQ(told_.at(1).error, ErrorCode::request_timed_out);
  const int before = logs_.requests;
  enqueue(2, 3);
  ASSERT_TRUE(loop_.run_until([&] { return logs_.requests > before; }, seconds(10)));
  EXPECT_EQ(fake_.at(1).accepted(), connections);
}

// The first was not delivered in time, and nobody knows whether it is in the log. So it is with those that followed it
// on the wire: they are there, and must not come again.
TEST_F(ProducerTest, WhatFollowsABatchThatWasGivenUpArrivesOnce) {
  options_.linger = Duration::zero();
  options_.delivery_timeout = seconds(30);
  options_.request_timeout = seconds(4);
  enqueue(0, 1);
  flush();
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::append_silence; };
  enqueue(1, 2);
  loop_.run_for(seconds(3));
  enqueue(2, 3);
  loop_.run_for(milliseconds(100));
  enqueue(3, 4);
  ASSERT_TRUE(loop_.run_until([&] { return told_.contains(1); }, seconds(60)));
  EXPECT_EQ(told_.at(1).error, ErrorCode::request_timed_out);
  logs_.fault = nullptr;
  fake_.at(1).hang_up();
  flush();
  enqueue(4, 5);
  flush();
  EXPECT_EQ(logs_.values("t"), numbers(0, 5));
  for (const std::uint64_t number : {2u, 3u, 4u}) {
    EXPECT_EQ(told_.at(number).error, ErrorCode::none) << told_.at(number).message;
    EXPECT_EQ(told_.at(number).offset, static_cast<std::int64_t>(number));
  }
  // Nothing was missing: there was no reason for another epoch.
  EXPECT_EQ(logs_.log("t").producers.begin()->second.epoch, 0);
}

TEST_F(ProducerTest, WhatFollowsABatchThatNeverArrivedBeginsAnew) {
  options_.linger = Duration::zero();
  options_.delivery_timeout = seconds(30);
  options_.request_timeout = seconds(4);
  enqueue(0, 1);
  flush();
  logs_.fault = [](const std::string&, std::int32_t) { return Fault::silence; };
  enqueue(1, 2);
  loop_.run_for(seconds(3));
  enqueue(2, 3);
  loop_.run_for(milliseconds(100));
  enqueue(3, 4);
  ASSERT_TRUE(loop_.run_until([&] { return told_.contains(1); }, seconds(60)));
  logs_.fault = nullptr;
  fake_.at(1).hang_up();
  flush();
  EXPECT_THAT(logs_.values("t"), ElementsAre("0", "2", "3"));
  EXPECT_EQ(told_.at(1).error, ErrorCode::request_timed_out);
  EXPECT_EQ(logs_.log("t").producers.begin()->second.epoch, 1);
}

}  // namespace
}  // namespace holdfast::test
