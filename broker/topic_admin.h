// TopicAdmin: the administrator's hand: what the planner decided becomes one conditional multi, and the answer waits
// until the logs of this broker are open. Every broker has one: the write is guarded by the version of
// /controller_epoch as the broker's own replica shows it, and of the znodes it changes; when another was faster it is
// planned again. Lives on shard 0, with the ensemble; handlers elsewhere come by hop().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>

#include "broker/broker_shard.h"
#include "broker/controller.h"
#include "broker/topic_planner.h"
#include "coordination/ensemble.h"

namespace holdfast {

struct CreatedTopic {
  AdminAnswer answer;
  Uuid id{};
  std::int32_t partitions = -1;
  std::int16_t replication_factor = -1;
};

class TopicAdmin {
 public:
  TopicAdmin(BrokerShard& broker, Ensemble& ensemble, Random& random);

  // The broker's session, on which everything is written; 0: none, and nothing can be.
  void set_session(SessionId session) { session_ = session; }

  Task<CreatedTopic> create(NewTopic topic, bool validate_only);
  Task<AdminAnswer> remove(std::string name, std::optional<Uuid> id);  // with an id: that topic, and no namesake
  Task<AdminAnswer> grow(std::string name, std::int32_t count,
                         std::optional<std::vector<std::vector<std::int32_t>>> assignments, bool validate_only);
  // The overrides of a topic, or of a broker (entity "1", or "<default>"). The change is made to those that are
  // written; it is made again when somebody else was faster, so that of two changes none is lost.
  using ConfigChange = Function<AdminAnswer(znodes::Configs&)>;
  Task<AdminAnswer> change_topic_configs(std::string name, ConfigChange change);
  Task<AdminAnswer> change_broker_configs(std::string entity, ConfigChange change);
  // Of partitions; the answers are in the order of what was wanted.
  Task<std::vector<AdminAnswer>> elect(ElectionType type, std::vector<PartitionName> wanted);
  Task<std::vector<AdminAnswer>> reassign(std::vector<Reassignment> wanted, bool allow_replication_factor_change);
  // Producer ids: unique for ever; a block is persisted before one of it is used.
  Task<Result<std::int64_t>> next_producer_id();
  // On that shard: until the topic's logs there are open.
  static Task<bool> open_on(BrokerShard* shard, TopicPtr topic);

  // Makes sure that an internal topic exists, creating it once however many ask.
  void ensure_internal(std::string_view name);
  // Starts creating a topic that a client asked metadata of; not waited for.
  void auto_create(std::string name);

 private:
  Task<void> create_in_background(NewTopic topic);
  struct Committed {
    AdminAnswer answer;
    bool conflict = false;  // the image is another by now: to be planned again
  };
  std::vector<Ensemble::Op> guarded() const;
  Task<Committed> commit(std::vector<Ensemble::Op> ops);
  Task<CreatedTopic> try_create(const NewTopic& topic, bool validate_only, bool& conflict);
  Task<Committed> try_remove(const std::string& name, std::optional<Uuid> id);
  Task<Committed> try_grow(const std::string& name, std::int32_t count,
                           const std::optional<std::vector<std::vector<std::int32_t>>>& assignments,
                           bool validate_only);
  Task<Committed> try_change_configs(std::string_view type, const std::string& entity, ConfigChange& change);
  template <class Wanted, class Plan>
  Task<std::vector<AdminAnswer>> carry_out(std::vector<Wanted> wanted, Plan plan);
  std::int16_t bounded_replication(std::string_view setting) const;
  Task<AdminAnswer> change_configs(std::string_view type, std::string entity, ConfigChange change);
  void add_partition_ops(std::vector<Ensemble::Op>& ops, std::string_view topic, std::int32_t first,
                         const std::vector<std::vector<std::int32_t>>& replicas);
  Task<void> open_everywhere(std::string name);
  Task<Result<void>> take_producer_ids();

  BrokerShard& broker_;
  Ensemble& ensemble_;
  Random& random_;
  const TopicRules rules_;
  SessionId session_{0};
  std::int64_t next_producer_id_ = 0, producer_ids_end_ = 0;
  bool fetching_producer_ids_ = false;
  std::vector<Function<void()>> producer_id_waiters_;
  std::unordered_set<std::string> creating_;
};

}  // namespace holdfast
