// OffsetCommit (8), OffsetFetch (9), OffsetDelete (47). Committed offsets are answered from the group's machine;
// commits when their records are in the log. v8 of the fetch asks for several groups (KIP-709), v10 of both speaks
// topic ids.
#include <map>

#include "broker/handlers/group_call.h"
#include "broker/handlers/handlers.h"
#include "wire/kafka/group_admin.h"
#include "wire/kafka/groups.h"

namespace holdfast::handlers {
namespace {

using wire::ErrorCode;

struct Committed {
  ErrorCode error = ErrorCode::none;  // for all
  std::vector<ErrorCode> results;     // of each offset that was sent to the machine
};

}  // namespace

void offset_commit(RequestContext request) {
  wire::OffsetCommitRequest message;
  if (!request.read(message)) return;
  BrokerShard& broker = request.broker();
  const bool by_id = request.version() >= 10;
  MemberCall call{message.group_id, message.member_id, message.group_instance_id,
                  message.generation_id_or_member_epoch};
  wire::OffsetCommitResponse response;
  std::vector<OffsetToCommit> offsets;
  std::vector<std::pair<std::size_t, std::size_t>> places;  // of each in the response
  for (auto& topic : message.topics) {
    if (topic.partitions.empty()) continue;
    const TopicPtr image = by_id ? broker.metadata().topic(topic.topic_id) : broker.metadata().topic(topic.name);
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    out.topic_id = topic.topic_id;
    for (auto& p : topic.partitions) {
      auto& to = out.partitions.emplace_back();
      to.partition_index = p.partition_index;
      if (!image || p.partition_index < 0 || static_cast<std::size_t>(p.partition_index) >= image->partitions.size()) {
        to.error_code = code(!image && by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition);
        continue;
      }
      OffsetToCommit o;
      o.topic = image->name;
      o.partition = p.partition_index;
      o.offset.offset = p.committed_offset;
      o.offset.leader_epoch = p.committed_leader_epoch;
      o.offset.metadata = p.committed_metadata.value_or("");
      if (message.retention_time_ms >= 0) o.offset.expire_ms = broker.now_ms() + message.retention_time_ms;
      offsets.push_back(std::move(o));
      places.emplace_back(response.topics.size() - 1, out.partitions.size() - 1);
    }
  }
  const std::string group = call.group;
  auto respond = [response = std::move(response), places](RequestContext& context, Committed done) mutable {
    for (std::size_t i = 0; i < places.size(); ++i) {
      auto& to = response.topics[places[i].first].partitions[places[i].second];
      to.error_code = code(done.error != ErrorCode::none ? done.error : done.results[i]);
    }
    if (done.error != ErrorCode::none)
      for (auto& topic : response.topics)
        for (auto& p : topic.partitions)
          if (p.error_code == 0) p.error_code = code(done.error);
    context.respond(response);
  };
  if (offsets.empty()) return respond(request, Committed{});
  auto work = [call = std::move(call), offsets = std::move(offsets), epochs = request.version() >= 9](
                  GroupCoordinator& groups, GroupCoordinator::Hosted& hosted, Function<void(Committed)> answer) {
    Committed done;
    GroupOutcome outcome;
    done.error = groups.machine(hosted).commit(call, epochs, offsets, done.results, outcome, groups.now());
    if (done.error != ErrorCode::none) return answer(std::move(done));
    groups.perform(hosted, std::move(outcome),
                   [done = std::move(done), answer = std::move(answer)](ErrorCode error) mutable {
                     if (error != ErrorCode::none) done.error = error;
                     answer(std::move(done));
                   });
  };
  call_group<Committed>(std::move(request), group, std::move(work), std::move(respond),
                        [](ErrorCode error) { return Committed{error, {}}; });
}

namespace {

using FetchGroup = wire::OffsetFetchResponse::Group;
using AskedGroup = wire::OffsetFetchRequest::Group;

struct Wanted {
  std::string topic;
  Uuid id{};
  ErrorCode error = ErrorCode::none;
  std::vector<std::int32_t> partitions;
};

void put_partition(FetchGroup& out, const std::string& topic, const Uuid& id, std::int32_t partition,
                   const Group::CommittedOffset* offset, ErrorCode error) {
  if (out.topics.empty() || out.topics.back().name != topic || out.topics.back().topic_id != id) {
    auto& added = out.topics.emplace_back();
    added.name = topic;
    added.topic_id = id;
  }
  auto& to = out.topics.back().partitions.emplace_back();
  to.partition_index = partition;
  to.error_code = code(error);
  to.committed_offset = offset ? offset->offset : -1;
  to.committed_leader_epoch = offset ? offset->leader_epoch : -1;
  to.metadata = offset ? offset->metadata : std::string();
}

FetchGroup read_offsets(const Group* group, const std::string& id, const std::optional<std::vector<Wanted>>& wanted) {
  FetchGroup out;
  out.group_id = id;
  if (!wanted) {
    if (group)
      for (const auto& [topic, partitions] : group->offsets)
        for (const auto& [partition, offset] : partitions)
          put_partition(out, topic, {}, partition, &offset, ErrorCode::none);
    return out;
  }
  for (const Wanted& w : *wanted) {
    auto& entry = out.topics.emplace_back();  // also for one that is named again, or has no partitions
    entry.name = w.topic;
    entry.topic_id = w.id;
    for (const std::int32_t p : w.partitions) {
      const Group::CommittedOffset* found = nullptr;
      if (group && w.error == ErrorCode::none) {
        const auto topic = group->offsets.find(w.topic);
        if (topic != group->offsets.end())
          if (const auto at = topic->second.find(p); at != topic->second.end()) found = &at->second;
      }
      put_partition(out, w.topic, w.id, p, found, w.error);
    }
  }
  return out;
}

// Several groups, each where it lives; the answer when the last is there.
class OffsetFetchRun : public std::enable_shared_from_this<OffsetFetchRun> {
 public:
  OffsetFetchRun(RequestContext context, std::vector<AskedGroup> groups)
      : context_(std::move(context)), asked_(std::move(groups)) {}

  void start() {
    BrokerShard& home = context_.broker();
    results_.resize(asked_.size());
    left_ = asked_.size() + 1;
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      AskedGroup& asked = asked_[i];
      const GroupPlace place = place_of(home, asked.group_id);
      if (place.error != ErrorCode::none) {
        finish(i, error_of(asked.group_id, place.error));
        continue;
      }
      auto wanted = resolve(home, asked);
      auto read = [self = shared_from_this(), i, place, &shard = home.shard(), id = asked.group_id,
                   member = asked.member_id, epoch = asked.member_epoch, wanted = std::move(wanted)]() mutable {
        GroupCoordinator& groups = place.owner->groups();
        const GroupCoordinator::Found found = groups.find(place.log);
        FetchGroup out = error_of(id, found.error);
        if (found.hosted) {
          const Group* group = groups.machine(*found.hosted).find(id);
          const ErrorCode fault = check(group, member, epoch);
          out = fault == ErrorCode::none ? read_offsets(group, id, wanted) : error_of(id, fault);
        }
        if (Shard::current() == &shard) return self->finish(i, std::move(out));
        shard.post([self = std::move(self), i, out = std::move(out)]() mutable { self->finish(i, std::move(out)); });
      };
      if (place.owner == &home) {
        read();
      } else {
        place.owner->shard().post(std::move(read));
      }
    }
    leave();
  }

 private:
  static FetchGroup error_of(const std::string& id, ErrorCode error) {
    FetchGroup out;
    out.group_id = id;
    out.error_code = code(error);
    return out;
  }

  // Only a member of a KIP-848 group states an epoch; a classic group has none.
  static ErrorCode check(const Group* group, const std::optional<std::string>& member, std::int32_t epoch) {
    if (!member && epoch < 0) return ErrorCode::none;
    if (!group) return ErrorCode::group_id_not_found;
    return ErrorCode::none;
  }

  std::optional<std::vector<Wanted>> resolve(BrokerShard& home, const AskedGroup& asked) const {
    if (!asked.topics) return std::nullopt;
    std::vector<Wanted> out;
    for (const auto& t : *asked.topics) {
      Wanted& w = out.emplace_back(Wanted{t.name, t.topic_id, ErrorCode::none, t.partition_indexes});
      if (context_.version() < 10) continue;
      if (const TopicPtr image = home.metadata().topic(t.topic_id)) {
        w.topic = image->name;
      } else {
        w.error = ErrorCode::unknown_topic_id;
      }
    }
    return out;
  }

  void finish(std::size_t i, FetchGroup out) {
    results_[i] = std::move(out);
    leave();
  }

  void leave() {
    if (--left_ == 0) respond();
  }

  void respond() {
    wire::OffsetFetchResponse response;
    if (context_.version() >= 10) {
      // All offsets of a group: their topics are named by id, those that are gone are left out.
      for (std::size_t i = 0; i < results_.size(); ++i) {
        if (asked_[i].topics) continue;
        FetchGroup& group = results_[i];
        for (auto& topic : group.topics)
          if (topic.topic_id == zero_uuid)
            if (const TopicPtr image = context_.broker().metadata().topic(topic.name)) topic.topic_id = image->id;
        std::erase_if(group.topics, [](const auto& topic) { return topic.topic_id == zero_uuid; });
      }
    }
    if (context_.version() >= 8) {
      response.groups = std::move(results_);
      return context_.respond(response);
    }
    FetchGroup& only = results_.front();
    response.error_code = only.error_code;
    if (only.error_code != 0 && context_.version() < 2 && asked_.front().topics) {
      // Before version 2 an error stands with each partition.
      for (const auto& t : *asked_.front().topics)
        for (const std::int32_t p : t.partition_indexes)
          put_partition(only, t.name, {}, p, nullptr, static_cast<ErrorCode>(only.error_code));
    }
    for (auto& topic : only.topics)
      response.topics.push_back({.name = std::move(topic.name), .partitions = std::move(topic.partitions)});
    context_.respond(response);
  }

  RequestContext context_;
  std::vector<AskedGroup> asked_;
  std::vector<FetchGroup> results_;
  std::size_t left_ = 0;
};

}  // namespace

void offset_fetch(RequestContext request) {
  wire::OffsetFetchRequest message;
  if (!request.read(message)) return;
  std::vector<AskedGroup> groups;
  if (request.version() >= 8) {
    groups = std::move(message.groups);
  } else {
    AskedGroup& one = groups.emplace_back();
    one.group_id = std::move(message.group_id);
    one.topics.reset();
    if (message.topics) {
      one.topics.emplace();
      for (auto& t : *message.topics)
        one.topics->push_back(
            {.name = std::move(t.name), .topic_id = {}, .partition_indexes = std::move(t.partition_indexes)});
    }
  }
  std::make_shared<OffsetFetchRun>(std::move(request), std::move(groups))->start();
}

void offset_delete(RequestContext request) {
  wire::OffsetDeleteRequest message;
  if (!request.read(message)) return;
  std::vector<std::pair<std::string, std::int32_t>> which;
  std::vector<bool> known;
  for (const auto& topic : message.topics) {
    const TopicPtr image = request.broker().metadata().topic(topic.name);
    for (const auto& p : topic.partitions) {
      known.push_back(image && p.partition_index >= 0 &&
                      static_cast<std::size_t>(p.partition_index) < image->partitions.size());
      if (known.back()) which.emplace_back(topic.name, p.partition_index);
    }
  }
  auto respond = [message, known](RequestContext& context, Committed done) {
    wire::OffsetDeleteResponse out;
    out.error_code = code(done.error);
    std::size_t asked = 0, answered = 0;
    if (done.error == ErrorCode::none)
      for (const auto& topic : message.topics) {
        auto& to = out.topics.emplace_back();
        to.name = topic.name;
        for (const auto& p : topic.partitions) {
          const ErrorCode error = known[asked++] ? done.results[answered++] : ErrorCode::unknown_topic_or_partition;
          to.partitions.push_back({.partition_index = p.partition_index, .error_code = code(error)});
        }
      }
    context.respond(out);
  };
  if (message.group_id.empty()) return respond(request, Committed{ErrorCode::invalid_group_id, {}});
  auto work = [group = message.group_id, which = std::move(which)](
                  GroupCoordinator& groups, GroupCoordinator::Hosted& hosted, Function<void(Committed)> answer) {
    Committed done;
    GroupOutcome outcome;
    done.error = groups.machine(hosted).remove_offsets(group, which, done.results, outcome);
    groups.perform(hosted, std::move(outcome),
                   [done = std::move(done), answer = std::move(answer)](ErrorCode error) mutable {
                     if (error != ErrorCode::none) done.error = error;
                     answer(std::move(done));
                   });
  };
  const std::string group = message.group_id;
  call_group<Committed>(std::move(request), group, std::move(work), std::move(respond),
                        [](ErrorCode error) { return Committed{error, {}}; });
}

}  // namespace holdfast::handlers
