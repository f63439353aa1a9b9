#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>

#include "tests/simulation/checkers.h"

namespace holdfast::sim {
namespace {

// A register as the client sees it: it is there or not, with a version and a value.
struct State {
  bool exists = false;
  std::int32_t version = 0;
  std::string value;
  friend bool operator==(const State&, const State&) = default;
};

struct Call {
  enum class Kind : std::uint8_t { create, set, read };
  Kind kind;
  SteadyTime invoked{}, returned{};
  bool known = true;  // what came of it; else it may have happened at any time after, or never
  ZkError error = ZkError::ok;
  std::int32_t expected = -1;  // set: only if it has this version
  std::int32_t version = 0;    // as answered
  std::string value;           // written or read

  // The highest version that the register may have when this call is placed: versions never go back.
  std::optional<std::int32_t> latest() const {
    if (!known || error != ZkError::ok || kind == Kind::create) return std::nullopt;
    return kind == Kind::set ? version - 1 : version;
  }
  // The state after it, if it can have happened in this one with this answer.
  std::optional<State> step(const State& s) const {
    switch (kind) {
      case Kind::create:
        if (s.exists) return !known || error == ZkError::node_exists ? std::optional(s) : std::nullopt;
        if (known && error != ZkError::ok) return std::nullopt;
        return State{true, 0, value};
      case Kind::set: {
        const ZkError right = !s.exists                                 ? ZkError::no_node
                              : expected != -1 && expected != s.version ? ZkError::bad_version
                                                                        : ZkError::ok;
        if (known && error != right) return std::nullopt;
        if (right != ZkError::ok) return s;
        if (known && version != s.version + 1) return std::nullopt;
        return State{true, s.version + 1, value};
      }
      case Kind::read:
        if (!s.exists) return error == ZkError::no_node ? std::optional(s) : std::nullopt;
        if (error != ZkError::ok || version != s.version || value != s.value) return std::nullopt;
        return s;
    }
    return std::nullopt;
  }
};

std::vector<Call> calls_on(const History& history, const std::string& path) {
  std::vector<Call> out;
  const auto push = [&out](Call call, const Operation& o) {
    call.invoked = o.invoked;
    call.known = o.returned.has_value();
    call.returned = o.returned.value_or(SteadyTime::max());
    out.push_back(std::move(call));
  };
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& o = history.operations[i];
    if (o.returned && o.reply.error == ZkError::session_expired) continue;  // it was not carried out
    const auto add = [&](const Part& part, const std::optional<Stat>& stat) {
      if (const auto* c = std::get_if<Create>(&part); c && c->path == path)
        push({.kind = Call::Kind::create, .error = o.reply.error, .value = c->data}, o);
      if (const auto* s = std::get_if<Set>(&part); s && s->path == path)
        push({.kind = Call::Kind::set,
              .error = o.reply.error,
              .expected = s->version,
              .version = stat ? stat->version : 0,
              .value = s->data},
             o);
    };
    if (const auto* c = std::get_if<Create>(&o.request)) add(*c, o.reply.stat);
    if (const auto* s = std::get_if<Set>(&o.request)) add(*s, o.reply.stat);
    if (const auto* m = std::get_if<Multi>(&o.request)) {
      const bool failed = std::ranges::any_of(o.reply.parts, [](const auto& p) { return p.error != ZkError::ok; });
      for (std::size_t p = 0; p < m->parts.size() && !failed; ++p)
        add(m->parts[p], o.returned ? o.reply.parts[p].stat : std::nullopt);
    }
    const auto* g = std::get_if<Get>(&o.request);
    if (!g || g->path != path || !o.returned || i == 0) continue;
    const Operation& before = history.operations[i - 1];
    const bool synced = before.session == o.session && before.xid + 1 == o.xid && before.returned &&
                        std::holds_alternative<Sync>(before.request);
    if (!synced) continue;
    push({.kind = Call::Kind::read,
          .error = o.reply.error,
          .version = o.reply.stat ? o.reply.stat->version : 0,
          .value = o.reply.data},
         o);
    out.back().invoked = before.invoked;
  }
  return out;
}

// Depth first: any call that begins before every call not yet placed has returned may be the next.
class Search {
 public:
  Search(std::vector<Call> calls, std::uint64_t steps_max) : calls_(std::move(calls)), steps_left_(steps_max) {
    std::ranges::sort(calls_, {}, [](const Call& c) { return std::pair(c.invoked, c.returned); });
    placed_.resize(calls_.size());
    known_left_ = static_cast<std::size_t>(std::ranges::count_if(calls_, &Call::known));
    for (const Call& call : calls_)
      if (const auto latest = call.latest()) latest_.insert(*latest);
  }

  Linearizable run() {
    const bool found = place(State{});
    return found ? Linearizable::yes : steps_left_ == 0 ? Linearizable::undecided : Linearizable::no;
  }

 private:
  bool place(const State& initial) {
    struct Frame {
      State state;
      std::size_t next;                 // the candidate to try
      std::optional<std::size_t> call;  // that led here
    };
    std::vector<Frame> stack{{initial, 0, std::nullopt}};
    while (!stack.empty()) {
      if (known_left_ == 0) return true;
      if (steps_left_ == 0) return false;
      --steps_left_;
      Frame& top = stack.back();
      const SteadyTime horizon = earliest_return();
      bool went_on = false;
      for (std::size_t i = std::max(top.next, first_open()); i < calls_.size() && calls_[i].invoked <= horizon; ++i) {
        if (placed_[i]) continue;
        auto after = calls_[i].step(top.state);
        // An unknown call that changes nothing need not be placed.
        if (!after || (!calls_[i].known && *after == top.state)) continue;
        set(i, true);
        if (is_too_late(*after) || !remember(*after)) {
          set(i, false);
          continue;
        }
        top.next = i + 1;
        stack.push_back({std::move(*after), 0, i});
        went_on = true;
        break;
      }
      if (went_on) continue;
      if (top.call) set(*top.call, false);
      stack.pop_back();
    }
    return false;
  }

  SteadyTime earliest_return() const {
    SteadyTime out = SteadyTime::max();
    for (std::size_t i = first_open(); i < calls_.size() && calls_[i].invoked <= out; ++i)
      if (!placed_[i]) out = std::min(out, calls_[i].returned);
    return out;
  }
  std::size_t first_open() const {
    return static_cast<std::size_t>(std::ranges::find(placed_, false) - placed_.begin());
  }
  void set(std::size_t i, bool placed) {
    placed_[i] = placed;
    if (calls_[i].known) known_left_ += placed ? std::size_t(-1) : 1;
    const auto latest = calls_[i].latest();
    if (!latest) return;
    placed ? static_cast<void>(latest_.erase(latest_.find(*latest))) : static_cast<void>(latest_.insert(*latest));
  }
  // Some call that is not placed yet needs an earlier version.
  bool is_too_late(const State& state) const {
    return state.exists && !latest_.empty() && *latest_.begin() < state.version;
  }
  // False when the search was here before: the same calls placed, the same state.
  bool remember(const State& state) {
    std::string key(state.exists ? "1" : "0");
    key += std::to_string(state.version) + ' ' + state.value + ' ';
    const std::size_t from = first_open();
    key += std::to_string(from) + ' ';
    for (std::size_t i = from; i < calls_.size(); ++i)
      if (placed_[i]) key += std::to_string(i) + ' ';
    return seen_.insert(std::move(key)).second;
  }

  std::vector<Call> calls_;
  std::vector<bool> placed_;
  std::size_t known_left_ = 0;
  std::uint64_t steps_left_;
  std::multiset<std::int32_t> latest_;  // of the calls not placed
  std::unordered_set<std::string> seen_;
};

}  // namespace

Linearizable check_register(const History& history, const std::string& path, std::uint64_t steps_max) {
  return Search(calls_on(history, path), steps_max).run();
}

}  // namespace holdfast::sim
