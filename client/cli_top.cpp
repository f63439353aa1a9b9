// holdfast top: what goes through the cluster now.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_cluster.h"
#include "client/cli_common.h"
#include "client/cli_families.h"

namespace holdfast::client {
namespace {

struct TopArguments {
  std::string every = "2s";
  std::int64_t rounds = 0;  // 0: until Ctrl-C
};

struct Sample {
  SteadyTime at{};
  std::map<std::string, std::int64_t> ends, bytes;  // by topic
  std::map<std::string, std::int64_t> positions;    // by group: what it has committed, summed
};

class Top {
 public:
  Top(Session& session, Duration every, std::int64_t rounds) : session_(session), every_(every), rounds_(rounds) {}

  Task<Exit> run() {
    const bool on_screen = session_.console().output_is_terminal() && session_.out().is_text();
    Sample before;
    for (std::int64_t round = 0; rounds_ == 0 || round <= rounds_; ++round) {
      auto view = co_await look_at_cluster(session_);
      if (!view) co_return session_.fail(view.error(), "top");
      auto now = co_await sample(*view);
      if (round > 0) {
        if (on_screen) session_.out().clear_screen();
        show(*view, before, now);
        if (!session_.out().flush()) co_return session_.output_failed();
      }
      before = std::move(now);
      if (rounds_ == 0 || round < rounds_) co_await session_.shard().sleep(every_);
    }
    co_return Exit::ok;
  }

 private:
  Task<Sample> sample(const ClusterView& view) {
    Sample out;
    Admin& admin = session_.admin();
    std::map<TopicPartition, OffsetSpec> specs;
    for (const TopicDescription& topic : view.topics) {
      for (const PartitionDescription& p : topic.partitions) {
        if (p.leader.node >= 0) specs.emplace(TopicPartition{topic.name, p.partition}, OffsetSpec::latest());
      }
    }
    const auto ends = co_await admin.list_offsets(std::move(specs));
    for (const auto& [partition, end] : ends) {
      if (end) out.ends[partition.topic] += end->offset;
    }
    std::vector<std::int32_t> brokers;
    for (const BrokerListing& broker : view.cluster.brokers) brokers.push_back(broker.id);
    const auto directories = co_await admin.describe_log_dirs(std::move(brokers));
    for (const auto& [broker, listed] : directories) {
      if (!listed) continue;
      for (const LogDirectory& directory : *listed) {
        for (const auto& [partition, replica] : directory.replicas) out.bytes[partition.topic] += replica.size_bytes;
      }
    }
    for (const GroupLag& group : view.groups) {
      const auto positions = co_await group_positions(admin, group.group);
      if (!positions) continue;
      for (const auto& [partition, position] : *positions)
        out.positions[group.group] += std::max<std::int64_t>(0, position.committed);
    }
    out.at = session_.clock().now();
    co_return out;
  }

  void show(const ClusterView& view, const Sample& before, const Sample& now) {
    const double seconds = std::max(1e-3, static_cast<double>((now.at - before.at).count()) / 1e9);
    const auto rate = [seconds](const std::map<std::string, std::int64_t>& then,
                                const std::map<std::string, std::int64_t>& current, const std::string& name) {
      const auto old = then.find(name), young = current.find(name);
      if (old == then.end() || young == current.end()) return std::int64_t{0};
      return static_cast<std::int64_t>(static_cast<double>(std::max<std::int64_t>(0, young->second - old->second)) /
                                       seconds);
    };
    Table topics{{{"topic"}, {"records_per_second"}, {"bytes_per_second"}, {"size"}}, {}};
    for (const TopicDescription& topic : view.topics) {
      const auto size = now.bytes.find(topic.name);
      topics.rows.push_back({topic.name, rate(before.ends, now.ends, topic.name),
                             bytes_value(static_cast<std::uint64_t>(rate(before.bytes, now.bytes, topic.name))),
                             bytes_value(static_cast<std::uint64_t>(
                                 size == now.bytes.end() ? 0 : std::max<std::int64_t>(0, size->second)))});
    }
    Table groups{{{"group"}, {"records_per_second"}, {"lag"}, {"state"}}, {}};
    for (const GroupLag& group : view.groups)
      groups.rows.push_back({group.group, rate(before.positions, now.positions, group.group), group.lag, group.state});
    Object object{{"brokers", view.cluster.brokers.size()}};
    object.push_back({"partitions", view.partitions});
    object.push_back({"leaderless", view.leaderless.size()});
    object.push_back({"under_replicated", view.under_replicated.size()});
    object.push_back({"topics", busiest(std::move(topics), now, before)});
    object.push_back({"groups", std::move(groups)});
    session_.out().record(object);
  }

  // The busiest first, as many as the screen has room for; all of them where there is none.
  Table busiest(Table table, const Sample& now, const Sample& before) {
    const auto grown = [&](const std::vector<Value>& row) {
      const std::string topic = row[0].text();
      const auto then = before.ends.find(topic), current = now.ends.find(topic);
      return then == before.ends.end() || current == now.ends.end() ? 0 : current->second - then->second;
    };
    std::sort(table.rows.begin(), table.rows.end(), [&](const auto& a, const auto& b) {
      const std::int64_t one = grown(a), other = grown(b);
      return one != other ? one > other : a[0].text() < b[0].text();
    });
    const auto size = session_.console().size();
    if (size && session_.out().is_text()) {
      const std::size_t room = size->rows > 24 ? static_cast<std::size_t>(size->rows) / 2 : 10;
      if (table.rows.size() > room) table.rows.resize(room);
    }
    return table;
  }

  Session& session_;
  const Duration every_;
  const std::int64_t rounds_;
};

Task<Exit> top(Session& session, const TopArguments& arguments) {
  const auto every = parse_duration(arguments.every);
  if (!every || *every <= Duration(0)) co_return session.usage("--every is a time such as 2s");
  Top view(session, *every, arguments.rounds);
  const Exit exit = co_await view.run();
  co_return exit;
}

}  // namespace

void add_top_verb(Cli& cli) {
  auto arguments = std::make_shared<TopArguments>();
  cli.verb("top", "what goes through the cluster now: records and bytes by topic, groups and their lag")
      .option("--every", arguments->every, "how often to look (default 2s)", "DURATION")
      .option("-n,--count", arguments->rounds, "so many times; default: until Ctrl-C", "N")
      .at_least(1)
      .runs_on_cluster([arguments](Session& session) { return top(session, *arguments); });
}

}  // namespace holdfast::client
