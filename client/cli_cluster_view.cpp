#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/admin.h"
#include "client/cli_cluster.h"
#include "client/cluster.h"
#include "client/zookeeper_types.h"
#include "runtime/gate.h"

namespace holdfast::client {
namespace {

Task<void> look_at_quorum(Session& session, std::vector<QuorumServer>& quorum) {
  // Somebody else's brokers, and nobody has said where their ZooKeeper is, if they have one: this machine's is not it.
  const auto is_default = [](const Target& target) { return target.source == default_source; };
  if (is_default(session.zookeeper()) && !is_default(session.kafka())) co_return;
  auto servers = parse_connect_string(session.zookeeper().address);
  if (!servers) {
    quorum.push_back({{session.zookeeper().address, 0}, {}, servers.error().message});
    co_return;
  }
  const auto answers = co_await four_letter_words(session, servers->servers, "srvr");
  for (std::size_t i = 0; i < answers.size(); ++i) {
    QuorumServer server{servers->servers[i], {}, {}};
    const auto& answer = answers[i];
    if (!answer) {
      server.error = answer.error().message;
    } else if (const std::size_t mode = answer->find("Mode: "); mode != std::string::npos) {
      server.mode = answer->substr(mode + 6, answer->find('\n', mode) - mode - 6);
    } else {
      server.error = "it has no quorum";
    }
    quorum.push_back(std::move(server));
  }
}

void look_at_partitions(ClusterView& view) {
  std::set<std::int32_t> there, wanted;
  for (const BrokerListing& broker : view.cluster.brokers) there.insert(broker.id);
  for (const TopicDescription& topic : view.topics) {
    for (const PartitionDescription& p : topic.partitions) {
      ++view.partitions;
      if (p.leader.node < 0) view.leaderless.push_back({topic.name, p.partition});
      if (p.under_replicated()) view.under_replicated.push_back({topic.name, p.partition});
      wanted.insert(p.replicas.begin(), p.replicas.end());
    }
  }
  std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(),
                      std::back_inserter(view.missing_brokers));
}

std::string text_of(const Failure& failure) {
  return failure.message.empty() ? std::string(wire::error_message(failure.code)) : failure.message;
}

Task<void> look_at_directories(Admin& admin, ClusterView& view) {
  // A disk that hangs holds up this answer, and all behind it on the same connection.
  std::map<std::int32_t, std::int32_t> brokers;
  std::vector<std::int32_t> ids;
  for (const BrokerListing& broker : view.cluster.brokers) {
    ids.push_back(Cluster::on_lane(Cluster::Lane::fetch, broker.id));
    brokers.emplace(ids.back(), broker.id);
  }
  const auto listed = co_await admin.describe_log_dirs(std::move(ids));
  std::vector<Unseen> unseen;
  for (const auto& [lane, directories] : listed) {
    const std::int32_t broker = brokers.at(lane);
    if (!directories) {
      unseen.push_back({fmt::format("the log directories of broker {}", broker), text_of(directories.error()),
                        fmt::format("holdfast broker describe {}", broker)});
      continue;
    }
    for (const LogDirectory& directory : *directories)
      view.directories.push_back(
          {broker, directory.path,
           directory.error == wire::ErrorCode::none ? std::string() : std::string(wire::error_name(directory.error)),
           directory.usable_bytes, directory.total_bytes});
  }
  view.unseen.insert(view.unseen.begin(), unseen.begin(), unseen.end());
}

// How far behind the groups are, a few at a time. A coordinator that was silent once is not waited for again for each
// of its other groups, nor a leader for each group that reads from it.
class GroupsLook {
 public:
  GroupsLook(Cluster& cluster, Admin& admin, ClusterView& view) : cluster_(cluster), admin_(admin), view_(view) {
    for (const TopicDescription& topic : view.topics) {
      for (const PartitionDescription& p : topic.partitions) {
        if (p.leader.node >= 0) led_.insert({topic.name, p.partition});
      }
    }
  }

  Task<void> run() {
    auto listed = co_await admin_.list_groups();
    if (!listed) {
      view_.unseen.push_back({"the groups", text_of(listed.error()), "holdfast group list"});
      co_return;
    }
    for (const auto& [broker, failure] : listed->failures)
      view_.unseen.push_back({fmt::format("the groups of broker {}", broker), text_of(failure), "holdfast group list"});
    groups_ = std::move(listed->groups);
    Gate asking;
    for (std::size_t i = 0; i < std::min(at_once, groups_.size()); ++i)
      cluster_.shard().spawn(asking, look_at_the_next());
    co_await cluster_.shard().drained(asking);
    for (const auto& [why, missed] : missed_) {
      const std::string more = missed.size() > 1 ? fmt::format(" and {} more", missed.size() - 1) : std::string();
      view_.unseen.push_back({fmt::format("the offsets of group {}{}", missed.front(), more), why,
                              "holdfast group describe " + missed.front()});
    }
    std::sort(view_.groups.begin(), view_.groups.end(),
              [](const GroupLag& a, const GroupLag& b) { return a.lag != b.lag ? a.lag > b.lag : a.group < b.group; });
  }

 private:
  static constexpr std::size_t at_once = 8;
  static constexpr const char* ends_untold = "not every partition has told its end";

  Task<void> look_at_the_next() {
    while (next_ < groups_.size()) {
      const GroupListing& group = groups_[next_++];
      co_await look_at(group);
    }
  }

  Task<void> look_at(const GroupListing& group) {
    auto coordinator = co_await cluster_.coordinator(CoordinatorKind::group, group.id);
    if (!coordinator) co_return missed(group.id, text_of(coordinator.error()));
    if (const auto silent = silent_.find(*coordinator); silent != silent_.end())
      co_return missed(group.id, silent->second);
    if (leader_is_silent_) co_return missed(group.id, ends_untold);
    const SteadyTime asked = cluster_.shard().clock().now();
    const auto positions = co_await group_positions(admin_, group.id);
    if (!positions) {
      const std::string why = text_of(positions.error());
      if (Session::exit_of(positions.error().code) == Exit::unreachable) silent_.emplace(*coordinator, why);
      // It went between the two questions.
      if (positions.error().code == wire::ErrorCode::group_id_not_found) co_return;
      co_return missed(group.id, why);
    }
    GroupLag lag{group.id, group.state, 0};
    bool known = true;
    for (const auto& [partition, position] : *positions) {
      // A topic that was deleted has no end, and a partition that nobody leads is a problem of its own.
      known = known && (position.lag() >= 0 || !led_.contains(partition));
      lag.lag += std::max<std::int64_t>(0, position.lag());
    }
    if (!known) {
      missed(group.id, ends_untold);
      leader_is_silent_ |= cluster_.shard().clock().now() - asked >= cluster_.options().request_timeout;
    }
    view_.groups.push_back(std::move(lag));
  }

  void missed(const std::string& group, const std::string& why) { missed_[why].push_back(group); }

  Cluster& cluster_;
  Admin& admin_;
  ClusterView& view_;
  std::set<TopicPartition> led_;
  std::vector<GroupListing> groups_;
  std::size_t next_ = 0;
  bool leader_is_silent_ = false;
  std::map<std::int32_t, std::string> silent_;              // coordinators, and what became of the question
  std::map<std::string, std::vector<std::string>> missed_;  // groups, by why they were not looked at
};

}  // namespace

Task<Outcome<ClusterView>> look_at_brokers(Cluster& cluster, Admin& admin) {
  ClusterView view;
  auto described = co_await admin.describe_cluster();
  if (!described) co_return failed(described);
  view.cluster = std::move(*described);
  auto topics = co_await admin.describe_all_topics();
  if (!topics) co_return failed(topics);
  view.topics = std::move(*topics);
  look_at_partitions(view);
  // A broker that is silent is silent to both questions: it is waited for once.
  GroupsLook groups(cluster, admin, view);
  Gate looking;
  cluster.shard().spawn(looking, look_at_directories(admin, view));
  cluster.shard().spawn(looking, groups.run());
  co_await cluster.shard().drained(looking);
  co_return view;
}

Task<Outcome<ClusterView>> look_at_cluster(Session& session) {
  std::vector<QuorumServer> quorum;
  Gate looking;
  session.shard().spawn(looking, look_at_quorum(session, quorum));
  auto view = co_await look_at_brokers(session.cluster(), session.admin());
  co_await session.shard().drained(looking);
  if (view) view->quorum = std::move(quorum);
  co_return view;
}

}  // namespace holdfast::client
