// Four-letter words: ZooKeeper's oldest admin interface, in the texts of 3.9 that scripts and exporters parse. Lives on
// the coordination shard.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

class ZkServer;
struct QuorumStatus;

// The answer to a word; nothing when it is none.
std::optional<std::string> four_letter_answer(std::string_view word, ZkServer& server);
// If that is what the ensemble is like.
std::optional<std::string> four_letter_answer(std::string_view word, ZkServer& server, const QuorumStatus& status);

}  // namespace holdfast
