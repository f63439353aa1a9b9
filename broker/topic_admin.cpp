#include "broker/topic_admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "broker/controller_writes.h"
#include "broker/hop.h"
#include "broker/topic_planner.h"
#include "runtime/log_line.h"

namespace holdfast {

using wire::ErrorCode;

namespace {

constexpr int attempts_max = 5;  // at a write that others are faster at
// Of many changes to one set of overrides at once each round lets one through; they are small.
constexpr int config_attempts_max = 100;

AdminAnswer refused_with(ErrorCode error, std::string message) { return {error, std::move(message)}; }

const PartitionName& name_of(const PartitionName& wanted) { return wanted; }
const PartitionName& name_of(const Reassignment& wanted) { return wanted.partition; }

}  // namespace

TopicAdmin::TopicAdmin(BrokerShard& broker, Ensemble& ensemble, Random& random)
    : broker_(broker),
      ensemble_(ensemble),
      random_(random),
      rules_([this](const TopicImage& topic) { return TopicRule::from(broker_.settings_of(topic)); }) {}

// The beginning of every write; empty when there has never been a controller.
std::vector<Ensemble::Op> TopicAdmin::guarded() const {
  std::vector<Ensemble::Op> ops;
  if (const auto epoch = ControllerEpoch::read(ensemble_.tree())) ops.push_back(epoch->guard());
  return ops;
}

// A conflict means that what was planned for is no longer so; planning again tells the true reason.
Task<TopicAdmin::Committed> TopicAdmin::commit(std::vector<Ensemble::Op> ops) {
  if (session_ == SessionId(0) || ops.empty()) co_return Committed{refused_with(ErrorCode::broker_not_available, {})};
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  // It may still come to be: the client asks again.
  if (!done) co_return Committed{refused_with(ErrorCode::request_timed_out, std::move(done.error().message))};
  switch (done->error) {
    case zk::ZkError::ok:
      co_return Committed{};
    case zk::ZkError::bad_version:
    case zk::ZkError::not_empty:
      co_return Committed{refused_with(ErrorCode::request_timed_out, "The metadata changed again and again."), true};
    case zk::ZkError::node_exists:
      co_return Committed{refused_with(ErrorCode::topic_already_exists, {}), true};
    case zk::ZkError::no_node:
      co_return Committed{refused_with(ErrorCode::unknown_topic_or_partition, {}), true};
    case zk::ZkError::session_expired:
    case zk::ZkError::unknown_session:
      co_return Committed{refused_with(ErrorCode::broker_not_available, {})};
    default:
      co_return Committed{refused_with(ErrorCode::unknown_server_error, fmt::format("the metadata write failed with {}",
                                                                                    static_cast<int>(done->error)))};
  }
}

void TopicAdmin::add_partition_ops(std::vector<Ensemble::Op>& ops, std::string_view topic, std::int32_t first,
                                   const std::vector<std::vector<std::int32_t>>& replicas) {
  const auto& live = broker_.metadata().brokers();
  const auto epoch = ControllerEpoch::read(ensemble_.tree());
  std::vector<std::int32_t> members;
  for (const auto& ids : replicas) members.insert(members.end(), ids.begin(), ids.end());
  guard_brokers(ops, broker_.metadata(), std::move(members));
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const std::int32_t partition = first + static_cast<std::int32_t>(i);
    znodes::PartitionState state;
    state.controller_epoch = epoch ? epoch->epoch : 0;
    for (const std::int32_t id : replicas[i])
      if (live.contains(id)) state.isr.push_back(id);
    if (state.isr.empty()) {
      state.isr = replicas[i];
    } else {
      state.leader = state.isr.front();
    }
    ops.push_back(Ensemble::Create{znodes::partition_path(topic, partition), {}, true, Ensemble::Create::persistent});
    ops.push_back(Ensemble::Create{znodes::state_path(topic, partition), znodes::encode(state), false,
                                   Ensemble::Create::persistent});
  }
}

Task<CreatedTopic> TopicAdmin::create(NewTopic topic, bool validate_only) {
  CreatedTopic out;
  bool conflict = true;
  for (int attempt = 0; conflict && attempt < attempts_max; ++attempt) {
    conflict = false;
    auto tried = co_await try_create(topic, validate_only, conflict);
    out = std::move(tried);
  }
  if (out.answer.error == ErrorCode::none && !validate_only) co_await open_everywhere(topic.name);
  co_return out;
}

Task<CreatedTopic> TopicAdmin::try_create(const NewTopic& topic, bool validate_only, bool& conflict) {
  CreatedTopic out;
  const Metadata& metadata = broker_.metadata();
  TopicDefaults defaults;
  defaults.partitions = static_cast<std::int32_t>(broker_.config().integer("num.partitions"));
  defaults.replication_factor = static_cast<std::int16_t>(broker_.config().integer("default.replication.factor"));
  TopicPlan plan = plan_topic(metadata, topic, defaults, random_.next());
  if (plan.error == ErrorCode::none) {
    for (const auto& [name, value] : topic.configs) {
      auto valid = validate_topic_config(name, value);
      if (!valid) plan = {ErrorCode::invalid_config, valid.error().message, {}};
    }
    auto valid = validate_topic_configs(topic.configs);
    if (plan.error == ErrorCode::none && !valid) plan = {ErrorCode::invalid_config, valid.error().message, {}};
  }
  if (plan.error != ErrorCode::none) {
    out.answer = refused_with(plan.error, std::move(plan.message));
    co_return out;
  }
  out.partitions = static_cast<std::int32_t>(plan.replicas.size());
  out.replication_factor = static_cast<std::int16_t>(plan.replicas.front().size());
  out.id = random_.uuid();
  if (validate_only) co_return out;

  znodes::Topic node;
  node.id = out.id;
  for (std::size_t p = 0; p < plan.replicas.size(); ++p) node.replicas[static_cast<std::int32_t>(p)] = plan.replicas[p];
  std::vector<Ensemble::Op> ops = guarded();
  // Overrides may have been written before there was such a topic, by another program or in another ZooKeeper.
  std::string overrides = znodes::config_path("topics", topic.name);
  if (const zk::Znode* left = ensemble_.tree().find(overrides)) {
    const std::int32_t version = ensemble_.tree().stat(*left).version;
    ops.push_back(Ensemble::Set{std::move(overrides), znodes::encode_configs(topic.configs), version});
  } else {
    ops.push_back(Ensemble::Create{std::move(overrides), znodes::encode_configs(topic.configs), false,
                                   Ensemble::Create::persistent});
  }
  ops.push_back(
      Ensemble::Create{znodes::topic_path(topic.name), znodes::encode(node), false, Ensemble::Create::persistent});
  ops.push_back(Ensemble::Create{znodes::partitions_path(topic.name), {}, true, Ensemble::Create::persistent});
  add_partition_ops(ops, topic.name, 0, plan.replicas);
  auto written = co_await commit(std::move(ops));
  out.answer = std::move(written.answer);
  conflict = written.conflict;
  co_return out;
}

Task<void> TopicAdmin::open_everywhere(std::string name) {
  const TopicPtr topic = broker_.metadata().topic(name);
  if (!topic) co_return;
  for (const auto& peer : broker_.services().peers) {
    BrokerShard* shard = peer.get();
    if (shard == &broker_) {
      co_await shard->open_partitions(topic);
      continue;
    }
    auto work = [shard, topic]() { return open_on(shard, topic); };
    auto opened = co_await hop(shard->shard(), shard->gate(), std::move(work));
    (void)opened;
  }
}

Task<bool> TopicAdmin::open_on(BrokerShard* shard, TopicPtr topic) {
  co_await shard->open_partitions(std::move(topic));
  co_return true;
}

Task<AdminAnswer> TopicAdmin::remove(std::string name, std::optional<Uuid> id) {
  Committed done{{}, true};
  for (int attempt = 0; done.conflict && attempt < attempts_max; ++attempt) {
    auto tried = co_await try_remove(name, id);
    done = std::move(tried);
  }
  co_return std::move(done.answer);
}

Task<TopicAdmin::Committed> TopicAdmin::try_remove(const std::string& name, std::optional<Uuid> id) {
  const TopicPtr topic = broker_.metadata().topic(name);
  if (id && (!topic || topic->id != *id)) co_return Committed{refused_with(ErrorCode::unknown_topic_id, {})};
  if (!topic) co_return Committed{refused_with(ErrorCode::unknown_topic_or_partition, {})};
  std::vector<Ensemble::Op> ops = guarded();
  // A topic that was made anew under the name has the same versions.
  ops.push_back(Ensemble::CheckCzxid{znodes::topic_path(name), Zxid(topic->czxid)});
  for (std::size_t p = 0; p < topic->partitions.size(); ++p) {
    const auto partition = static_cast<std::int32_t>(p);
    ops.push_back(Ensemble::Delete{znodes::state_path(name, partition)});
    ops.push_back(Ensemble::Delete{znodes::partition_path(name, partition)});
  }
  ops.push_back(Ensemble::Delete{znodes::partitions_path(name)});
  ops.push_back(Ensemble::Delete{znodes::topic_path(name), topic->version});
  if (ensemble_.tree().find(znodes::config_path("topics", name)))
    ops.push_back(Ensemble::Delete{znodes::config_path("topics", name)});
  auto done = co_await commit(std::move(ops));
  co_return done;
}

Task<AdminAnswer> TopicAdmin::grow(std::string name, std::int32_t count,
                                   std::optional<std::vector<std::vector<std::int32_t>>> assignments,
                                   bool validate_only) {
  Committed done{{}, true};
  for (int attempt = 0; done.conflict && attempt < attempts_max; ++attempt) {
    auto tried = co_await try_grow(name, count, assignments, validate_only);
    done = std::move(tried);
  }
  if (done.answer.error == ErrorCode::none && !validate_only) co_await open_everywhere(name);
  co_return std::move(done.answer);
}

Task<TopicAdmin::Committed> TopicAdmin::try_grow(
    const std::string& name, std::int32_t count,
    const std::optional<std::vector<std::vector<std::int32_t>>>& assignments, bool validate_only) {
  const TopicPtr topic = broker_.metadata().topic(name);
  if (!topic) co_return Committed{refused_with(ErrorCode::unknown_topic_or_partition, {})};
  TopicPlan plan = plan_growth(broker_.metadata(), *topic, count, assignments, random_.next());
  if (plan.error != ErrorCode::none) co_return Committed{refused_with(plan.error, std::move(plan.message))};
  if (validate_only) co_return Committed{};
  znodes::Topic node = topic_znode(*topic);
  const auto first = static_cast<std::int32_t>(topic->partitions.size());
  for (std::size_t i = 0; i < plan.replicas.size(); ++i)
    node.replicas[first + static_cast<std::int32_t>(i)] = plan.replicas[i];
  std::vector<Ensemble::Op> ops = guarded();
  ops.push_back(Ensemble::CheckCzxid{znodes::topic_path(name), Zxid(topic->czxid)});
  ops.push_back(Ensemble::Set{znodes::topic_path(name), znodes::encode(node), topic->version});
  add_partition_ops(ops, name, first, plan.replicas);
  auto done = co_await commit(std::move(ops));
  co_return done;
}

Task<AdminAnswer> TopicAdmin::change_configs(std::string_view type, std::string entity, ConfigChange change) {
  Committed done{{}, true};
  for (int attempt = 0; done.conflict && attempt < config_attempts_max; ++attempt) {
    auto tried = co_await try_change_configs(type, entity, change);
    done = std::move(tried);
  }
  co_return std::move(done.answer);
}

// What is written now is read from the replica's tree, not from the image: the image keeps old overrides while it
// cannot read new ones, and does not know the version of a broker's.
Task<TopicAdmin::Committed> TopicAdmin::try_change_configs(std::string_view type, const std::string& entity,
                                                           ConfigChange& change) {
  const std::string path = znodes::config_path(type, entity);
  std::vector<Ensemble::Op> ops = guarded();
  if (type == "topics") {
    if (!broker_.metadata().topic(entity)) co_return Committed{refused_with(ErrorCode::unknown_topic_or_partition, {})};
    ops.push_back(Ensemble::Check{znodes::topic_path(entity)});
  }
  const zk::Znode* node = ensemble_.tree().find(path);
  znodes::Configs configs;
  if (node) {
    auto written = znodes::decode_configs(as_text(node->data.view()));
    if (!written)
      co_return Committed{refused_with(ErrorCode::unknown_server_error, std::move(written.error().message))};
    configs = std::move(*written);
  }
  if (AdminAnswer fault = change(configs); fault.error != ErrorCode::none) co_return Committed{std::move(fault)};
  const std::string text = znodes::encode_configs(configs);
  if (node) {
    ops.push_back(Ensemble::Set{path, text, ensemble_.tree().stat(*node).version});
  } else {
    ops.push_back(Ensemble::Create{path, text, false, Ensemble::Create::persistent});
  }
  ops.push_back(Ensemble::Create{std::string(znodes::config_change_prefix),
                                 znodes::encode_config_change(fmt::format("{}/{}", type, entity)), false,
                                 Ensemble::Create::persistent_sequential});
  // Old notifications go with new ones: every broker has seen them long ago.
  constexpr std::int64_t kept_ms = std::int64_t{15} * 60 * 1000;
  constexpr int purged_at_once = 100;
  if (const zk::Znode* changes = ensemble_.tree().find(znodes::config_changes)) {
    int purged = 0;
    for (const std::string_view name : zk::ChildNames(changes)) {
      const std::string old = fmt::format("{}/{}", znodes::config_changes, name);
      const zk::Znode* old_node = ensemble_.tree().find(old);
      if (!old_node || broker_.now_ms() - ensemble_.tree().stat(*old_node).ctime < kept_ms || ++purged > purged_at_once)
        continue;
      ops.push_back(Ensemble::Delete{old});
    }
  }
  auto done = co_await commit(std::move(ops));
  co_return done;
}

Task<AdminAnswer> TopicAdmin::change_topic_configs(std::string name, ConfigChange change) {
  auto done = co_await change_configs("topics", std::move(name), std::move(change));
  co_return done;
}

Task<AdminAnswer> TopicAdmin::change_broker_configs(std::string entity, ConfigChange change) {
  auto done = co_await change_configs("brokers", std::move(entity), std::move(change));
  co_return done;
}

// What is refused is answered; what is planned is written, in pieces; and what somebody else was faster at is planned
// again.
template <class Wanted, class Plan>
Task<std::vector<AdminAnswer>> TopicAdmin::carry_out(std::vector<Wanted> wanted, Plan plan) {
  std::vector<AdminAnswer> answers(wanted.size());
  std::vector<std::size_t> open(wanted.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  for (int attempt = 0; !open.empty() && attempt < attempts_max; ++attempt) {
    const auto epoch = ControllerEpoch::read(ensemble_.tree());
    if (!epoch) {
      for (const std::size_t i : open) answers[i] = refused_with(ErrorCode::broker_not_available, {});
      break;
    }
    std::vector<Wanted> asked;
    for (const std::size_t i : open) asked.push_back(wanted[i]);
    AnsweredPlan planned = plan(std::span<const Wanted>(asked));
    for (std::size_t i = 0; i < open.size(); ++i) answers[open[i]] = std::move(planned.answers[i]);
    std::erase_if(open, [&](std::size_t i) { return answers[i].error != ErrorCode::none; });
    std::map<PartitionName, AdminAnswer> failed;
    std::set<PartitionName> again;
    for (PlannedWrite& write : writes_of(std::move(planned.plan), *epoch, broker_.metadata())) {
      auto done = co_await commit(std::move(write.ops));
      if (done.answer.error == ErrorCode::none) {
        count_changes(broker_.metrics(), write.part);
        continue;
      }
      for (const TopicChange& topic : write.part)
        for (const PartitionChange& p : topic.partitions) {
          failed.insert_or_assign({topic.topic, p.partition}, done.answer);
          if (done.conflict) again.insert({topic.topic, p.partition});
        }
    }
    for (const std::size_t i : open)
      if (const auto it = failed.find(name_of(wanted[i])); it != failed.end()) answers[i] = it->second;
    std::erase_if(open, [&](std::size_t i) { return !again.contains(name_of(wanted[i])); });
  }
  co_return answers;
}

Task<std::vector<AdminAnswer>> TopicAdmin::elect(ElectionType type, std::vector<PartitionName> wanted) {
  auto plan = [this, type](std::span<const PartitionName> asked) {
    return plan_elections(broker_.metadata(), type, asked, rules_);
  };
  auto done = co_await carry_out(std::move(wanted), std::move(plan));
  co_return done;
}

Task<std::vector<AdminAnswer>> TopicAdmin::reassign(std::vector<Reassignment> wanted,
                                                    bool allow_replication_factor_change) {
  auto plan = [this, allow_replication_factor_change](std::span<const Reassignment> asked) {
    return plan_reassignments(broker_.metadata(), asked, allow_replication_factor_change, rules_);
  };
  auto done = co_await carry_out(std::move(wanted), std::move(plan));
  co_return done;
}

Task<Result<std::int64_t>> TopicAdmin::next_producer_id() {
  while (next_producer_id_ >= producer_ids_end_) {
    if (fetching_producer_ids_) {
      auto wait = [this](Function<void()> resume) { producer_id_waiters_.push_back(std::move(resume)); };
      co_await broker_.shard().until(std::move(wait));
      continue;
    }
    fetching_producer_ids_ = true;
    auto taken = co_await take_producer_ids();
    fetching_producer_ids_ = false;
    for (auto& waiter : std::exchange(producer_id_waiters_, {})) waiter();
    if (!taken) co_return fail(taken);
  }
  co_return next_producer_id_++;
}

// A block is on disk before one of it is given out, so that no id is ever given twice.
Task<Result<void>> TopicAdmin::take_producer_ids() {
  if (session_ == SessionId(0)) co_return fail(ErrorKind::io, "the broker has no session");
  const zk::Znode* node = ensemble_.tree().find(znodes::producer_id_block);
  if (!node) co_return fail(ErrorKind::not_found, "there is no producer id block");
  znodes::ProducerIdBlock block;
  block.broker = broker_.services().node_id;
  if (!node->data.empty()) {
    auto last = znodes::decode_producer_id_block(as_text(node->data.view()));
    if (!last) co_return fail(last);
    block.first = last->last + 1;
  }
  block.last = block.first + znodes::producer_id_block_size - 1;
  std::vector<Ensemble::Op> ops;
  ops.push_back(Ensemble::Set{std::string(znodes::producer_id_block), znodes::encode(block),
                              ensemble_.tree().stat(*node).version});
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  if (!done) co_return fail(done);
  // Another broker took the block: the loop that wants an id takes the next one.
  if (done->error == zk::ZkError::bad_version) co_return Result<void>();
  if (done->error != zk::ZkError::ok) co_return fail(ErrorKind::io, "the producer id block cannot be written");
  next_producer_id_ = block.first;
  producer_ids_end_ = block.last + 1;
  co_return Result<void>();
}

// No more replicas than the cluster can have brokers. Those that are not up yet count: a topic made while the cluster
// starts would have too few replicas for ever, so it is refused until there are enough.
std::int16_t TopicAdmin::bounded_replication(std::string_view setting) const {
  const std::size_t brokers =
      std::max({broker_.metadata().brokers().size(), ensemble_.options().servers.servers.size(), std::size_t{1}});
  return static_cast<std::int16_t>(
      std::min<std::int64_t>(broker_.config().integer(setting), static_cast<std::int64_t>(brokers)));
}

void TopicAdmin::ensure_internal(std::string_view name) {
  if (name != offsets_topic || broker_.metadata().topic(name)) return;
  NewTopic topic;
  topic.name = name;
  topic.partitions = static_cast<std::int32_t>(broker_.config().integer("offsets.topic.num.partitions"));
  topic.replication_factor = bounded_replication("offsets.topic.replication.factor");
  topic.configs = {{"cleanup.policy", "compact"},
                   {"compression.type", "producer"},
                   {"segment.bytes", std::to_string(broker_.config().integer("offsets.topic.segment.bytes"))}};
  if (creating_.insert(topic.name).second)
    broker_.shard().spawn(broker_.gate(), create_in_background(std::move(topic)));
}

void TopicAdmin::auto_create(std::string name) {
  if (is_internal_topic(name)) return ensure_internal(name);
  if (broker_.metadata().topic(name) || !creating_.insert(name).second) return;
  NewTopic topic;
  topic.name = std::move(name);
  topic.partitions = -1;
  topic.replication_factor = bounded_replication("default.replication.factor");
  broker_.shard().spawn(broker_.gate(), create_in_background(std::move(topic)));
}

Task<void> TopicAdmin::create_in_background(NewTopic topic) {
  const std::string name = topic.name;
  auto created = co_await create(std::move(topic), false);
  creating_.erase(name);
  const ErrorCode error = created.answer.error;
  if (error != ErrorCode::none && error != ErrorCode::topic_already_exists && broker_.may_log_refusal())
    log_line(LogLevel::warn, "broker", "topic {} cannot be created: {} {}", name, wire::error_name(error),
             created.answer.message);
}

}  // namespace holdfast
