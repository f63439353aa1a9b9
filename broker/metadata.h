// Metadata: the broker's image of the cluster, a typed view of the znodes of znodes.h. Every shard holds its own copy
// of the index and shares the immutable entries; handlers read it without waiting. MetadataWatcher keeps it current.
// Cluster view, one per shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/znodes.h"
#include "log/log.h"
#include "runtime/random.h"
#include "runtime/strong.h"

namespace holdfast {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
};
struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(id.data()), id.size()});
  }
};
inline constexpr Uuid zero_uuid{};

struct PartitionImage {
  LogId id{};
  std::int32_t leader = -1;  // -1: none
  LeaderEpoch leader_epoch{0};
  std::int32_t state_version = 0;  // of the state znode: the guard of conditional writes
  std::int64_t state_zxid = 0;     // of the transaction that wrote it
  std::vector<std::int32_t> replicas{}, isr{};
  // Not in sync, and may lead all the same; and who led when nobody was left (eligible_replicas.h).
  std::vector<std::int32_t> elr{}, last_known_elr{};
  // While it is being reassigned (KIP-455): those among the replicas that come, and that go when it is done.
  std::vector<std::int32_t> adding{}, removing{};
  bool reassigning() const { return !adding.empty() || !removing.empty(); }
};

// The partitions of a topic, by index. Copies share them, and one that is changed is copied first: with thousands, a
// change of one must not cost a copy of all.
class PartitionImages {
  using Shared = std::vector<std::shared_ptr<PartitionImage>>;

 public:
  class Iterator {
   public:
    using value_type = PartitionImage;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(Shared::const_iterator at) : at_(at) {}
    const PartitionImage& operator*() const { return **at_; }
    const PartitionImage* operator->() const { return at_->get(); }
    Iterator& operator++() { return ++at_, *this; }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    Shared::const_iterator at_;
  };

  std::size_t size() const { return images_.size(); }
  bool empty() const { return images_.empty(); }
  Iterator begin() const { return Iterator(images_.begin()); }
  Iterator end() const { return Iterator(images_.end()); }
  const PartitionImage& operator[](std::size_t index) const { return *images_[index]; }
  const PartitionImage& front() const { return *images_.front(); }
  // To change it, in this copy alone.
  PartitionImage& at(std::size_t index) {
    auto& image = images_.at(index);
    if (image.use_count() > 1) image = std::make_shared<PartitionImage>(*image);
    return *image;
  }
  void push_back(PartitionImage image) { images_.push_back(std::make_shared<PartitionImage>(std::move(image))); }

 private:
  Shared images_;
};

struct TopicImage {
  std::string name;
  Uuid id{};
  bool internal = false;
  std::int32_t version = 0;  // of the topic znode
  std::int64_t czxid = 0;    // of the topic znode: a guard against another topic of the same name
  PartitionImages partitions;
  znodes::Configs configs;           // overrides only
  std::int32_t config_version = -1;  // of the config znode
};

struct BrokerImage {
  std::int32_t id = 0;
  std::int64_t epoch = 0;  // czxid of the registration
  znodes::Broker registration;
  const znodes::Broker::Listener* listener(std::string_view name) const;
  bool is_offline(const LogId& partition) const;  // its log directory has failed there
  bool is_full(const LogId& partition) const;     // or has no room
};

inline constexpr std::string_view offsets_topic = "__consumer_offsets";
inline constexpr std::string_view transactions_topic = "__transaction_state";
// Its directory stands among those of the partitions.
inline constexpr std::string_view coordination_log = "__coordination";
bool is_internal_topic(std::string_view name);
znodes::Topic topic_znode(const TopicImage& topic);  // what its znode says

using TopicPtr = std::shared_ptr<const TopicImage>;

// One change of the image, applied on every shard in the same order.
struct MetadataDelta {
  std::vector<TopicPtr> changed_topics;  // new, or replacing the topic of that name
  // Beside each of them, the partitions whose state changed; empty: anything may have.
  std::vector<std::vector<std::int32_t>> changed_partitions;
  std::vector<std::string> removed_topics;                             // by name; removal comes before the changes
  std::shared_ptr<const std::map<std::int32_t, BrokerImage>> brokers;  // null: unchanged
  std::shared_ptr<const std::map<std::string, znodes::Configs>> broker_configs;  // by id, "<default>" for all
  std::int32_t controller = -2;                                                  // -2: unchanged
  std::int32_t controller_epoch = -1;                                            // -1: unchanged
};

class Metadata {
 public:
  void apply(const MetadataDelta& delta);

  TopicPtr topic(std::string_view name) const;
  TopicPtr topic(const Uuid& id) const;
  const PartitionImage* partition(std::string_view topic, std::int32_t index) const;
  const std::map<std::string, TopicPtr, std::less<>>& topics() const { return topics_; }  // sorted by name
  const std::map<std::int32_t, BrokerImage>& brokers() const { return *brokers_; }
  const znodes::Configs& broker_config(std::string_view id) const;
  std::int32_t controller() const { return controller_; }
  std::int32_t controller_epoch() const { return controller_epoch_; }
  bool alive(std::int32_t broker) const { return brokers_->contains(broker); }
  // Alive, and the log directory of its replica has not failed: otherwise it can do nothing for that partition.
  bool serves(std::int32_t broker, const PartitionImage& partition) const;
  // That, and it has room for more records.
  bool can_append(std::int32_t broker, const PartitionImage& partition) const;
  // Serves, in the same life as when the partition's state was written. A broker whose registration is newer was gone
  // since: it leads nothing and is in no ISR by that state, until one is written that knows of it. This holds only
  // because whoever writes a state guards it by the registrations of the live members of its ISR.
  bool still_serves(std::int32_t broker, const PartitionImage& partition) const;
  const std::string& cluster_id() const { return cluster_id_; }
  void set_cluster_id(std::string id) { cluster_id_ = std::move(id); }
  // Some broker that may lead: the one to ask for coordinators, the controller of KRaft clients.
  std::int32_t partitions_count() const { return partitions_; }

 private:
  std::map<std::string, TopicPtr, std::less<>> topics_;
  std::unordered_map<std::string_view, TopicPtr, TextHash> by_name_;  // keys live in the image
  std::unordered_map<Uuid, TopicPtr, UuidHash> by_id_;
  std::shared_ptr<const std::map<std::int32_t, BrokerImage>> brokers_ =
      std::make_shared<const std::map<std::int32_t, BrokerImage>>();
  std::shared_ptr<const std::map<std::string, znodes::Configs>> broker_configs_ =
      std::make_shared<const std::map<std::string, znodes::Configs>>();
  std::int32_t controller_ = -1;
  std::int32_t controller_epoch_ = 0;
  std::int32_t partitions_ = 0;
  std::string cluster_id_;
};

}  // namespace holdfast
