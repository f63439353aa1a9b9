// What the verbs of `holdfast topic` share.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "client/cli_session.h"

namespace holdfast::client {

class Cli;

// How much a topic holds: the offsets between the starts and the ends of its partitions.
struct TopicExtent {
  std::string topic;
  std::int64_t partitions = 0, records = 0;
  std::int64_t silent = 0;  // partitions that do not answer: how much they hold is not known
  std::string text() const;
};
Task<std::expected<std::vector<TopicExtent>, Exit>> topic_extents(Session& session, std::vector<std::string> topics);

void add_topic_describe_verb(Cli& cli);
void add_topic_trim_verb(Cli& cli);

}  // namespace holdfast::client
