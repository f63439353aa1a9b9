// NodeIndex: path -> Znode, by linear hashing over fixed segments: it grows one bucket at a time, so that no insert
// ever pays for a rehash of millions of nodes. Keys are whole paths, compared through the nodes' own names.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "coordination/node.h"

namespace holdfast::zk {

class NodeIndex {
 public:
  NodeIndex();

  Znode* find(std::string_view path, std::uint64_t hash) const;
  void insert(Znode* node);
  void erase(Znode* node);
  std::size_t size() const { return size_; }
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t i = 0; i < buckets_; ++i) {
      for (Znode *node = bucket(i), *next; node; node = next) next = node->next_in_bucket, f(node);
    }
  }

 private:
  static constexpr std::size_t segment_buckets = 1024;
  using Segment = std::array<Znode*, segment_buckets>;

  Znode*& bucket(std::size_t i) const { return (*segments_[i / segment_buckets])[i % segment_buckets]; }
  std::size_t bucket_of(std::uint64_t hash) const {
    const std::size_t wide = hash & (2 * round_ - 1);
    return wide < buckets_ ? wide : hash & (round_ - 1);
  }
  void split_one();

  std::vector<std::unique_ptr<Segment>> segments_;
  std::size_t buckets_ = segment_buckets;
  std::size_t round_ = segment_buckets;  // buckets at the start of this doubling
  std::size_t size_ = 0;
};

}  // namespace holdfast::zk
