// ControllerWorld: an image of brokers and partitions that changes as the znodes would, for tests of the planner: what
// a plan says is carried out only if its guards hold, and each write gets a new zxid.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/controller.h"

namespace holdfast {

class ControllerWorld {
 public:
  using Ids = std::vector<std::int32_t>;

  void start(std::int32_t id) {
    BrokerImage image;
    image.id = id;
    image.epoch = ++zxid_;
    brokers_[id] = image;
    publish_brokers();
  }
  void stop(std::int32_t id) {
    brokers_.erase(id);
    publish_brokers();
  }
  void restart(std::int32_t id) { start(id); }  // gone and back before anybody looked
  // A log directory of the broker has failed, with these partitions of the topic; it tells so by its registration.
  void fail_directory(std::int32_t id, const std::string& topic, Ids partitions) {
    brokers_.at(id).registration.offline[metadata_.topic(topic)->id] = std::move(partitions);
    publish_brokers();
  }
  // It has no room for these; for none of them: there is room again.
  void fill_directory(std::int32_t id, const std::string& topic, Ids partitions) {
    auto& full = brokers_.at(id).registration.full;
    full.erase(metadata_.topic(topic)->id);
    if (!partitions.empty()) full[metadata_.topic(topic)->id] = std::move(partitions);
    publish_brokers();
  }

  void topic(const std::string& name, const std::vector<Ids>& replicas) {
    auto image = std::make_shared<TopicImage>();
    image->name = name;
    image->id[0] = static_cast<std::uint8_t>(++topics_);
    image->czxid = ++zxid_;
    for (const Ids& ids : replicas) {
      PartitionImage p;
      p.id = {image->id, static_cast<std::int32_t>(image->partitions.size())};
      p.replicas = p.isr = ids;
      p.leader = ids.front();
      p.state_zxid = zxid_;
      image->partitions.push_back(std::move(p));
    }
    publish(std::move(image));
  }
  void set_leader(const std::string& name, std::int32_t partition, std::int32_t leader) {
    change(name, partition, [leader](PartitionImage& p) { p.leader = leader; });
  }
  void set_isr(const std::string& name, std::int32_t partition, Ids isr, Ids elr = {}) {
    change(name, partition, [&](PartitionImage& p) { p.isr = isr, p.elr = elr; });
  }

  // A write of the partition's state, or of its replicas, by whoever does that.
  template <class F>
  void change(const std::string& name, std::int32_t partition, F edit) {
    auto image = std::make_shared<TopicImage>(*metadata_.topic(name));
    PartitionImage& p = image->partitions.at(static_cast<std::size_t>(partition));
    edit(p);
    ++p.state_version;
    p.state_zxid = ++zxid_;
    publish(std::move(image));
  }

  void carry_out(const ControllerPlan& plan) {
    for (const TopicChange& change : plan) carry_out(change);
  }
  void carry_out(const TopicChange& change) {
    const TopicPtr now = metadata_.topic(change.topic);
    ASSERT_TRUE(now);
    EXPECT_EQ(change.czxid, now->czxid);
    auto image = std::make_shared<TopicImage>(*now);
    ++zxid_;
    if (change.node) {
      EXPECT_EQ(change.expected_version, image->version++);
      EXPECT_EQ(change.node->id, image->id);
      ASSERT_EQ(change.node->replicas.size(), image->partitions.size());
      for (const auto& [index, ids] : change.node->replicas) {
        PartitionImage& p = image->partitions.at(static_cast<std::size_t>(index));
        p.replicas = ids;
        p.adding = of(change.node->adding, index);
        p.removing = of(change.node->removing, index);
      }
    }
    std::set<std::int32_t> seen;
    for (const PartitionChange& c : change.partitions) {
      EXPECT_TRUE(seen.insert(c.partition).second) << "planned twice";
      PartitionImage& p = image->partitions.at(static_cast<std::size_t>(c.partition));
      EXPECT_EQ(c.expected_version, p.state_version);
      const bool same = c.state.leader == p.leader && c.state.leader_epoch == p.leader_epoch.value &&
                        c.state.isr == p.isr && c.state.elr == p.elr && c.state.last_known_elr == p.last_known_elr;
      EXPECT_NE(c.changed, same) << "a write that changes nothing, or a change that is not written";
      if (!c.changed) continue;
      p.leader = c.state.leader;
      p.leader_epoch = LeaderEpoch(c.state.leader_epoch);
      p.isr = c.state.isr;
      p.elr = c.state.elr;
      p.last_known_elr = c.state.last_known_elr;
      ++p.state_version;
      p.state_zxid = zxid_;
    }
    publish(std::move(image));
  }

  const Metadata& metadata() const { return metadata_; }
  const PartitionImage& partition(const std::string& name, std::int32_t index) const {
    return *metadata_.partition(name, index);
  }
  bool alive(std::int32_t id) const { return metadata_.alive(id); }

 private:
  static Ids of(const std::map<std::int32_t, Ids>& from, std::int32_t index) {
    const auto it = from.find(index);
    return it == from.end() ? Ids{} : it->second;
  }
  void publish(std::shared_ptr<TopicImage> image) {
    MetadataDelta delta;
    delta.changed_topics.push_back(std::move(image));
    metadata_.apply(delta);
  }
  void publish_brokers() {
    MetadataDelta delta;
    delta.brokers = std::make_shared<std::map<std::int32_t, BrokerImage>>(brokers_);
    metadata_.apply(delta);
  }

  std::int64_t zxid_ = 100;
  int topics_ = 0;
  std::map<std::int32_t, BrokerImage> brokers_;
  Metadata metadata_;
};

}  // namespace holdfast
