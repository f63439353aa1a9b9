#include "broker/fetch_sessions.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using wire::ErrorCode;
constexpr SteadyTime start{};

FetchedPartition partition(std::string topic, std::int32_t index, std::int64_t offset = 0) {
  FetchedPartition p;
  p.topic = std::move(topic);
  p.index = index;
  p.fetch_offset = offset;
  return p;
}

TEST(FetchSessions, EpochsGoUpOneByOne) {
  FetchSessions sessions(10, 0, 1);
  const auto session = sessions.create(1, false, 77, start);
  ASSERT_TRUE(session);
  EXPECT_GT(session->id, 0);
  EXPECT_EQ(sessions.find(session->id, 1, false, start).error, ErrorCode::none);
  EXPECT_EQ(sessions.find(session->id, 1, false, start).error, ErrorCode::invalid_fetch_session_epoch);
  EXPECT_EQ(sessions.find(session->id, 2, false, start).error, ErrorCode::none);
  EXPECT_EQ(sessions.find(session->id, 3, true, start).error, ErrorCode::fetch_session_topic_id_error);
  EXPECT_EQ(sessions.find(session->id + 1, 3, false, start).error, ErrorCode::fetch_session_id_not_found);
  sessions.remove(session->id);
  EXPECT_EQ(sessions.find(session->id, 3, false, start).error, ErrorCode::fetch_session_id_not_found);
}

TEST(FetchSessions, ASessionInUseIsNotHandedOutTwice) {
  FetchSessions sessions(10, 0, 1);
  const auto session = sessions.create(1, false, 5, start);
  session->busy = true;
  EXPECT_EQ(sessions.find(session->id, 1, false, start).error, ErrorCode::invalid_fetch_session_epoch);
}

TEST(FetchSessions, AFullCacheKeepsWhatIsInUseAndDropsWhatIsIdle) {
  FetchSessions sessions(2, 0, 1);
  const auto first = sessions.create(5, false, 1, start);
  const auto second = sessions.create(5, false, 2, start);
  EXPECT_FALSE(sessions.create(5, false, 3, start + std::chrono::seconds(1)));
  const auto later = start + std::chrono::minutes(3);
  EXPECT_EQ(sessions.find(second->id, 1, false, later).error, ErrorCode::none);
  EXPECT_TRUE(sessions.create(5, false, 4, later));
  EXPECT_EQ(sessions.find(first->id, 1, false, later).error, ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(sessions.size(), 2u);
}

TEST(FetchSession, WhatWasToldIsKeptWhenTheQuestionChanges) {
  FetchSession session;
  session.put(partition("t", 0, 5));
  session.find({"t", {}, 0})->told_high_watermark = 9;
  session.put(partition("t", 0, 7));
  EXPECT_EQ(session.size(), 1u);
  EXPECT_EQ(session.find({"t", {}, 0})->fetch_offset, 7);
  EXPECT_EQ(session.find({"t", {}, 0})->told_high_watermark, 9);
  session.forget({"t", {}, 0});
  EXPECT_EQ(session.size(), 0u);
}

TEST(FetchSession, PartitionsThatHadTheirTurnGoLast) {
  FetchSession session;
  for (int i = 0; i < 3; ++i) session.put(partition("t", i));
  session.move_to_end({"t", {}, 0});
  std::vector<int> order;
  for (const auto& p : session.partitions()) order.push_back(p.index);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 0}));
}

}  // namespace
}  // namespace holdfast
