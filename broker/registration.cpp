#include "broker/registration.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr Duration sight_interval = std::chrono::milliseconds(100);
constexpr Duration registration_pause = std::chrono::milliseconds(50);

// It will not be better later.
Error refusal(std::string message) { return {ErrorKind::invalid_input, std::move(message)}; }
bool is_final(const Error& error) { return error.kind == ErrorKind::invalid_input; }

}  // namespace

Registration::Registration(RegistrationOptions options, BrokerServices& services, Ensemble& ensemble, Listener listener)
    : options_(std::move(options)), services_(services), ensemble_(ensemble), listener_(std::move(listener)) {}

// ---- Joining ----

Task<Result<void>> Registration::join() {
  joining_ = true;
  Result<void> joined = fail(ErrorKind::closed, "stopping");
  bool told = false;
  while (!stopping_) {
    if (ensemble_.serving()) {
      joined = co_await try_join();
      if (joined || is_final(joined.error())) break;
      if (joined.error().kind == ErrorKind::no_space && !std::exchange(told, true))
        log_line(LogLevel::warn, "broker", "this broker joins the cluster when it has room: {}",
                 joined.error().message);
    }
    co_await ensemble_.shard().sleep(registration_pause);
  }
  joining_ = false;
  co_return joined;
}

Task<Result<void>> Registration::make_sure_of(std::string path, std::string data, bool null_data) {
  if (ensemble_.tree().find(path)) co_return Result<void>();
  std::vector<Ensemble::Op> ops;
  ops.push_back(Ensemble::Create{path, std::move(data), null_data, Ensemble::Create::persistent});
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  if (!done) co_return fail(done);
  if (done->error != zk::ZkError::ok && done->error != zk::ZkError::node_exists)
    co_return fail(ErrorKind::internal,
                   fmt::format("znode {} cannot be created: {}", path, wire::zk::error_name(done->error)));
  co_return Result<void>();
}

Task<Result<void>> Registration::prepare_znodes() {
  for (const std::string& path : znodes::persistent_paths()) {
    std::string none;
    auto there = co_await make_sure_of(path, std::move(none), true);
    if (!there) co_return there;
  }
  founded_ = founded_ || !ensemble_.tree().find(znodes::cluster_id);
  std::string cluster = znodes::encode_cluster_id(options_.cluster_id);
  auto named = co_await make_sure_of(std::string(znodes::cluster_id), std::move(cluster), false);
  if (!named) co_return named;
  auto epoch_there = co_await make_sure_of(std::string(znodes::controller_epoch), "0", false);
  if (!epoch_there) co_return epoch_there;
  const zk::Znode* node = ensemble_.tree().find(znodes::cluster_id);
  auto id = znodes::decode_cluster_id(node ? as_text(node->data.view()) : std::string_view());
  if (!id) co_return fail(id);
  cluster_id_ = std::move(*id);
  co_return Result<void>();
}

// The registration of this node's last life, whose session has not expired yet. True: there is one.
Result<bool> Registration::remove_last_life(std::vector<Ensemble::Op>& ops) const {
  const zk::Tree& tree = ensemble_.tree();
  const std::string own = znodes::broker_path(options_.node_id);
  const zk::Znode* before = tree.find(own);
  if (!before) return false;
  // A session's id begins with its server's: nobody else has that one while this process is alive.
  const SessionId owner(tree.stat(*before).ephemeral_owner);
  if (!ensemble_.is_of_this_server(owner))
    return std::unexpected(
        refusal(fmt::format("broker {} is registered by another server (session 0x{:x}): ids of brokers must differ",
                            options_.node_id, owner.value)));
  ops.push_back(Ensemble::Delete{own});
  if (const zk::Znode* controller = tree.find(znodes::controller);
      controller && tree.stat(*controller).ephemeral_owner == owner.value)
    ops.push_back(Ensemble::Delete{std::string(znodes::controller)});
  return true;
}

Task<Result<void>> Registration::try_join() {
  if (session_ == SessionId(0) || !ensemble_.has_session(session_)) {
    auto opened = co_await ensemble_.open_session(options_.session_timeout);
    if (!opened) co_return fail(opened);
    session_ = *opened;
  }
  auto prepared = co_await prepare_znodes();
  if (!prepared) co_return prepared;
  // A directory has its id before anybody hears of it.
  auto adopted = co_await services_.logs->adopt_cluster_id(cluster_id_);
  // A full disk may have room again; whoever is of another cluster stays so.
  if (!adopted && adopted.error().kind == ErrorKind::no_space) co_return adopted;
  if (!adopted) co_return std::unexpected(refusal(adopted.error().message));
  auto given_up = co_await give_up_lost_copies();
  if (!given_up) co_return given_up;

  const std::string own = znodes::broker_path(options_.node_id);
  std::vector<Ensemble::Op> ops;
  auto removed = remove_last_life(ops);
  if (!removed) co_return fail(removed);
  options_.broker.timestamp_ms = ensemble_.shard().clock().wall_ms();
  ops.push_back(Ensemble::Create{own, {}, true, Ensemble::Create::ephemeral});
  ops.push_back(Ensemble::Set{own, znodes::encode(options_.broker), 0});
  Told told = to_tell();
  const SteadyTime asked_at = ensemble_.shard().clock().now();
  add_directories(ops);
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  if (!done) co_return fail(done);
  if (done->error != zk::ZkError::ok)
    co_return fail(ErrorKind::internal,
                   fmt::format("the broker cannot register itself: {}", wire::zk::error_name(done->error)));
  epoch_ = done->zxid.value;
  note_left_out(done->zxid);
  confirmed_at_ = std::max(confirmed_at_, asked_at);
  published_ = std::move(told);
  log_line(LogLevel::info, "broker", "registered as broker {}, epoch 0x{:x}", options_.node_id, epoch_);
  renew_lease(true);
  if (listener_.joined) listener_.joined(session_, epoch_);
  co_return Result<void>();
}

// ---- What its directories have lost ----

// Once: what it is assigned later it has not had before. By then the tree is as new as whatever its last life was in.
void Registration::note_left_out(Zxid registered) {
  if (std::exchange(knows_left_out_, true) || services_.logs->left_out().empty()) return;
  services_.left_out = partitions_assigned_to(ensemble_.tree(), options_.node_id, registered);
  for (const LogId& id : services_.logs->found()) services_.left_out.erase(id);
}

Task<Result<void>> Registration::give_up_lost_copies() {
  const LogManager& logs = *services_.logs;
  const zk::Znode* node = ensemble_.tree().find(znodes::directories_path(options_.node_id));
  if (knows_losses_ || !node) co_return Result<void>();
  auto before = znodes::decode_directories(as_text(node->data.view()));
  if (!before) co_return std::unexpected(refusal(before.error().message));
  // What a directory holds that cannot be read is offline, and not lost.
  if (!logs.left_out().empty() || !lost_directory(*before, logs.directory_ids())) co_return Result<void>();
  auto withdrawn = co_await withdraw();
  if (!withdrawn) co_return withdrawn;
  std::size_t given_up = 0, nobody_left = 0;
  for (bool first = true; !stopping_; first = false) {
    LostCopies lost =
        lost_copies(partitions_counting_on(ensemble_.tree(), options_.node_id), options_.node_id, logs.found());
    if (first && lost.single > 0)
      log_line(LogLevel::warn, "broker",
               "{} partitions without another replica were in a log directory that is gone: "
               "they begin empty again",
               lost.single);
    if (lost.states.empty()) break;
    given_up = std::max(given_up, lost.states.size());
    nobody_left = std::max(nobody_left, lost.nobody_left);
    auto written = co_await write_states(std::move(lost.states));
    if (!written) co_return fail(written);
    if (!*written) co_await ensemble_.shard().sleep(registration_pause);
  }
  if (stopping_) co_return fail(ErrorKind::closed, "stopping");
  if (given_up > 0)
    log_line(
        LogLevel::warn, "broker",
        "the copies of {} partitions are gone with a log directory: this broker is not in sync with them any more, "
        "and {} of them have nobody who is",
        given_up, nobody_left);
  knows_losses_ = true;
  co_return Result<void>();
}

// From here on nobody takes this broker into an ISR: leaders name the registration that they take in. And this server's
// tree is as new as that: it may have been filled a moment ago, from a snapshot that is older than what this broker's
// last life was in.
Task<Result<void>> Registration::withdraw() {
  for (bool registered = true; registered && !stopping_;) {
    std::vector<Ensemble::Op> ops;
    auto removed = remove_last_life(ops);
    if (!removed) co_return fail(removed);
    registered = *removed;
    if (!registered) {
      const std::string known(znodes::cluster_id);
      ops.push_back(Ensemble::CheckCzxid{known, Zxid(ensemble_.tree().stat(*ensemble_.tree().find(known)).czxid)});
    }
    auto done = co_await ensemble_.submit(session_, std::move(ops));
    if (!done) co_return fail(done);
    if (done->error != zk::ZkError::ok) {
      registered = true;
      co_await ensemble_.shard().sleep(registration_pause);
    } else if (!registered) {
      // What was committed before it is here now, perhaps a registration among it.
      registered = ensemble_.tree().find(znodes::broker_path(options_.node_id)) != nullptr;
    }
  }
  if (stopping_) co_return fail(ErrorKind::closed, "stopping");
  co_return Result<void>();
}

// False: some of them changed meanwhile, or will; an error: the quorum cannot be asked.
Task<Result<bool>> Registration::write_states(std::vector<PartitionRecord> states) {
  constexpr std::size_t states_per_write = 200;
  bool all = true;
  for (std::size_t from = 0; from < states.size();) {
    const zk::Tree& tree = ensemble_.tree();
    std::map<std::int32_t, Zxid> members;
    std::vector<Ensemble::Op> ops;
    for (std::size_t count = 0; from < states.size() && count < states_per_write; ++from) {
      const PartitionRecord& p = states[from];
      // A newer state would hide that a member was gone meanwhile (Metadata::still_serves): the controller sees first.
      bool standing = true;
      std::map<std::int32_t, Zxid> others;
      for (const std::int32_t id : p.state.isr) {
        const zk::Znode* other = tree.find(znodes::broker_path(id));
        const std::int64_t czxid = other ? tree.stat(*other).czxid : Ensemble::CheckCzxid::absent.value;
        standing = standing && czxid <= p.state_zxid;
        others.emplace(id, Zxid(czxid));
      }
      if (!standing) {
        all = false;
        continue;
      }
      members.merge(others);
      ops.push_back(Ensemble::CheckCzxid{znodes::topic_path(p.topic), Zxid(p.topic_czxid)});
      ops.push_back(
          Ensemble::Set{znodes::state_path(p.topic, p.id.partition), znodes::encode(p.state), p.state_version});
      ++count;
    }
    if (ops.empty()) continue;
    for (const auto& [id, czxid] : members) ops.push_back(Ensemble::CheckCzxid{znodes::broker_path(id), czxid});
    auto done = co_await ensemble_.submit(session_, std::move(ops));
    if (!done) co_return fail(done);
    all = all && done->error == zk::ZkError::ok;
  }
  co_return all;
}

// With the registration: from then on this broker counts as one that has what is in these directories.
void Registration::add_directories(std::vector<Ensemble::Op>& ops) const {
  const LogManager& logs = *services_.logs;
  std::string path = znodes::directories_path(options_.node_id);
  std::vector<std::string> ids = logs.directory_ids();
  const zk::Znode* node = ensemble_.tree().find(path);
  auto before = node ? znodes::decode_directories(as_text(node->data.view())) : std::vector<std::string>();
  if (before && !logs.left_out().empty())
    for (std::string& id : *before)
      if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
  std::ranges::sort(ids);
  std::string data = znodes::encode_directories(ids);
  if (!node) {
    ops.push_back(Ensemble::Create{std::move(path), std::move(data), false, Ensemble::Create::persistent});
  } else if (as_text(node->data.view()) != data) {
    ops.push_back(Ensemble::Set{std::move(path), std::move(data), -1});
  }
}

// ---- Partitions that are offline, or full ----

void Registration::set_offline(znodes::Broker::Partitions partitions) {
  options_.broker.offline = std::move(partitions);
  publish_soon();
}

void Registration::set_full(znodes::Broker::Partitions partitions) {
  if (ensemble_.alone()) return;  // nobody else could lead
  options_.broker.full = std::move(partitions);
  publish_soon();
}

void Registration::publish_soon() {
  if (publishing_ || stopping_) return;
  publishing_ = true;
  if (!ensemble_.shard().spawn(services_.peers.front()->gate(), publish())) publishing_ = false;
}

Task<void> Registration::publish() {
  while (!stopping_ && published_ != to_tell()) {
    const bool written = co_await publish_once();
    if (!written) co_await ensemble_.shard().sleep(registration_pause);
  }
  publishing_ = false;
}

Task<bool> Registration::publish_once() {
  if (epoch_ < 0 || !ensemble_.serving()) co_return false;
  const std::string own = znodes::broker_path(options_.node_id);
  Told told = to_tell();
  std::vector<Ensemble::Op> ops;
  ops.push_back(Ensemble::CheckCzxid{own, Zxid(epoch_)});
  ops.push_back(Ensemble::Set{own, znodes::encode(options_.broker), -1});
  published_.reset();  // a write that is not answered may still be carried out
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  const bool written = done && done->error == zk::ZkError::ok;
  if (written) published_ = std::move(told);
  co_return written;
}

Task<void> Registration::tell_leaving() {
  if (ensemble_.alone()) co_return;  // there is no ISR but its own
  options_.broker.leaving = true;
  const bool written = co_await publish_once();
  (void)written;  // if not, it is taken back here and there, and put out again when its registration has gone
}

// ---- The lease ----

bool Registration::is_registered() const {
  const zk::Znode* own = ensemble_.tree().find(znodes::broker_path(options_.node_id));
  return own && epoch_ >= 0 && ensemble_.tree().stat(*own).czxid == epoch_;
}

void Registration::ask_quorum() {
  const SteadyTime now = ensemble_.shard().clock().now();
  if (asking_ || ensemble_.alone() || now - asked_at_ < options_.session_timeout / 12) return;
  asking_ = true;
  asked_at_ = now;
  ensemble_.driver().sync([this, now](bool answered) {
    asking_ = false;
    if (!answered) return;
    if (now < doubted_at_) return;
    confirmed_at_ = std::max(confirmed_at_, now);
    renew_lease(is_registered());
  });
}

void Registration::renew_lease(bool valid) {
  const SteadyTime now = ensemble_.shard().clock().now();
  // A server that stands alone asks nobody.
  if (valid)
    services_.lease_until = ensemble_.alone()
                                ? SteadyTime::max().time_since_epoch().count()
                                : (confirmed_at_ + options_.session_timeout / 3).time_since_epoch().count();
  const bool may = services_.holds_lease(now);
  if (may == believed_) return;
  believed_ = may;
  if (!may)
    log_line(LogLevel::warn, "broker", "nothing is heard of the quorum: this broker leads nothing until it is again");
  for (const auto& peer : services_.peers) peer->shard().post([p = peer.get(), may] { p->set_fenced(!may); });
}

void Registration::doubt() {
  if (ensemble_.alone() || epoch_ < 0) return;
  doubted_at_ = ensemble_.shard().clock().now();
  confirmed_at_ = doubted_at_ - options_.session_timeout;
  renew_lease(true);
}

void Registration::keep() {
  ensemble_.shard().arm(timer_, sight_interval, [this] {
    look();
    keep();
  });
}

void Registration::look() {
  const bool serving = ensemble_.serving();
  const bool registered = is_registered();
  if (serving && !registered && epoch_ >= 0) {
    // Expired, or taken for dead.
    log_line(LogLevel::warn, "broker", "the registration of broker {} is gone: it registers again", options_.node_id);
    epoch_ = -1;
    published_.reset();
    services_.lease_until = 0;
    if (listener_.left) listener_.left();
  }
  renew_lease(serving && registered);
  if (serving && registered) ask_quorum();
  if (serving && epoch_ < 0 && !joining_ && !stopping_)
    ensemble_.shard().spawn(services_.peers.front()->gate(), rejoin());
}

Task<void> Registration::rejoin() {
  auto joined = co_await join();
  if (!joined && !stopping_) {
    log_line(LogLevel::error, "broker", "{}", joined.error().message);
    stopping_ = true;
  }
}

void Registration::server_gone(ServerId server) {
  const zk::Tree& tree = ensemble_.tree();
  const zk::Znode* ids = tree.find(znodes::broker_ids);
  if (!ids || removing_ || session_ == SessionId(0)) return;
  for (const std::string_view name : zk::ChildNames(ids)) {
    std::string path = fmt::format("{}/{}", znodes::broker_ids, name);
    const zk::Znode* node = tree.find(path);
    if (!node || !Ensemble::is_of_server(SessionId(tree.stat(*node).ephemeral_owner), server.value)) continue;
    log_line(LogLevel::info, "broker", "broker {} is gone: the process of server {} has ended", name, server.value);
    removing_ = true;
    ensemble_.shard().spawn(services_.peers.front()->gate(),
                            remove_registration(std::move(path), Zxid(tree.stat(*node).czxid)));
    return;
  }
}

Task<void> Registration::remove_registration(std::string path, Zxid czxid) {
  std::vector<Ensemble::Op> ops;
  ops.push_back(Ensemble::CheckCzxid{path, czxid});
  const zk::Tree& tree = ensemble_.tree();
  const zk::Znode* broker = tree.find(path);
  const zk::Znode* controller = tree.find(znodes::controller);
  if (broker && controller && tree.stat(*broker).ephemeral_owner == tree.stat(*controller).ephemeral_owner) {
    const std::string controller_path(znodes::controller);
    ops.push_back(Ensemble::CheckCzxid{controller_path, Zxid(tree.stat(*controller).czxid)});
    ops.push_back(Ensemble::Delete{controller_path});
  }
  ops.push_back(Ensemble::Delete{path});
  auto done = co_await ensemble_.submit(session_, std::move(ops));
  (void)done;  // if it failed, the next attempt to reach the server comes here again
  removing_ = false;
}

Task<void> Registration::leave() {
  stopping_ = true;
  timer_.cancel();
  services_.lease_until = 0;
  if (listener_.left) listener_.left();
  if (session_ == SessionId(0)) co_return;
  if (ensemble_.serving()) co_await ensemble_.close_session(session_);
  session_ = SessionId(0);
}

}  // namespace holdfast
