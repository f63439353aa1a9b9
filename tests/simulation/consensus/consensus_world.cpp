#include "tests/simulation/consensus/consensus_world.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "coordination/membership.h"

namespace holdfast::consensus_world {
namespace {

std::uint64_t mixed(std::uint64_t digest, std::uint64_t payload) {
  std::uint64_t x = (digest ^ payload) + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::string described(const Message& m) {
  return fmt::format("{}->{} {} term {}{}: from {} to {}, match {}, commit {}, hint {}/{}, end {}/{}, round {}",
                     m.from.value, m.to.value, to_string(m.kind), m.term.value, m.granted ? " granted" : "",
                     m.from_offset.value, m.spans.empty() ? m.from_offset.value : m.spans.back().end.value,
                     m.match.value, m.commit.value, m.hint_end.value, m.hint_term.value, m.log_end.value,
                     m.log_term.value, m.round);
}

std::string described(const Membership& m) {
  const auto listed = [](const std::vector<ServerId>& ids) {
    std::string out;
    for (const ServerId id : ids) out += fmt::format(" {}", id.value);
    return out;
  };
  return fmt::format("voters{} learners{} outgoing{}", listed(m.voters), listed(m.learners), listed(m.outgoing));
}

}  // namespace

const Batch* ModelLog::at(Offset base) const {
  const auto found = std::ranges::lower_bound(batches, base, {}, [](const Batch& b) { return b.span.base; });
  return found == batches.end() || found->span.base != base ? nullptr : &*found;
}

std::pair<Offset, Term> ModelLog::before(Offset base) const {
  const auto found = std::ranges::lower_bound(batches, base, {}, [](const Batch& b) { return b.span.base; });
  if (found == batches.begin())
    return base == Offset(0) ? std::pair(Offset(0), Term(0)) : std::pair(Offset(-1), Term(0));
  return {std::prev(found)->span.base, std::prev(found)->span.term};
}

void ModelLog::truncate(Offset to) {
  while (!batches.empty() && batches.back().span.base >= to) batches.pop_back();
}

void ModelLog::trim(Offset to) {
  const auto kept = std::ranges::lower_bound(batches, to, {}, [](const Batch& b) { return b.span.base; });
  for (auto batch = batches.begin(); batch != kept; ++batch) {
    term_before = batch->span.term;
    if (batch->span.membership) membership = *batch->span.membership;
    start = batch->span.end;
  }
  batches.erase(batches.begin(), kept);
}

Tally& Tally::operator+=(const Tally& other) {
  committed += other.committed, leaders += other.leaders, crashes += other.crashes, blanks += other.blanks;
  changes += other.changes, transfers += other.transfers, snapshots += other.snapshots, reads += other.reads;
  replaced += other.replaced, truncations += other.truncations;
  return *this;
}

World::World(std::uint64_t seed, bool traced) : random_(seeded_random(seed)), traced_(traced) {
  const auto one_of = [&](std::initializer_list<double> values) { return values.begin()[below(values.size())]; };
  weather_ = {.lost = one_of({0, 0, 0.05, 0.3}),
              .doubled = one_of({0, 0.1}),
              .cut = one_of({0, 0.01, 0.04}),
              .healed = one_of({0.02, 0.1}),
              .crash = one_of({0, 0.002, 0.01}),
              .deposed = one_of({0, 0.02, 0.1, 0.25}),
              .restart = one_of({0.05, 0.2}),
              .blank = one_of({0, 0.3, 0.8}),
              .pause = one_of({0, 0.003, 0.01}),
              .write = one_of({0.3, 0.7, 1}),
              .sync = one_of({0.2, 0.6, 1}),
              .proposal = one_of({0.2, 0.8}),
              .change = one_of({0, 0.02, 0.1}),
              .transfer = one_of({0, 0.01, 0.05}),
              .trim = one_of({0, 0.01, 0.05}),
              .read = one_of({0, 0.2, 0.8}),
              .delay_max = static_cast<std::int64_t>(one_of({1, 1, 2, 4, 8})),
              .in_order = chance(0.5),
              .heartbeat_ticks = static_cast<int>(1 + below(2)),
              .batches_max = static_cast<std::uint64_t>(one_of({1, 4}))};
  const std::int32_t voters = std::array{1, 2, 3, 3, 3, 5}[below(6)];
  const std::int32_t all = voters + static_cast<std::int32_t>(below(4));
  for (std::int32_t id = 1; id <= voters; ++id) configured_.voters.emplace_back(id);
  for (std::int32_t id = 1; id <= all; ++id) {
    Server& made = servers_[ServerId(id)];
    made.id = ServerId(id);
    made.incarnation = random_->uuid();
    made.disk.membership = configured_;
  }
  for (auto& [id, made] : servers_) start(made);
}

void World::trace(const std::string& what) const { fmt::print("{:4} {}\n", now_, what); }

bool World::chance(double of) { return static_cast<double>(below(1'000'000)) < of * 1e6; }

std::optional<std::string> World::run(int ticks) {
  for (int i = 0; i < ticks && !broken_; ++i) {
    chaos();
    tick();
  }
  if (!broken_) calm();
  return broken_;
}

void World::tick() {
  ++now_;
  deliver();
  for (auto& [id, server] : servers_) {
    if (!server.core || is_paused(server) || broken_) continue;
    server.core->tick();
    check(server);
    pump(server);
    receive_all(server);
    if (!server.core) continue;
    while (!server.feeds.empty() && server.feeds.front().first <= now_) {
      const Consensus::Feed next = server.feeds.front().second;
      server.feeds.pop_front();
      feed(server, next);
    }
    if (server.installing && server.installing->first <= now_ && !server.blocked_by) {
      const Wire wire = std::move(server.installing->second);
      server.installing.reset();
      install(server, wire);
    }
    write_and_sync(server);
  }
  while (!snapshot_ends_.empty() && snapshot_ends_.begin()->first <= now_) {
    const auto [leader, sent] = snapshot_ends_.begin()->second;
    snapshot_ends_.erase(snapshot_ends_.begin());
    Server& sender = server(leader);
    if (!sender.core) continue;
    if (is_paused(sender)) {
      snapshot_ends_.emplace(sender.paused_until, std::pair(leader, sent));
      continue;
    }
    sender.core->snapshot_sent(sent.first, sent.second);
    check(sender);
    pump(sender);
  }
}

// The faults end; soon all members hold what is proposed then.
void World::calm() {
  calm_ = true;
  weather_.lost = weather_.doubled = weather_.crash = weather_.pause = weather_.blank = weather_.change =
      weather_.transfer = 0;
  weather_.delay_max = 1;
  weather_.in_order = true;
  weather_.write = weather_.sync = 1;
  cut_.clear();
  for (auto& [id, server] : servers_) server.paused_until = std::min(server.paused_until, now_);
  for (auto& [id, server] : servers_)
    if (!server.core) start(server);
  const std::int64_t deadline = now_ + std::int64_t{10} * election_ticks;
  const std::uint64_t first_payload = next_payload_;
  std::optional<std::string> lacking = "no proposal was committed";
  while (now_ < deadline && lacking && !broken_) {
    Server* leader = leading();
    if (leader != nullptr && now_ % (election_ticks / 2) == 0) propose(*leader);
    tick();
    const auto proposed = std::ranges::find_if(committed_, [&](const auto& entry) {
      return entry.second.batch.payload >= first_payload && proposals_.contains(entry.second.batch.payload);
    });
    if (proposed != committed_.end()) lacking = members_lack(proposed->second.batch.span.end);
  }
  if (lacking) broken("no progress after the faults: " + *lacking);
}

Server* World::leading() {
  Server* leader = nullptr;
  for (auto& [id, server] : servers_)
    if (server.core && server.core->leads() && (leader == nullptr || leader->core->term() < server.core->term()))
      leader = &server;
  return leader;
}

// ---- Faults and requests ----

void World::chaos() {
  for (auto& [id, server] : servers_) {
    if (!server.core) {
      if (!chance(weather_.restart)) continue;
      if (chance(weather_.blank) && may_lose(id)) wipe(server);
      start(server);
      continue;
    }
    if (chance(weather_.crash)) {
      crash(server);
      continue;
    }
    if (is_paused(server)) continue;
    if (chance(weather_.pause)) {
      server.paused_until = now_ + 1 + static_cast<std::int64_t>(below(10 * election_ticks));
      continue;
    }
    if (chance(weather_.trim)) trim(server);
    if (chance(weather_.read) && !server.blocked_by) {
      server.reads.emplace(next_token_, committed_end_);
      server.core->read_index(next_token_++);
      check(server);
    }
    if (server.core->leads() && !server.blocked_by) {
      if (chance(weather_.proposal)) propose(server);
      if (chance(weather_.change)) change_membership(server);
      if (server.core && chance(weather_.transfer)) {
        const ServerId to(static_cast<std::int32_t>(1 + below(servers_.size())));
        if (to != id && server.core->transfer(to)) ++tally_.transfers;
      }
    }
    pump(server);
  }
  if (chance(weather_.deposed)) depose();
  if (chance(weather_.cut)) cut_links();
  if (chance(weather_.healed)) cut_.clear();
}

void World::crash(Server& server) {
  if (traced_) trace(fmt::format("{} crashes", server.id.value));
  ++tally_.crashes;
  reach_disk(server, below(server.unsynced.size() + 1));
  if (server.blocked_by && chance(0.5)) server.hard_state = *server.blocked_by->hard_state;
  server.unsynced.clear();
  server.blocked_by.reset();
  server.paused_until = 0;
  server.inbox.clear();
  server.feeds.clear();
  server.installing.reset();
  server.reads.clear();
  server.core.reset();
  server.log = server.disk;
  for (auto& [id, other] : servers_)
    if (other.core && chance(0.5)) other.core->unreachable(server.id);
}

void World::wipe(Server& server) {
  if (traced_) trace(fmt::format("{} loses its disk", server.id.value));
  ++tally_.blanks;
  wiped_.insert(server.id);
  server.incarnation = random_->uuid();
  server.hard_state = {};
  server.disk = {};
  server.disk.membership = as_configured();
  server.snapshot = {};
  server.log = server.disk;
}

// Whoever gives a server a new disk says in its configuration whom it joins: as a sole voter it would found another
// ensemble.
Membership World::as_configured() const {
  Membership latest = configured_;
  for (const auto& [base, entry] : committed_)
    if (entry.batch.span.membership) latest = finish(*entry.batch.span.membership);
  latest.lives.clear();
  return latest;
}

void World::start(Server& server) {
  server.log = server.disk;
  server.applied = server.snapshot.end;
  server.digest = server.snapshot.digest;
  ConsensusStart found{.hard_state = server.hard_state,
                       .terms = {},
                       .log_start = server.disk.start,
                       .log_end = server.disk.end(),
                       .committed = server.snapshot.end,
                       .snapshot_membership = server.disk.membership,
                       .memberships = {}};
  if (server.disk.start > Offset(0)) found.terms.assign(server.disk.term_before, server.disk.start - 1);
  for (const Batch& batch : server.disk.batches) {
    found.terms.assign(batch.span.term, batch.span.base);
    if (batch.span.membership) found.memberships.emplace_back(batch.span.base, *batch.span.membership);
  }
  if (traced_)
    trace(fmt::format("{} starts in term {}, log {}..{}", server.id.value, server.hard_state.term.value,
                      server.disk.start.value, server.disk.end().value));
  server.random = seeded_random(random_->next());
  server.core = std::make_unique<Consensus>(ConsensusOptions{.self = server.id,
                                                             .incarnation = server.incarnation,
                                                             .election_ticks = election_ticks,
                                                             .heartbeat_ticks = weather_.heartbeat_ticks,
                                                             .appends_in_flight_max = 4,
                                                             .bytes_in_flight_max = 1000},
                                            std::move(found), *server.random);
  check(server);
  pump(server);
}

void World::cut_links() {
  const auto any = [&] { return ServerId(static_cast<std::int32_t>(1 + below(servers_.size()))); };
  const ServerId one = any(), bridge = any();
  switch (below(4)) {
    case 0:  // one server alone
      for (const auto& [id, other] : servers_) cut_.insert({one, id}), cut_.insert({id, one});
      break;
    case 1:
      cut_.insert({one, any()});
      break;  // one way
    case 2:   // one server speaks, and hears nobody
      for (const auto& [id, other] : servers_) cut_.insert({id, one});
      break;
    default: {  // two halves, perhaps with a bridge between them
      const bool bridged = chance(0.5);
      for (const auto& [a, left] : servers_)
        for (const auto& [b, right] : servers_)
          if (a.value % 2 != b.value % 2 && !(bridged && (a == bridge || b == bridge))) cut_.insert({a, b});
    }
  }
}

// Leaders that do not last leave entries behind that are nowhere committed.
void World::depose() {
  Server* leader = leading();
  if (leader == nullptr) return;
  if (chance(0.5)) return crash(*leader);
  if (chance(0.5)) cut_.clear();
  for (const auto& [id, other] : servers_) cut_.insert({leader->id, id}), cut_.insert({id, leader->id});
}

void World::propose(Server& server) {
  if (server.core->is_transferring() || server.blocked_by) return;
  if (server.core->log_end() == Offset(0)) return;  // its first entry is not its own choice
  proposals_.insert(next_payload_);
  append(server, static_cast<std::int64_t>(1 + below(3)), std::nullopt);
  pump(server);
}

void World::change_membership(Server& server) {
  Membership target = server.core->membership();
  for (std::uint64_t moves = 1 + below(3); moves > 0; --moves) {
    const ServerId id(static_cast<std::int32_t>(1 + below(servers_.size())));
    const bool votes = std::ranges::find(target.voters, id) != target.voters.end();
    const bool learns = std::ranges::find(target.learners, id) != target.learners.end();
    std::erase(target.voters, id);
    std::erase(target.learners, id);
    if (!votes && !learns) target.learners.push_back(id);
    if (learns && target.voters.size() < 5) target.voters.push_back(id);
    if (votes && chance(0.5)) target.learners.push_back(id);
  }
  if (target.voters.empty()) return;
  const auto entry = server.core->change(std::move(target));
  if (!entry) return;
  // A learner lost its disk, and the leader has not noticed: what would end the ensemble does not happen.
  if (!keeps_quorum(*entry, std::nullopt)) return crash(server);
  ++tally_.changes;
  append(server, 1, *entry);
  pump(server);
}

void World::trim(Server& server) {
  if (server.applied == server.snapshot.end || server.blocked_by) return;
  const auto below_applied = server.log.before(server.applied);
  server.snapshot = {.end = server.applied,
                     .last_term = below_applied.second,
                     .membership = server.core->committed_membership(),
                     .digest = server.digest};
  std::vector<Offset> ends;
  for (const Batch& batch : server.log.batches)
    if (batch.span.end <= server.applied) ends.push_back(batch.span.end);
  if (ends.empty()) return;
  const Offset to = ends[below(ends.size())];
  server.log.trim(to);
  server.disk.trim(to);
  server.core->trimmed(to);
  check(server);
}

// ---- Disk ----

Offset World::durable_end(const Server& server) const {
  Offset end = server.disk.end();
  for (const LogWrite& write : server.unsynced)
    if (write.truncate_to) end = std::min(end, *write.truncate_to);
  return end;
}

// The first of what was written.
void World::reach_disk(Server& server, std::uint64_t writes) {
  for (; writes > 0; --writes) {
    const LogWrite& write = server.unsynced.front();
    if (write.truncate_to) {
      server.disk.truncate(*write.truncate_to);
    } else {
      server.disk.batches.push_back(write.batch);
    }
    server.unsynced.pop_front();
  }
}

void World::write_and_sync(Server& server) {
  if (!server.core) return;
  if (server.blocked_by && chance(weather_.write)) {
    Consensus::Ready ready = std::move(*server.blocked_by);
    server.blocked_by.reset();
    server.hard_state = *ready.hard_state;
    ready.hard_state.reset();
    perform(server, std::move(ready));
    pump(server);
    receive_all(server);
  }
  if (server.blocked_by || server.unsynced.empty() || !chance(weather_.sync)) return;
  reach_disk(server, calm_ ? server.unsynced.size() : 1 + below(server.unsynced.size()));
  server.core->durable(durable_end(server));
  check(server);
  pump(server);
}

// ---- Network ----

void World::send(Wire wire) {
  if (cut_.contains({wire.message.from, wire.message.to}) || chance(weather_.lost)) return;
  const int copies = chance(weather_.doubled) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    std::int64_t at = now_ + 1 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(weather_.delay_max)));
    std::int64_t& last = last_delivery_[{wire.message.from, wire.message.to}];
    if (weather_.in_order) at = std::max(at, last);
    last = at;
    in_flight_.emplace(at, wire);
  }
}

void World::deliver() {
  while (!in_flight_.empty() && in_flight_.begin()->first <= now_ && !broken_) {
    const Wire wire = std::move(in_flight_.begin()->second);
    in_flight_.erase(in_flight_.begin());
    Server& to = server(wire.message.to);
    if (!to.core || cut_.contains({wire.message.from, wire.message.to})) continue;
    if (to.blocked_by || is_paused(to) || !to.inbox.empty()) {
      to.inbox.push_back(wire);
    } else {
      receive(to, wire);
    }
  }
}

void World::receive_all(Server& server) {
  while (server.core && !server.blocked_by && !server.inbox.empty()) {
    const Wire wire = std::move(server.inbox.front());
    server.inbox.pop_front();
    receive(server, wire);
  }
}

void World::receive(Server& server, const Wire& wire) {
  if (traced_) trace(described(wire.message));
  if (wire.message.kind == Message::Kind::append) {
    const Consensus::AppendDecision decision = server.core->step_append(wire.message);
    if (decision.truncate_to) {
      ++tally_.truncations;
      server.log.truncate(*decision.truncate_to);
      server.unsynced.push_back({.truncate_to = *decision.truncate_to, .batch = {}});
    }
    for (const Batch& batch : wire.batches) {
      if (!decision.append_from || batch.span.base < *decision.append_from) continue;
      check_received(server, batch, server.log.before(batch.span.base));
      server.log.batches.push_back(batch);
      server.unsynced.push_back({.truncate_to = std::nullopt, .batch = batch});
    }
  } else if (wire.message.kind == Message::Kind::snapshot) {
    if (server.core->step_snapshot(wire.message) && !server.installing)
      server.installing.emplace(now_ + static_cast<std::int64_t>(below(4)), wire);
  } else {
    server.core->step(wire.message);
  }
  check(server);
  pump(server);
}

void World::install(Server& server, const Wire& wire) {
  const ModelSnapshot& snapshot = *wire.snapshot;
  if (!server.core->wants_snapshot(snapshot.end, snapshot.last_term)) return;
  ++tally_.snapshots;
  server.snapshot = snapshot;
  server.disk = {
      .start = snapshot.end, .term_before = snapshot.last_term, .membership = snapshot.membership, .batches = {}};
  server.log = server.disk;
  server.unsynced.clear();
  server.applied = snapshot.end;
  server.digest = snapshot.digest;
  check_digest(server);
  server.core->restored(snapshot.end, snapshot.last_term, snapshot.membership);
  check(server);
  pump(server);
}

// ---- The driver ----

void World::pump(Server& server) {
  while (server.core && !server.blocked_by && !broken_ && server.core->has_ready()) {
    Consensus::Ready ready = server.core->take();
    if (ready.hard_state) {
      server.blocked_by = std::move(ready);
    } else {
      perform(server, std::move(ready));
    }
  }
  if (server.core && !server.blocked_by && server.core->leads()) check_leader(server);
}

void World::perform(Server& server, Consensus::Ready ready) {
  for (Message& message : ready.messages) {
    if (message.kind == Message::Kind::append && !message.spans.empty()) broken("a core sent spans by itself");
    send({.message = std::move(message), .batches = {}, .snapshot = std::nullopt});
  }
  for (const Consensus::Feed& next : ready.feeds) {
    if (chance(0.8)) {
      feed(server, next);
    } else {
      server.feeds.emplace_back(now_ + static_cast<std::int64_t>(below(3)), next);
    }
  }
  if (ready.committed) apply(server, *ready.committed);
  for (const Consensus::Ready::Read& read : ready.reads) {
    const auto floor = server.reads.find(read.token);
    if (floor == server.reads.end()) {
      broken("a read was answered twice");
      break;
    }
    ++tally_.reads;
    if (read.commit && *read.commit < floor->second)
      broken(fmt::format("{} reads from {} what was committed up to {}", server.id.value, read.commit->value,
                         floor->second.value));
    server.reads.erase(floor);
  }
  for (const ServerId to : ready.snapshots) {
    const ModelSnapshot& snapshot = server.snapshot;
    if (snapshot.end < server.log.start) broken("a snapshot is asked for that is not there");
    send({.message = server.core->snapshot_offer(to, snapshot.end, snapshot.last_term),
          .batches = {},
          .snapshot = snapshot});
    snapshot_ends_.emplace(
        now_ + 2 + static_cast<std::int64_t>(below(10)),
        std::pair(server.id, std::pair(to, chance(0.7) ? std::optional(snapshot.end) : std::nullopt)));
  }
  lead(server, ready);
}

void World::lead(Server& server, const Consensus::Ready& ready) {
  if (!server.core->leads()) return;
  if (ready.append_membership) {
    const Membership& current = server.core->membership();
    if (ready.append_membership->is_joint() && ready.append_membership->voters == current.voters) ++tally_.replaced;
    append(server, 1, ready.append_membership);
  } else if (ready.leads) {
    append(server, 1, std::nullopt);
  }
}

void World::append(Server& server, std::int64_t entries, std::optional<Membership> membership) {
  const Offset base = server.log.end();
  Batch batch{
      .span = {.base = base, .end = base + entries, .term = server.core->term(), .membership = std::move(membership)},
      .payload = next_payload_++};
  note_created(server, batch, server.log.before(base));
  if (traced_ && batch.span.membership)
    trace(
        fmt::format("{} appends at {} membership {}", server.id.value, base.value, described(*batch.span.membership)));
  server.log.batches.push_back(batch);
  server.unsynced.push_back({.truncate_to = std::nullopt, .batch = batch});
  server.core->appended(batch.span);
  check(server);
}

void World::feed(Server& server, const Consensus::Feed& feed) {
  Offset end = feed.from;
  if (server.core->leads() && server.core->term() == feed.term && feed.from >= server.log.start && !chance(0.05)) {
    if (server.log.at(feed.from) == nullptr) return broken("fed from the middle of a batch");
    Wire wire;
    std::vector<Span> spans;
    const std::size_t batches_max = calm_ ? 100 : 1 + below(weather_.batches_max);
    for (const Batch* batch = server.log.at(end); batch != nullptr && spans.size() < batches_max && end < feed.end;
         batch = server.log.at(end)) {
      wire.batches.push_back(*batch);
      spans.push_back(batch->span);
      end = batch->span.end;
    }
    wire.message = server.core->message_of(feed, std::move(spans));
    send(std::move(wire));
  }
  server.core->fed(feed, end, static_cast<std::uint64_t>(end - feed.from) * 100);
  check(server);
  pump(server);
}

void World::apply(Server& server, Offset to) {
  if (to > durable_end(server)) broken(fmt::format("{} applies what it may forget", server.id.value));
  while (server.applied < to && !broken_) {
    const Batch* batch = server.log.at(server.applied);
    if (batch == nullptr) return broken("applied to the middle of a batch");
    note_committed(server, *batch);
    server.digest = mixed(server.digest, batch->payload);
    server.applied = batch->span.end;
    check_digest(server);
  }
  if (server.applied > to) broken("committed to the middle of a batch");
}

}  // namespace holdfast::consensus_world
