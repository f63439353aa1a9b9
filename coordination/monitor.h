// What mntr tells: the numbers that ZooKeeper's dashboards read, under its names. Only those that have a meaning here:
// queues of threads that this server does not have are left out, not reported as zero. Lives on the coordination shard.
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

class ZkServer;
struct QuorumStatus;

// The line of protocol and behaviour that clients see; tools read the number before the dash.
inline constexpr std::string_view zookeeper_version = "3.9.5-holdfast, built on 2026-11-21 00:00 UTC";

std::string monitor_lines(ZkServer& server);
std::string monitor_lines(ZkServer& server, const QuorumStatus& status);
// The part of it that is about the ensemble; docs/FOUR_LETTER_WORDS.md says which role tells what. Pure.
std::string quorum_monitor_lines(const QuorumStatus& status);

// As Java prints a double rounded to four places: "0.0", "1.5169", "58.0".
std::string java_double(double value);

}  // namespace holdfast
