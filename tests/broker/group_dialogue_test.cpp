// Runs tests/dialogue/group_*.txt: conversations with the coordinator of the classic group "g" (how they are read:
// tests/dialogue/dialogue.h). A client N remembers what it was told (its id and generation), unless the command says
// otherwise. Ids are as Kafka makes them, the client's name and a uuid, which here is a number: a-1, a-2.
//
//   > N join [session=MS] [rebalance=MS] [topics=T+T] [assignors=A+A] [type=T] [ask] [skips]
//            ask: a client that is to be given its id first (KIP-394); skips: knows SkipAssignment (KIP-814)
//   > N sync [N=ASSIGNMENT]...           > N heartbeat           > N restarts           > N leave [instance=ID]...
//   > N commit TOPIC-P=OFFSET... [metadata=TEXT | metadata_bytes=N] [v9]
//            all of these: [member=ID] [instance=ID] [generation=G] [group=ID]
//   > offsets | describe | delete | delete_offsets TOPIC-P... | topic_deleted TOPIC | expire
//   > time +MS | hold | release | fail | reload | unload
//   > options [members_max=N] [retention=MS]
// Between hold and release, or fail, nothing that is written gets committed. "->" is what became of the group.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "broker/group_machine.h"
#include "broker/group_records.h"
#include "tests/dialogue/dialogue.h"
#include "wire/writer.h"

namespace holdfast {
namespace {

using dialogue::split;
using dialogue::TopicAndPartition;
using dialogue::Words;
using wire::ErrorCode;

constexpr std::size_t uuid_chars = 36, number_chars = 12;

// Uuids that count.
class CountingRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override {
    std::ranges::fill(bytes, std::uint8_t{0});
    bytes.back() = ++last_;
  }

 private:
  std::uint8_t last_ = 0;
};

// "a-00000000-0000-4000-8000-000000000001" -> "a-1"
std::string short_id(const std::string& id) {
  if (id.size() <= uuid_chars) return id.empty() ? "nobody" : id;
  const std::string number = id.substr(id.size() - number_chars);
  return id.substr(0, id.size() - uuid_chars) + std::to_string(std::stoi(number, nullptr, 16));
}

OpaqueBytes subscription(const std::vector<std::string>& topics) {
  wire::Writer out;
  out.i16(0);
  out.i32(static_cast<std::int32_t>(topics.size()));
  for (const std::string& topic : topics) {
    out.i16(static_cast<std::int16_t>(topic.size()));
    out.raw(as_bytes(topic));
  }
  out.i32(-1);  // user data: none
  return out.flatten();
}

std::string topics_in(const OpaqueBytes& metadata) {
  return fmt::format("{}", fmt::join(consumer_subscription_topics(metadata).value_or(std::vector<std::string>{}), "+"));
}

std::string text_of(const OpaqueBytes& assignment) {
  return assignment.empty() ? "nothing" : std::string(assignment.begin(), assignment.end());
}

struct Client {
  std::string id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;
};

class Groups {
 public:
  std::string say(const std::string& line) {
    out_.clear();
    Words words(line);
    const std::string first = words.next();
    const std::string before = state();
    if (first == "options") {
      options(words);
    } else if (first == "time") {
      pass(std::stoll(words.next()));
    } else if (first == "hold") {
      held_ = true;
    } else if (first == "release" || first == "fail") {
      held_ = false;
      commit_all(first == "release" ? ErrorCode::none : ErrorCode::coordinator_not_available);
    } else if (first == "reload") {
      reload();
    } else if (first == "unload") {
      take(machine_->unload());
    } else if (first == "offsets") {
      offsets();
    } else if (first == "describe") {
      describe();
    } else if (first == "expire") {
      take(machine_->expire(now_));
    } else if (first == "topic_deleted") {
      take(machine_->topics_deleted({words.next()}));
    } else if (first == "delete") {
      GroupOutcome outcome;
      error(machine_->remove("g", outcome));
      take(std::move(outcome));
    } else if (first == "delete_offsets") {
      delete_offsets(words);
    } else {
      request(first, words);
    }
    if (const std::string after = state(); after != before && first != "reload") out_ += "-> " + after + "\n";
    return out_;
  }

 private:
  void options(Words& words) {
    GroupOptions options;
    options.members_max = static_cast<std::size_t>(words.number("members_max", INT32_MAX));
    options.offsets_retention_ms = words.number("retention", options.offsets_retention_ms);
    options_ = options;
    machine_ = std::make_unique<GroupMachine>(options_, random_);
  }

  std::string state() const {
    const Group* group = machine_->find("g");
    if (!group) return "no group";
    return fmt::format("{}, generation {}", to_string(group->state), group->generation);
  }

  void request(const std::string& name, Words& words) {
    const std::string verb = words.next();
    Client& client = clients_[name];
    if (const auto member = words.value("member")) client.id = long_id(*member);
    if (const auto instance = verb == "leave" ? std::nullopt : words.value("instance")) client.instance_id = *instance;
    const auto generation = static_cast<std::int32_t>(words.number("generation", client.generation));
    const std::string group = words.value("group").value_or("g");
    if (verb == "join") {
      join(name, client, group, words);
    } else if (verb == "sync") {
      sync(name, client, group, generation, words);
    } else if (verb == "heartbeat") {
      error(machine_->heartbeat({group, client.id, client.instance_id, generation}, now_));
    } else if (verb == "leave") {
      leave(client, group, words);
    } else if (verb == "commit") {
      commit({group, client.id, client.instance_id, generation}, words);
    } else if (verb == "restarts") {
      client = {};
    } else {
      ADD_FAILURE() << "no such command: " << name << " " << verb;
    }
  }

  void join(const std::string& name, Client& client, const std::string& group, Words& words) {
    JoinCall call;
    call.group = group;
    call.member_id = client.id;
    call.client_id = name;
    call.client_host = "/127.0.0.1";
    call.protocol_type = words.value("type").value_or("consumer");
    call.session_timeout_ms = static_cast<std::int32_t>(words.number("session", 10'000));
    call.rebalance_timeout_ms = static_cast<std::int32_t>(words.number("rebalance", 60'000));
    call.instance_id = client.instance_id;
    const OpaqueBytes metadata = subscription(split(words.value("topics").value_or("orders"), '+'));
    for (const std::string& assignor : split(words.value("assignors").value_or("range"), '+'))
      call.protocols.emplace_back(assignor, metadata);
    call.member_id_required = words.flag("ask");
    call.skips_assignment = words.flag("skips");
    const ReplyToken token = begin(name);
    take(machine_->join(call, token, now_));
    waits(token);
  }

  void sync(const std::string& name, const Client& client, const std::string& group, std::int32_t generation,
            Words& words) {
    SyncCall call;
    call.group = group;
    call.member_id = client.id;
    call.instance_id = client.instance_id;
    call.generation = generation;
    call.protocol_type = words.value("type");
    while (!words.empty()) {
      const std::vector<std::string> given = split(words.next(), '=');
      call.assignments.emplace_back(clients_[given.at(0)].id, OpaqueBytes(given.at(1).begin(), given.at(1).end()));
    }
    const ReplyToken token = begin(name);
    take(machine_->sync(call, token, now_));
    waits(token);
  }

  void leave(const Client& client, const std::string& group, Words& words) {
    std::vector<LeavingMember> leaving;
    while (const auto instance = words.value("instance")) leaving.push_back({client.id, *instance});
    if (leaving.empty()) leaving.push_back({client.id, client.instance_id});
    std::vector<ErrorCode> results;
    GroupOutcome outcome = machine_->leave(group, leaving, results, now_);
    for (const ErrorCode result : results) error(result);
    take(std::move(outcome));
  }

  void commit(const MemberCall& call, Words& words) {
    const bool epochs = words.flag("v9");
    std::string metadata = words.value("metadata").value_or("");
    if (const auto bytes = words.number("metadata_bytes", 0)) metadata.assign(static_cast<std::size_t>(bytes), 'm');
    std::vector<OffsetToCommit> offsets;
    std::vector<std::string> names;
    while (!words.empty()) {
      const std::vector<std::string> given = split(words.next(), '=');
      const TopicAndPartition at(names.emplace_back(given.at(0)));
      offsets.push_back({at.topic, at.partition, {.offset = std::stoll(given.at(1)), .metadata = metadata}});
    }
    std::vector<ErrorCode> results;
    GroupOutcome outcome;
    if (const ErrorCode all = machine_->commit(call, epochs, offsets, results, outcome, now_); all != ErrorCode::none)
      return error(all);
    std::string said;
    for (std::size_t i = 0; i < results.size(); ++i)
      said += fmt::format("{} {}\n", names[i], wire::error_name(results[i]));
    if (outcome.records.empty()) {
      out_ += said;
    } else {
      outcome.committed = [this, said](ErrorCode result, GroupTime) {
        result == ErrorCode::none ? void(out_ += said) : error(result);
        return GroupOutcome{};
      };
    }
    take(std::move(outcome));
  }

  void delete_offsets(Words& words) {
    std::vector<std::pair<std::string, std::int32_t>> which;
    while (!words.empty()) {
      const TopicAndPartition at(words.next());
      which.emplace_back(at.topic, at.partition);
    }
    std::vector<ErrorCode> results;
    GroupOutcome outcome;
    const ErrorCode all = machine_->remove_offsets("g", which, results, outcome);
    if (all != ErrorCode::none) return error(all);
    for (std::size_t i = 0; i < results.size(); ++i)
      out_ += fmt::format("{}-{} ", which[i].first, which[i].second), error(results[i]);
    take(std::move(outcome));
  }

  void offsets() {
    const Group* group = machine_->find("g");
    if (!group || group->offsets.empty()) out_ += "none\n";
    if (!group) return;
    for (const auto& [topic, partitions] : group->offsets)
      for (const auto& [partition, o] : partitions)
        out_ += fmt::format("{}-{} {}{}\n", topic, partition, o.offset,
                            o.metadata.empty() ? "" : fmt::format(" \"{}\"", o.metadata));
  }

  void describe() {
    const GroupDescription group = machine_->describe("g");
    if (group.error != ErrorCode::none) return error(group.error);
    out_ += group.state;
    if (!group.protocol_type.empty()) out_ += ", " + group.protocol_type;
    if (!group.protocol.empty()) out_ += ", " + group.protocol;
    out_ += "\n";
    for (const GroupDescription::Member& m : group.members)
      out_ += fmt::format("{}{} {} has {}\n", short_id(m.id), m.instance_id ? " (" + *m.instance_id + ")" : "",
                          m.client_host, text_of(m.assignment));
  }

  void pass(std::int64_t ms) {
    const GroupTime end{now_.steady_ms + ms, now_.wall_ms + ms};
    // At every deadline on the way, as the shell's timer does.
    for (auto next = machine_->next_deadline(); next && *next <= end.steady_ms; next = machine_->next_deadline()) {
      now_ = {std::max(*next, now_.steady_ms), end.wall_ms - (end.steady_ms - std::max(*next, now_.steady_ms))};
      take(machine_->tick(now_));
    }
    now_ = end;
  }

  void reload() {
    tokens_.clear();
    writing_.clear();
    machine_ = std::make_unique<GroupMachine>(options_, random_);
    for (const GroupRecord& record : log_) machine_->apply(record, false);
    take(machine_->loaded(now_));
    out_ += state() + "\n";
  }

  // ---- What comes back ----

  ReplyToken begin(const std::string& client) {
    tokens_[++last_token_] = client;
    return last_token_;
  }
  void waits(ReplyToken token) {
    if (tokens_.contains(token)) out_ += tokens_[token] + " waits\n";
  }

  void take(GroupOutcome outcome) {
    for (auto& [token, reply] : outcome.replies) {
      const auto waiting = tokens_.extract(token);
      if (!waiting.empty()) answer(waiting.mapped(), reply);
    }
    if (outcome.records.empty()) return;
    writing_.push_back(std::move(outcome));
    if (!held_) commit_all(ErrorCode::none);
  }

  void commit_all(ErrorCode result) {
    while (!writing_.empty()) {
      GroupOutcome written = std::move(writing_.front());
      writing_.pop_front();
      for (const GroupRecord& record : written.records) {
        if (result != ErrorCode::none) continue;
        note_forgotten(record);
        machine_->apply(record, true);
        log_.push_back(record);
      }
      if (written.committed) take(written.committed(result, now_));
    }
  }

  void note_forgotten(const GroupRecord& record) {
    if (record.value) return;
    const auto read = read_group_record(record.key, std::nullopt);
    ASSERT_TRUE(read);
    if (const auto* offset = std::get_if<OffsetEntry>(&*read))
      out_ += fmt::format("forgets {}-{}\n", offset->topic, offset->partition);
  }

  void answer(const std::string& name, const GroupReply& reply) {
    Client& client = clients_[name];
    if (const auto* synced = std::get_if<SyncReply>(&reply)) {
      out_ += name + " synced: ";
      if (synced->error != ErrorCode::none) return error(synced->error);
      out_ += text_of(synced->assignment) + "\n";
      return;
    }
    const auto& joined = std::get<JoinReply>(reply);
    if (!joined.member_id.empty()) client.id = joined.member_id, long_ids_[short_id(client.id)] = client.id;
    out_ += name + " joined: ";
    if (joined.error != ErrorCode::none) {
      out_ += std::string(wire::error_name(joined.error));
      if (joined.error == ErrorCode::member_id_required) out_ += " " + short_id(joined.member_id);
      out_ += "\n";
      return;
    }
    client.generation = joined.generation;
    out_ += fmt::format("generation {}, {}, {} {}", joined.generation, joined.protocol.value_or("no protocol"),
                        short_id(joined.member_id),
                        joined.leader == joined.member_id ? "leads" : "follows " + short_id(joined.leader));
    for (const JoinReply::Member& m : joined.members)
      out_ += fmt::format(" {}({})", short_id(m.id), topics_in(m.metadata));
    out_ += joined.skip_assignment ? ", keep the assignment\n" : "\n";
  }

  void error(ErrorCode code) { out_ += fmt::format("{}\n", wire::error_name(code)); }

  std::string long_id(const std::string& id) const {
    const auto known = long_ids_.find(id);
    return known == long_ids_.end() ? id : known->second;
  }

  GroupOptions options_;
  CountingRandom random_;
  std::unique_ptr<GroupMachine> machine_ = std::make_unique<GroupMachine>(options_, random_);
  GroupTime now_{1'000'000, 1'700'000'000'000};
  std::map<std::string, Client> clients_;
  std::map<std::string, std::string> long_ids_;
  std::map<ReplyToken, std::string> tokens_;  // who waits for it
  ReplyToken last_token_ = 0;
  std::deque<GroupOutcome> writing_;
  bool held_ = false;
  std::vector<GroupRecord> log_;
  std::string out_;
};

class GroupDialogue : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Files, GroupDialogue, testing::ValuesIn(dialogue::files("group_")), dialogue::name_of);

TEST_P(GroupDialogue, AnswersAsWritten) {
  Groups groups;
  dialogue::run(GetParam(), [&](const std::string& line) { return groups.say(line); });
}

}  // namespace
}  // namespace holdfast
