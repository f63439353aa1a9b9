// GroupHistory: what the members of groups were told and what they committed. It finds what no coordinator may do,
// whichever broker it is: give a partition to two members of one generation, tell a member what its leader did not say,
// accept a commit of a generation that is over, or lose or set back what was committed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/brokers/record_history.h"

namespace holdfast::sim {

class GroupHistory {
 public:
  using Partitions = std::vector<std::int32_t>;
  // A commit that was asked for. Its number says when.
  struct Commit {
    std::uint64_t number = 0;
    std::int32_t generation = -1;
    std::int64_t offset = -1;
  };

  explicit GroupHistory(RecordHistory& records) : records_(records) {}

  // A leader says who gets what; it may be said several times, of a generation that nobody remembers later.
  void distributed(const std::string& group, std::int32_t generation, const std::map<std::string, Partitions>& shares);
  // A member hears of its share. `owner`: who stays the same when a static member comes back under another id.
  // A generation that was appended and never committed may be told by one coordinator, and another one of that number
  // by the next: what is compared is what one broker says.
  void assigned(const std::string& group, std::int32_t generation, const std::string& member, const std::string& owner,
                const Partitions& share, std::int32_t coordinator);
  Commit commits(const std::string& group, std::int32_t partition, std::int32_t generation, std::int64_t offset);
  void committed(const std::string& group, std::int32_t partition, const Commit& commit, std::int32_t coordinator);
  // What the coordinator says is committed; -1: nothing. `asked_at`: now() when it was asked.
  void read_back(const std::string& group, std::int32_t partition, std::int64_t offset, std::uint64_t asked_at);
  std::uint64_t now() const { return now_; }

  std::uint64_t generations() const { return generations_; }
  std::uint64_t commit_count() const { return commit_count_; }

 private:
  struct Partition {
    Commit last;  // that was acknowledged
    std::uint64_t last_at = 0;
    std::vector<Commit> open;  // nobody answered them, or not well
  };
  struct Group {
    std::map<std::int32_t, std::vector<std::map<std::string, Partitions>>> distributed;
    // By coordinator and generation: who owns which partition, and when its first member heard of it.
    using Told = std::pair<std::int32_t, std::int32_t>;
    std::map<Told, std::map<std::int32_t, std::string>> owners;
    std::map<Told, std::uint64_t> began;
    std::map<std::int32_t, Partition> partitions;
  };

  RecordHistory& records_;
  std::map<std::string, Group> groups_;
  std::uint64_t now_ = 1, generations_ = 0, commit_count_ = 0;
};

}  // namespace holdfast::sim
