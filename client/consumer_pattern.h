// The expression of a subscription by pattern. Internal to the consumer.
#pragma once

#include <regex>
#include <string>

#include "client/consumer.h"

namespace holdfast::client {

struct Consumer::Pattern {
  std::regex expression;

  bool matches(const KnownTopic& topic) const {
    return !topic.is_internal && topic.error == wire::ErrorCode::none && std::regex_match(topic.name, expression);
  }
};

}  // namespace holdfast::client
