#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "client/admin.h"
#include "client/cli_cluster.h"
#include "client/zookeeper_types.h"

namespace holdfast::client {
namespace {

constexpr std::size_t answer_bytes_max = 64 << 10;

Task<void> look_at_quorum(Session& session, ClusterView& view) {
  // Somebody else's brokers, and nobody has said where their ZooKeeper is, if they have one: this machine's is not it.
  const auto is_default = [](const Target& target) { return target.source == default_source; };
  if (is_default(session.zookeeper()) && !is_default(session.kafka())) co_return;
  auto servers = parse_connect_string(session.zookeeper().address);
  if (!servers) {
    view.quorum.push_back({{session.zookeeper().address, 0}, {}, servers.error().message});
    co_return;
  }
  for (const Endpoint& at : servers->servers) {
    QuorumServer server{at, {}, {}};
    auto answer = co_await four_letter_word(session, at, "srvr");
    if (!answer) {
      server.error = answer.error().message;
    } else if (const std::size_t mode = answer->find("Mode: "); mode != std::string::npos) {
      server.mode = answer->substr(mode + 6, answer->find('\n', mode) - mode - 6);
    } else {
      server.error = "it has no quorum";
    }
    view.quorum.push_back(std::move(server));
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

Task<void> look_at_directories(Admin& admin, ClusterView& view) {
  std::vector<std::int32_t> ids;
  for (const BrokerListing& broker : view.cluster.brokers) ids.push_back(broker.id);
  const auto listed = co_await admin.describe_log_dirs(std::move(ids));
  for (const auto& [broker, directories] : listed) {
    if (!directories) continue;
    for (const LogDirectory& directory : *directories)
      view.directories.push_back(
          {broker, directory.path,
           directory.error == wire::ErrorCode::none ? std::string() : std::string(wire::error_name(directory.error)),
           directory.usable_bytes, directory.total_bytes});
  }
}

Task<void> look_at_groups(Admin& admin, ClusterView& view) {
  auto groups = co_await admin.list_groups();
  if (!groups) co_return;
  for (const GroupListing& group : groups->groups) {
    GroupLag lag{group.id, group.state, 0};
    const auto positions = co_await group_positions(admin, group.id);
    if (!positions) continue;
    for (const auto& [partition, position] : *positions) lag.lag += std::max<std::int64_t>(0, position.lag());
    view.groups.push_back(std::move(lag));
  }
  std::sort(view.groups.begin(), view.groups.end(),
            [](const GroupLag& a, const GroupLag& b) { return a.lag != b.lag ? a.lag > b.lag : a.group < b.group; });
}

}  // namespace

Task<Result<std::string>> four_letter_word(Session& session, Endpoint server, std::string word) {
  auto stream = co_await session.network().connect(session.shard(), server);
  if (!stream) co_return fail(stream);
  Stream& connection = **stream;
  Timer limit;
  session.shard().arm(limit, session.timeout(), [&connection] { connection.close(); });
  connection.send(BufferChain(Bytes::copy(word)));
  std::string answer;
  while (answer.size() < answer_bytes_max) {
    std::array<std::uint8_t, 4096> buffer;
    const std::span<std::uint8_t> into(buffer);
    auto got = co_await connection.read_some(into);
    if (!got && answer.empty()) co_return fail(got);
    if (!got || *got == 0) break;
    answer.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
  co_return answer;
}

Task<Outcome<ClusterView>> look_at_cluster(Session& session) {
  Admin& admin = session.admin();
  ClusterView view;
  auto cluster = co_await admin.describe_cluster();
  if (!cluster) co_return failed(cluster);
  view.cluster = std::move(*cluster);
  auto topics = co_await admin.describe_all_topics();
  if (!topics) co_return failed(topics);
  view.topics = std::move(*topics);
  look_at_partitions(view);
  co_await look_at_directories(admin, view);
  co_await look_at_groups(admin, view);
  co_await look_at_quorum(session, view);
  co_return view;
}

}  // namespace holdfast::client
