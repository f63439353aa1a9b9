// holdfast group: who reads what, and how far behind.
#include "client/cli_group.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "client/admin.h"
#include "client/cli.h"
#include "client/cli_common.h"
#include "client/cli_families.h"

namespace holdfast::client {
namespace {

// Of all the kinds of groups that Kafka has.
const std::vector<std::string> group_states{"Stable",    "Empty",       "PreparingRebalance", "CompletingRebalance",
                                            "Assigning", "Reconciling", "NotReady",           "Dead",
                                            "Unknown"};

struct GroupListArguments {
  std::vector<std::string> patterns, states;
};

struct DescribeArguments {
  std::vector<std::string> groups;
  bool members = false;
};

Task<Exit> list(Session& session, const GroupListArguments& arguments) {
  auto listed = co_await session.admin().list_groups();
  if (!listed) co_return session.fail(listed.error(), "groups");
  Exit exit = Exit::ok;
  for (const auto& [broker, failure] : listed->failures)
    exit = session.fail(failure, fmt::format("broker {} has not told its groups", broker));
  std::vector<std::string> known;
  for (const GroupListing& group : listed->groups) known.push_back(group.id);
  // A broker that does not tell its groups may have the one that is missing.
  if (exit == Exit::ok) exit = all_there(session, "group", arguments.patterns, known);
  if (exit == Exit::not_found) co_return exit;
  Table table{{{"group"}, {"state"}, {"type"}, {"protocol", true}}, {}};
  for (const GroupListing& group : listed->groups) {
    const auto matching = [&group](const std::string& pattern) { return matches(pattern, group.id); };
    if (!arguments.patterns.empty() && std::none_of(arguments.patterns.begin(), arguments.patterns.end(), matching))
      continue;
    if (!arguments.states.empty() && std::ranges::find(arguments.states, group.state) == arguments.states.end())
      continue;
    table.rows.push_back({group.id, group.state, group.type, group.protocol_type});
  }
  std::string empty = "no groups; a consumer with a group makes one";
  if (!known.empty()) empty = fmt::format("no group is {}", fmt::join(arguments.states, " or "));
  if (exit != Exit::ok) empty = "no groups of the brokers that have told theirs";
  session.out().table(table, empty);
  co_return exit;
}

Task<Exit> describe_one(Session& session, const DescribeArguments& arguments, std::string name,
                        const GroupDescription& group, std::vector<Object>& objects) {
  std::map<TopicPartition, const GroupMemberDescription*> owners;
  std::vector<TopicPartition> owned;
  for (const GroupMemberDescription& member : group.members) {
    for (const TopicPartition& partition : member.assignment) {
      owners[partition] = &member;
      owned.push_back(partition);
    }
  }
  auto positions = co_await group_positions(session.admin(), name, std::move(owned));
  if (!positions) co_return session.fail(positions.error(), "group " + name);
  Table offsets{{{"topic"}, {"partition"}, {"offset"}, {"end"}, {"lag"}, {"client"}, {"host", true}, {"member", true}},
                {}};
  std::optional<std::int64_t> total;  // of what is known
  for (const auto& [partition, position] : *positions) {
    const auto owner = owners.find(partition);
    const GroupMemberDescription* member = owner == owners.end() ? nullptr : owner->second;
    const std::int64_t lag = position.lag();
    if (lag >= 0) total = total.value_or(0) + lag;
    const auto known = [](std::int64_t offset) { return offset < 0 ? Value() : Value(offset); };
    offsets.rows.push_back({partition.topic, partition.partition, known(position.committed), known(position.end),
                            lag > 0 ? Value(lag).in(Tone::warning) : known(lag),
                            member ? Value(member->client_id) : Value(), member ? Value(member->client_host) : Value(),
                            member ? Value(member->member_id) : Value()});
  }
  Object object{{"group", name}};
  object.push_back({"state", group.state});
  object.push_back({"coordinator", group.coordinator});
  object.push_back({"assignor", group.assignor.empty() ? Value() : Value(group.assignor)});
  object.push_back({"members", group.members.size()});
  object.push_back({"lag", total});
  object.push_back({"offsets", std::move(offsets)});
  if (arguments.members) {
    Table members{{{"client"}, {"host"}, {"instance"}, {"partitions"}, {"member"}}, {}};
    for (const GroupMemberDescription& member : group.members)
      members.rows.push_back(
          {member.client_id, member.client_host, member.group_instance_id, member.assignment.size(), member.member_id});
    object.push_back({"member_list", std::move(members)});
  }
  objects.push_back(std::move(object));
  co_return Exit::ok;
}

// Patterns resolved; a name without * and ? need not be looked up: its coordinator says whether it is there.
Task<std::expected<std::vector<std::string>, Exit>> existing_groups(Session& session, std::vector<std::string> names) {
  if (std::ranges::none_of(names, [](const std::string& name) { return is_pattern(name); })) co_return names;
  auto listed = co_await session.admin().list_groups();
  if (!listed) co_return std::unexpected(session.fail(listed.error(), "groups"));
  for (const auto& [broker, failure] : listed->failures)
    co_return std::unexpected(session.fail(failure, fmt::format("broker {} has not told its groups", broker)));
  std::vector<std::string> known;
  for (const GroupListing& group : listed->groups) known.push_back(group.id);
  std::set<std::string> found;
  for (const std::string& name : names) {
    bool any = false;
    for (const std::string& group : known) {
      if (!matches(name, group)) continue;
      found.insert(group);
      any = true;
    }
    if (!any) co_return std::unexpected(no_such(session, "group", name, known));
  }
  co_return std::vector<std::string>(found.begin(), found.end());
}

Task<Exit> describe(Session& session, const DescribeArguments& arguments) {
  auto names = co_await existing_groups(session, arguments.groups);
  if (!names) co_return names.error();
  const auto groups = co_await session.admin().describe_groups(*names);
  Exit exit = Exit::ok;
  std::vector<Object> objects;
  for (const auto& [name, group] : groups) {
    if (!group) {
      exit = session.fail(group.error(), "group " + name);
      continue;
    }
    const Exit described = co_await describe_one(session, arguments, name, *group, objects);
    if (described != Exit::ok) exit = described;
  }
  session.out().objects(objects);
  co_return exit;
}

Task<Exit> remove(Session& session, const std::vector<std::string>& names) {
  const auto groups = co_await session.admin().describe_groups(names);
  for (const auto& [name, group] : groups) {
    if (!group) co_return session.fail(group.error(), "group " + name);
    if (!group->members.empty())
      co_return session.fail(Exit::refused,
                             fmt::format("group {} has {}", name, counted(std::ssize(group->members), "member")),
                             "stop its consumers first; holdfast group describe --members shows them");
  }
  Report report(session);
  if (session.dry_run()) {
    for (const auto& [name, group] : groups)
      report.done(fmt::format("would delete group {}", name), "would delete", {{"group", name}});
    co_return report.finish();
  }
  const std::string word = groups.size() == 1 ? groups.begin()->first : counted(std::ssize(groups), "group");
  const bool confirmed = co_await session.confirm(
      fmt::format("this deletes {} with the offsets they have committed", counted(std::ssize(groups), "group")), word);
  if (!confirmed) co_return Exit::refused;
  const auto results = co_await session.admin().delete_groups(names);
  for (const auto& [name, result] : results) {
    if (!result) {
      report.failed(result.error(), "group " + name, {{"group", name}});
    } else {
      report.done(fmt::format("deleted group {}", name), "deleted", {{"group", name}});
    }
  }
  co_return report.finish();
}

}  // namespace

Task<Outcome<GroupPositions>> group_positions(Admin& admin, std::string group, std::vector<TopicPartition> also) {
  auto committed = co_await admin.list_group_offsets(group);
  if (!committed) co_return failed(committed);
  GroupPositions positions;
  std::map<TopicPartition, OffsetSpec> specs;
  for (const auto& [partition, offset] : *committed) {
    if (!offset) positions.try_emplace(partition);
    if (!offset || offset->offset < 0) continue;
    positions[partition].committed = offset->offset;
    specs.emplace(partition, OffsetSpec::latest());
  }
  for (const TopicPartition& partition : also) {
    positions.try_emplace(partition);
    specs.emplace(partition, OffsetSpec::latest());
  }
  const auto ends = co_await admin.list_offsets(std::move(specs));
  for (const auto& [partition, end] : ends) {
    if (end) positions[partition].end = end->offset;
  }
  co_return positions;
}

void add_group_verbs(Cli& cli) {
  cli.family("group", "consumer groups");
  auto listed = std::make_shared<GroupListArguments>();
  cli.verb("group list", "the groups there are")
      .optional_argument("GROUP", listed->patterns, "names or patterns with * and ?; none: all")
      .choices("--state", listed->states, group_states, "STATE",
               "only those in this state: Stable, Empty, ... (may be repeated)")
      .watchable()
      .runs_on_cluster([listed](Session& session) { return list(session, *listed); });
  auto described = std::make_shared<DescribeArguments>();
  Verb& describing = cli.verb("group describe", "offsets, lag and members");
  describing.argument("GROUP", described->groups, "names or patterns")
      .flag("--members", described->members, "the members, too")
      .example("holdfast group describe billing --watch")
      .watchable()
      .runs_on_cluster([described](Session& session) { return describe(session, *described); });
  refuse_empty(describing, "GROUP");
  add_group_reset_verb(cli);
  auto removed = std::make_shared<std::vector<std::string>>();
  Verb& deleting = cli.verb("group delete", "delete groups that have no members, and their offsets");
  deleting.argument("GROUP", *removed, "their names").knows_dry_run().runs_on_cluster([removed](Session& session) {
    return remove(session, *removed);
  });
  refuse_empty(deleting, "GROUP");
}

}  // namespace holdfast::client
