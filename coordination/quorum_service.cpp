// QuorumDriver: the other servers, and whether this one serves.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "coordination/membership.h"
#include "coordination/next_membership.h"
#include "coordination/quorum_driver.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(50);
constexpr Duration guest_max = std::chrono::minutes(1);       // a server that nobody names and nobody reaches
constexpr Duration paused_after = std::chrono::seconds(1);    // without a poll
constexpr Duration disk_stuck_max = std::chrono::seconds(2);  // who cannot write lets another one lead, or serve
constexpr Duration reconfig_max = std::chrono::seconds(5);
constexpr std::size_t digests_kept = 16;

// Whether a majority may be made with this server's vote: a joint membership asks the former majority, too.
bool counts(const Membership& membership, ServerId id, const Incarnation& life) {
  if (!membership.is_joint()) return membership.is_voter(id, life);
  const auto former = membership.outgoing_lives.find(id);
  return former != membership.outgoing_lives.end() && former->second == life;
}

std::optional<Endpoint> endpoint_of(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  Endpoint out;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  out.host = host;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, out.port);
  if (out.host.empty() || parsed.ec != std::errc() || parsed.ptr != end || out.port == 0) return std::nullopt;
  return out;
}

}  // namespace

// ---- Whether this server serves ----

// What it is given is not getting durable: the disk is full, or hangs. It learns nothing new.
bool QuorumDriver::disk_is_stuck() const { return shard_.clock().now() - disk_moved_at_ > disk_stuck_max; }

// It has applied all that was committed before the leader that it hears, or is.
bool QuorumDriver::follows() const {
  const ServerId leader = replica_.core().leader();
  return leader != ServerId(0) && applied_term_ == replica_.core().term() &&
         (replica_.leads() || replica_.connected(leader));
}

void QuorumDriver::on_role_changed() {
  note_role();
  // What was prepared and not applied is the log's to keep or to lose; those who asked find out by its origin.
  judging_ = false;
  early_.clear();
  if (alone() || pending_.empty()) return;
  pending_.clear();
  unlogged_ = 0;
  appended_.clear();
  machine_.discard_outstanding();
}

void QuorumDriver::note_role() {
  const SteadyTime now = shard_.clock().now();
  const ServerId leader = replica_.core().leader();
  const bool looked = std::exchange(told_.leader, leader) == ServerId(0);
  role_since_ = now;
  synced_peers_.clear();
  told_.proposal_bytes = {};
  if (leader == ServerId(0)) {
    if (!looked) {
      looking_since_ = now;
      ++told_.looked;
    }
    return;
  }
  if (looked) told_.elections.add(std::chrono::duration_cast<std::chrono::milliseconds>(now - looking_since_).count());
  if (alone()) return;
  const std::string role = replica_.leads() ? "leading" : fmt::format("following server {}", leader.value);
  log_line(LogLevel::info, "quorum", "{} in term {}", role, replica_.core().term().value);
}

void QuorumDriver::poll() {
  if (stopping_ || failed()) return;
  watch_disk();
  redial_silent_leader();
  update_serving();
  send_own();
  retry_syncs();
  finish_reconfigured();
  if (judging_) {
    for (const auto& [id, peer] : replica_.core().peers()) {
      if (!peer.recent) synced_peers_.erase(id);
      if (peer.recent && peer.match >= replica_.core().commit()) synced_peers_.insert(id);
    }
    replica_.submit([this] { reconcile(); });
    if (unlogged_ > 0) log_burst_soon();
    leave_full_disk();
  }
  update_guests();
  shard_.arm(poll_timer_, poll_interval, [this] { poll(); });
}

// A connection may be dead in our direction alone, and nobody says so. With a new one it is known.
void QuorumDriver::redial_silent_leader() {
  const SteadyTime now = shard_.clock().now();
  if (own_.empty() || replica_.leads() || now - own_.front().since <= options_.patience ||
      now - redialled_at_ <= options_.patience)
    return;
  redialled_at_ = now;
  replica_.redial(replica_.core().leader());
}

void QuorumDriver::update_serving() {
  const SteadyTime now = shard_.clock().now();
  const bool stuck = disk_is_stuck();
  const bool now_follows = follows() && !stuck;
  if (now_follows) followed_at_ = now;
  const bool serves = now_follows || (serving_ && now - followed_at_ < options_.patience);
  if (serves == serving_) return;
  serving_ = serves;
  if (serves) {
    told_.unavailable.add(std::chrono::duration_cast<std::chrono::milliseconds>(now - unavailable_since_).count());
    log_line(LogLevel::info, "coordination", "serving clients, at zxid 0x{:x}", machine_.last_applied().value);
  } else {
    unavailable_since_ = now;
    const std::string_view why = stuck ? "the disk takes no more" : "no leader";
    const Duration since = stuck ? now - disk_moved_at_ : options_.patience;
    log_line(LogLevel::warn, "coordination", "{} for {} ms: clients are turned away", why,
             std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
  }
  listener_.on_serving(serves);
  if (!serves) drop_own();
}

// ---- Requests ----

void QuorumDriver::send_own() {
  if (alone() || !follows()) return;
  // They keep their order: nothing goes ahead of what could not be sent.
  while (own_sent_ < own_.size() && send_one(own_[own_sent_])) ++own_sent_;
}

bool QuorumDriver::send_one(const Own& own) {
  const RequestFrame frame{applied_term_, life_, own.number};
  if (!replica_.leads()) return replica_.send(replica_.core().leader(), FrameKind::request, encode(frame, own.request));
  if (!judging_) return false;
  judge(options_.quorum.self, {frame, own.request});
  return true;
}

void QuorumDriver::on_connected(ServerId peer) {
  if (failed() || peer != replica_.core().leader()) return;
  // What was sent on the connection before may be lost, or not: the leader knows by the numbers.
  own_sent_ = 0;
  send_own();
}

void QuorumDriver::on_frame(ServerId from, FrameKind kind, const Bytes& payload) {
  switch (kind) {
    case FrameKind::request:
      return on_request(from, payload);
    case FrameKind::sessions: {
      auto frame = decode_sessions_frame(payload.view());
      if (!frame || !judging_) return;
      for (const auto& [session, timeout_ms] : frame->touched) listener_.on_touched(session, timeout_ms);
      return;
    }
    case FrameKind::digest:
      return on_digest(from, payload);
    default:
      return;
  }
}

void QuorumDriver::on_request(ServerId from, const Bytes& payload) {
  auto received = decode_request_frame(payload);
  if (!received) {
    log_line(LogLevel::warn, "quorum", "server {} sends a request that cannot be read: {}", from.value,
             received.error().message);
    return;
  }
  // Meant for another leader: its sender finds out, and sends it again.
  if (!replica_.leads() || received->frame.term != replica_.core().term()) return;
  if (!judging_) {
    early_.emplace_back(from, payload);
    return;
  }
  judge(from, *received);
}

void QuorumDriver::judge(ServerId from, const ReceivedRequestFrame& received) {
  const RequestFrame& frame = received.frame;
  auto& [life, number] = judged_[from];
  if (life == frame.life && frame.number <= number) return;  // sent again after a connection was lost
  life = frame.life;
  number = frame.number;
  zk::ReceivedRequest request;
  zk::Caller caller;
  const Origin origin{from, frame.life, frame.number};
  auto decoded = zk::decode(received.request.view(), request);
  if (decoded) return prepare(request.request, request.caller, origin, nullptr);
  log_line(LogLevel::warn, "quorum", "a request of server {} cannot be read: {}", from.value, decoded.error().message);
  prepare(zk::FailOp{zk::ZkError::marshalling_error}, caller, origin, nullptr);
}

void QuorumDriver::finish_own(std::uint64_t number, const zk::Txn& txn, const zk::Effects& effects) {
  const auto found = std::ranges::lower_bound(own_, number, {}, &Own::number);
  if (found == own_.end() || found->number != number) return;
  Applied done = std::move(found->done);
  if (static_cast<std::size_t>(found - own_.begin()) < own_sent_) --own_sent_;
  own_.erase(found);
  if (!done) return;
  if (effects.new_config.empty()) return done(effects);
  Reconfigured& waits =
      reconfigured_.emplace_back(Reconfigured{txn, effects, std::move(done), shard_.clock().now() + reconfig_max});
  waits.effects.new_config = std::get<zk::ReconfigTxn>(waits.txn.body).config;
}

void QuorumDriver::finish_reconfigured() {
  while (!reconfigured_.empty()) {
    Reconfigured& first = reconfigured_.front();
    if (!is_settled(config_, replica_.core().committed_membership()) && shard_.clock().now() < first.until) return;
    Reconfigured over = std::move(first);
    reconfigured_.pop_front();
    over.effects.new_config = std::get<zk::ReconfigTxn>(over.txn.body).config;
    over.done(over.effects);
  }
}

bool QuorumDriver::report_touched(std::vector<std::pair<SessionId, std::int32_t>> touched) {
  if (alone() || !follows() || replica_.leads()) return false;
  SessionsFrame frame{applied_term_, std::move(touched)};
  return replica_.send(replica_.core().leader(), FrameKind::sessions, BufferChain(encode(frame)));
}

// ---- sync ----

void QuorumDriver::sync(Function<void(bool)> done) {
  if (alone()) return done(!failed());
  if (!serving()) return done(false);
  const std::uint64_t token = next_sync_++;
  syncs_.emplace(token, std::move(done));
  replica_.read_index(token);
}

void QuorumDriver::on_read(std::uint64_t token, std::optional<Offset> commit) {
  if (!commit) {
    unasked_syncs_.push_back(token);  // again when there is a leader
    return;
  }
  auto found = syncs_.extract(token);
  if (found.empty()) return;
  synced_.emplace(*commit, std::move(found.mapped()));
  finish_syncs();
}

void QuorumDriver::retry_syncs() {
  if (!follows()) return;
  for (const std::uint64_t token : std::exchange(unasked_syncs_, {}))
    if (syncs_.contains(token)) replica_.read_index(token);
}

void QuorumDriver::finish_syncs() {
  while (!synced_.empty() && synced_.begin()->first <= applied_) {
    Function<void(bool)> done = std::move(synced_.begin()->second);
    synced_.erase(synced_.begin());
    done(true);
  }
}

// ---- Who belongs to the ensemble ----

void QuorumDriver::update_config() {
  if (alone()) return;
  const zk::Znode* node = machine_.tree().find(ensemble_config_path);
  EnsembleConfig former = config_;
  if (node && !node->data.empty())
    if (auto parsed = EnsembleConfig::parse(as_text(node->data.view()), options_.multi_address);
        parsed && !parsed->servers.empty())
      config_ = std::move(*parsed);
  // Who is named no more may have a vote until the membership follows, and is needed for that.
  for (const ServerId id : members(replica_.core().membership(), options_.quorum.self)) {
    const auto gone = former.servers.find(id);
    if (gone == former.servers.end() || config_.servers.contains(id)) continue;
    const EnsembleServer::Address& address = gone->second.addresses.front();
    guests_.try_emplace(id, Endpoint{address.host, address.quorum_port}, shard_.clock().now());
  }
  std::erase_if(guests_, [this](const auto& guest) { return config_.servers.contains(guest.first); });
  update_addresses();
}

void QuorumDriver::update_addresses() {
  std::map<ServerId, std::vector<Endpoint>> addresses;
  const auto add = [&](const EnsembleConfig& config) {
    for (const auto& [id, server] : config.servers) {
      if (addresses.contains(id)) continue;
      for (const EnsembleServer::Address& address : server.addresses)
        addresses[id].push_back({address.host, address.quorum_port});
    }
  };
  // Where the files say who belongs, each server has its own way to the others. A server that they alone name may be
  // this one, which is new.
  add(options_.configured_holds ? options_.configured : config_);
  add(options_.configured_holds ? config_ : options_.configured);
  for (const auto& [id, guest] : guests_)
    if (!addresses.contains(id)) addresses[id].push_back(guest.first);
  replica_.set_addresses(std::move(addresses));
}

void QuorumDriver::on_gone(ServerId peer) {
  if (judging_) listener_.on_gone(peer);
}

// Looked at again and again, for what the configuration says may change while they are here: a server that was removed
// may dial another one that has not yet read that it was.
void QuorumDriver::update_guests() {
  if (!replica_.transport()) return;
  const SteadyTime now = shard_.clock().now();
  bool changed = false;
  for (const auto& [id, address] : replica_.transport()->heard()) {
    if (config_.servers.contains(id)) continue;
    auto endpoint = endpoint_of(address);
    if (!endpoint) continue;
    const auto [guest, is_new] = guests_.try_emplace(id, *endpoint, now);
    const bool moved = guest->second.first != *endpoint;
    guest->second = {std::move(*endpoint), now};
    if (!is_new && !moved) continue;
    log_line(LogLevel::info, "quorum", "server {} at {} is here, and not of the configuration", id.value, address);
    changed = true;
  }
  const auto is_gone = [&](const auto& guest) {
    return now - guest.second.second > guest_max && !replica_.transport()->connected(guest.first);
  };
  if (std::erase_if(guests_, is_gone) > 0 || changed) update_addresses();
}

// Leader, as an input: one step of the membership, towards what the configuration says.
void QuorumDriver::reconcile() {
  if (!judging_ || !replica_.core().may_change()) return;
  const zk::Znode* node = machine_.tree().find(ensemble_config_path);
  const bool unset = !node || node->data.empty() ||
                     !EnsembleConfig::parse(as_text(node->data.view()), options_.multi_address).has_value() ||
                     config_.version == Zxid(0);
  const bool differs = options_.configured_holds && [this] {
    EnsembleConfig here = options_.configured;
    here.version = config_.version;
    return here.text() != config_.text();
  }();
  if ((unset || differs) && !installing_) {
    installing_ = true;
    zk::Caller caller;
    caller.privileged = true;
    propose(zk::InstallConfigOp{options_.configured}, caller, [this](const zk::Effects&) { installing_ = false; });
    return;
  }
  if (installing_) return;
  std::set<ServerId> guests;
  for (const auto& [id, guest] : guests_) guests.insert(id);
  const Consensus& core = replica_.core();
  auto next = next_membership(config_, guests, core.membership(), options_.quorum.self, core.commit(), core.peers());
  if (next) static_cast<void>(replica_.change(std::move(*next)));
}

zk::QuorumView QuorumDriver::quorum_view() const {
  zk::QuorumView out;
  const Consensus& core = replica_.core();
  out.changing = !core.may_change() || !is_settled(config_, core.membership());
  out.synced.push_back(options_.quorum.self);
  for (const auto& [id, peer] : core.peers())
    if (peer.recent && (peer.match >= core.commit() || synced_peers_.contains(id))) out.synced.push_back(id);
  return out;
}

// ---- Leadership ----

bool QuorumDriver::transfer_leadership() {
  const Consensus& core = replica_.core();
  std::optional<std::pair<Offset, ServerId>> best;
  for (const auto& [id, peer] : core.peers())
    if (!peer.learner && peer.recent && (!best || peer.match > best->first)) best = {peer.match, id};
  if (!best) return false;
  log_line(LogLevel::info, "quorum", "server {} is asked to lead", best->second.value);
  replica_.transfer(best->second);
  return true;
}

void QuorumDriver::watch_disk() {
  const SteadyTime now = shard_.clock().now();
  const Duration since_poll = now - std::exchange(polled_at_, now);
  // To a process that stood still everything else did, too.
  if (since_poll > paused_after) disk_moved_at_ += since_poll;
  const QuorumLog& log = replica_.log();
  const Offset durable = log.durable_end();
  if (durable != log.end() && durable == stuck_at_) return;
  stuck_at_ = durable;
  disk_moved_at_ = now;
}

// A leader whose disk takes no more holds everybody up: nothing is committed that is not durable here.
void QuorumDriver::leave_full_disk() {
  const SteadyTime now = shard_.clock().now();
  if (!disk_is_stuck() || now - asked_to_lead_at_ <= disk_stuck_max || !transfer_leadership()) return;
  log_line(LogLevel::warn, "quorum", "the disk takes no more: another server has to lead");
  asked_to_lead_at_ = now;
}

// ---- Digests ----

void QuorumDriver::exchange_digest() {
  const DigestFrame frame{applied_, machine_.last_applied(), machine_.digest()};
  const Bytes payload = encode(frame);
  for (const auto& [id, server] : config_.servers)
    if (id != options_.quorum.self) static_cast<void>(replica_.send(id, FrameKind::digest, BufferChain(payload)));
  digests_[frame.end][options_.quorum.self] = frame.digest;
  compare_digests(frame.end);
  while (digests_.size() > digests_kept) digests_.erase(digests_.begin());
}

void QuorumDriver::on_digest(ServerId from, const Bytes& payload) {
  auto frame = decode_digest_frame(payload.view());
  if (!frame || frame->end.value % digest_interval != 0 || !config_.servers.contains(from)) return;
  digests_[frame->end][from] = frame->digest;
  compare_digests(frame->end);
  while (digests_.size() > digests_kept) digests_.erase(digests_.begin());
}

// The majority is right; who differs from it serves nobody any more.
void QuorumDriver::compare_digests(Offset end) {
  const auto found = digests_.find(end);
  if (found == digests_.end()) return;
  const auto own = found->second.find(options_.quorum.self);
  if (own == found->second.end()) return;
  std::map<std::uint64_t, std::size_t> counts;
  for (const auto& [id, digest] : found->second)
    if (replica_.core().committed_membership().is_voter(id)) ++counts[digest];
  const std::size_t voters = replica_.core().committed_membership().voters.size();
  for (const auto& [digest, count] : counts) {
    if (digest == own->second || count * 2 <= voters) continue;
    ++told_.digest_mismatches;
    contradicted(
        fmt::format("at entry {} the state of this server differs from that of {} of {} voting servers: it "
                    "has to be emptied, and is filled again by the others",
                    end.value, count, voters));
    return;
  }
}

// ---- What is told of it ----

QuorumStatus QuorumDriver::status() const {
  QuorumStatus out = told_;
  out.self = options_.quorum.self;
  out.commit_time = &log_latency_;
  out.init_limit = options_.init_limit;
  out.sync_limit = options_.sync_limit;
  out.read_only_clients = options_.read_only_clients;
  if (alone()) return out;
  const Consensus& core = replica_.core();
  const Membership& membership = core.membership();
  out.leader = core.leader();
  out.term = core.term();
  out.voters = membership.voters.size();
  out.received_proposals = out.received_commits;
  out.pending_syncs = syncs_.size();
  out.snapshots_sent = replica_.snapshots_sent();
  if (!serving()) {
    out.mode = options_.read_only_clients && looking() ? QuorumStatus::Mode::read_only : QuorumStatus::Mode::looking;
  } else if (replica_.leads()) {
    out.mode = QuorumStatus::Mode::leader;
  } else {
    const bool votes = counts(core.committed_membership(), out.self, replica_.incarnation());
    out.mode = votes ? QuorumStatus::Mode::follower : QuorumStatus::Mode::observer;
  }
  if (!judging_) return out;
  out.leading_ms = std::chrono::duration_cast<std::chrono::milliseconds>(shard_.clock().now() - role_since_).count();
  for (const auto& [id, peer] : core.peers()) {
    const auto named = config_.servers.find(id);
    const bool observer = named != config_.servers.end() && named->second.observer;
    out.peers.push_back({id, !peer.learner, observer, peer.recent, synced_peers_.contains(id)});
  }
  return out;
}

}  // namespace holdfast
