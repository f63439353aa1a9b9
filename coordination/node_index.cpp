#include "coordination/node_index.h"

namespace holdfast::zk {

NodeIndex::NodeIndex() { segments_.push_back(std::make_unique<Segment>()); }

Znode* NodeIndex::find(std::string_view path, std::uint64_t hash) const {
  for (Znode* node = bucket(bucket_of(hash)); node; node = node->next_in_bucket) {
    if (node->path_hash == hash && node->path_is(path)) return node;
  }
  return nullptr;
}

void NodeIndex::insert(Znode* node) {
  if (++size_ > buckets_) split_one();
  Znode*& head = bucket(bucket_of(node->path_hash));
  node->next_in_bucket = head;
  head = node;
}

void NodeIndex::erase(Znode* node) {
  Znode** at = &bucket(bucket_of(node->path_hash));
  while (*at != node) at = &(*at)->next_in_bucket;
  *at = node->next_in_bucket;
  --size_;
}

// One more bucket: it takes its share of the one whose hashes it completes. Buckets are never given back.
void NodeIndex::split_one() {
  const std::size_t source = buckets_ - round_;
  if (buckets_ % segment_buckets == 0) segments_.push_back(std::make_unique<Segment>());
  Znode* node = bucket(source);
  bucket(source) = nullptr;
  if (++buckets_ == 2 * round_) round_ = buckets_;
  while (node) {
    Znode* next = node->next_in_bucket;
    Znode*& head = bucket(bucket_of(node->path_hash));
    node->next_in_bucket = head;
    head = node;
    node = next;
  }
}

}  // namespace holdfast::zk
