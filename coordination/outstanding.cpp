#include "coordination/outstanding.h"

#include <algorithm>
#include <set>

#include "runtime/result.h"

namespace holdfast::zk {

NodeView Outstanding::view(std::string_view path) const {
  if (!entries_.empty()) {
    if (const auto entry = entries_.find(path); entry != entries_.end()) return entry->second.view;
  }
  NodeView view;
  if (const Znode* node = tree_.find(path)) {
    view.exists = true;
    view.version = node->version;
    view.cversion = node->cversion;
    view.aversion = node->aversion;
    view.children = node->children;
    view.czxid = node->czxid;
    view.mtime_ms = node->mtime_ms;
    view.owner = node->owner;
    view.data_size = static_cast<std::int64_t>(node->data.size());
    view.acl = tree_.acl_ref(*node);
  }
  return view;
}

void Outstanding::put(std::string_view path, NodeView view, Zxid zxid) {
  auto known = entries_.find(path);
  const bool is_new = known == entries_.end();
  if (is_new) known = entries_.try_emplace(std::string(path)).first;
  Put& put = log_.emplace_back(Put{&*known, zxid, is_new, {}});
  Entry& entry = known->second;
  if (!is_new && recording_) put.before = entry;
  entry.view = std::move(view);
  ++entry.puts;
}

std::size_t Outstanding::mark() {
  recording_ = true;
  return log_.size();
}

void Outstanding::keep() { recording_ = false; }

void Outstanding::roll_back(std::size_t mark) {
  HOLDFAST_CHECK(recording_);
  for (; log_.size() > mark; log_.pop_back()) {
    Put& last = log_.back();
    if (last.was_new) {
      entries_.erase(entries_.find(std::string_view(last.entry->first)));
    } else {
      last.entry->second = std::move(last.before);
    }
  }
  recording_ = false;
}

void Outstanding::applied(Zxid zxid) {
  for (; !log_.empty() && log_.front().zxid <= zxid; log_.pop_front()) {
    const Map::pointer entry = log_.front().entry;
    if (--entry->second.puts == 0) entries_.erase(entries_.find(std::string_view(entry->first)));
  }
}

void Outstanding::clear() {
  entries_.clear();
  log_.clear();
  recording_ = false;
}

std::vector<std::string> Outstanding::ephemerals_of(SessionId session) const {
  std::vector<std::string> paths = tree_.ephemerals_of(session);
  if (entries_.empty()) return paths;
  std::set<std::string> all(paths.begin(), paths.end());
  for (const auto& [path, entry] : entries_) {
    if (entry.view.exists && entry.view.owner == session.value) {
      all.insert(path);
    } else {
      all.erase(path);
    }
  }
  return {all.begin(), all.end()};
}

}  // namespace holdfast::zk
