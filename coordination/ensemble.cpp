#include "coordination/ensemble.h"

#include "coordination/monitor.h"
#include "coordination/zk_server.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::size_t expired_nodes_per_check = 1000;  // containers and TTL nodes deleted at once, at most

zk::MachineOptions machine_options(const EnsembleOptions& o, std::function<zk::QuorumView()> view) {
  zk::MachineOptions out;
  out.extended_types = o.extended_types;
  out.enforce_quota = o.enforce_quota;
  out.acl = o.acl;
  out.protected_prefixes = o.protected_prefixes;
  out.reconfig.enabled = o.reconfig_enabled;
  out.reconfig.standalone_enabled = o.standalone_enabled;
  out.reconfig.multi_address = o.multi_address;
  if (!o.servers.servers.empty()) {
    out.reconfig.quorum = std::move(view);
    out.config_text = o.servers.text();
  }
  return out;
}

QuorumDriverOptions driver_options(const EnsembleOptions& o) {
  constexpr std::int64_t ticks_in_a_timeout = 10;
  QuorumDriverOptions out;
  out.quorum.self = ServerId(o.server_id);
  out.quorum.alone = o.servers.servers.empty();
  out.quorum.recover_alone = o.recover_alone;
  out.quorum.configured = o.servers.membership();
  out.quorum.data_dir = o.data_dir;
  out.quorum.election_ticks = ticks_in_a_timeout;
  out.quorum.tick = std::chrono::milliseconds(std::max<std::int64_t>(1, o.election_timeout_ms / ticks_in_a_timeout));
  out.quorum.listen = o.quorum;
  out.quorum.address = o.quorum_address;
  out.snapshot_count = o.snapshot_count;
  out.configured = o.servers;
  out.configured_holds = !o.reconfig_enabled;
  out.multi_address = o.multi_address;
  out.init_limit = o.init_limit;
  out.sync_limit = o.sync_limit;
  out.read_only_clients = o.read_only_clients;
  // Shorter than any session lives: who is shown a server that hears nobody would miss that its session has expired.
  out.patience = std::chrono::milliseconds(o.tick_ms);
  return out;
}

const std::vector<zk::Acl>& open_acl() {
  static const std::vector<zk::Acl> acl{{31, {"world", "anyone"}}};
  return acl;
}

zk::DataView view_of(const std::string& data, bool null) {
  return null ? zk::DataView() : zk::DataView(as_bytes(data));
}

zk::MultiPart part_of(const Ensemble::Op& op) {
  struct Convert {
    zk::MultiPart operator()(const Ensemble::Create& c) const {
      zk::CreateOp out;
      out.op = zk::OpCode::create2;
      out.path = c.path;
      out.data = view_of(c.data, c.null_data);
      out.acl = open_acl();
      out.flags = c.flags;
      return out;
    }
    zk::MultiPart operator()(const Ensemble::Set& s) const {
      return zk::SetDataOp{s.path, view_of(s.data, false), s.version};
    }
    zk::MultiPart operator()(const Ensemble::Delete& d) const { return zk::DeleteOp{d.path, d.version}; }
    zk::MultiPart operator()(const Ensemble::Check& c) const { return zk::CheckOp{c.path, c.version}; }
    zk::MultiPart operator()(const Ensemble::CheckCzxid& c) const { return zk::CheckCzxidOp{c.path, c.czxid}; }
  };
  return std::visit(Convert{}, op);
}

}  // namespace

Ensemble::Ensemble(EnsembleOptions options, Shard& shard, LogManager& logs, Network& network, Disk& disk,
                   Workers& workers, Clock& clock, Random& random, Metrics& metrics)
    : options_(std::move(options)),
      shard_(shard),
      limits_{static_cast<std::int32_t>(options_.tick_ms), static_cast<std::int32_t>(options_.session_timeout_min_ms),
              static_cast<std::int32_t>(options_.session_timeout_max_ms)},
      expiry_(static_cast<std::int32_t>(options_.tick_ms)),
      machine_(machine_options(options_, [this] { return driver_.quorum_view(); })),
      driver_(driver_options(options_), *this, machine_, shard, logs, disk, workers, network, random, metrics),
      server_(std::make_unique<ZkServer>(*this, network, metrics)),
      next_session_(zk::first_session_id(options_.server_id, clock.wall_ms())) {}

Ensemble::~Ensemble() = default;

Result<void> Ensemble::listen() { return options_.listen ? server_->listen(options_.client) : Result<void>(); }
Endpoint Ensemble::local() const { return server_->local(); }

std::int64_t Ensemble::steady_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(shard_.clock().now().time_since_epoch()).count();
}

SessionId Ensemble::new_session_id() {
  const SessionId id = next_session_;
  ++next_session_;
  return id;
}

Task<Result<void>> Ensemble::start() {
  driver_.subscribe([this](const zk::Txn&, const zk::Effects& effects) { on_applied(effects); });
  auto started = co_await driver_.start();
  if (!started) co_return fail(started);
  if (options_.acl.skip_acl) log_line(LogLevel::warn, "coordination", "skipACL is yes: ACLs are not checked");
  if (alone()) serving_ = true;
  tick();
  if (!alone()) report_touched();
  if (options_.listen) server_->start();
  co_return Result<void>();
}

Task<void> Ensemble::stop() {
  serving_ = false;
  timer_.cancel();
  report_timer_.cancel();
  co_await server_->stop();
  co_await driver_.stop();
}

// ---- What the driver tells ----

void Ensemble::on_events(const zk::Effects& effects) { server_->deliver(effects); }

// Each session has its full timeout to be heard of again.
void Ensemble::on_leading() {
  for (const auto& [id, session] : machine_.sessions().all()) expiry_.touch(id, session.timeout_ms, steady_ms());
}

void Ensemble::on_serving(bool serving) {
  serving_ = serving;
  // Those of the read-only kind, too: they may write again, on a new connection.
  server_->close_all();
}

void Ensemble::on_touched(SessionId session, std::int32_t timeout_ms) {
  if (machine_.sessions().contains(session)) expiry_.touch(session, timeout_ms, steady_ms());
}

void Ensemble::on_failure(const Error&) { server_->close_all(); }

// ---- Sessions ----

void Ensemble::touch(SessionId session, std::int32_t timeout_ms) {
  if (driver_.judges()) {
    on_touched(session, timeout_ms);
  } else {
    touched_[session] = timeout_ms;
  }
}

// Often enough that a session of the shortest kind is not missed once.
void Ensemble::report_touched() {
  if (!touched_.empty() && !driver_.judges()) {
    Touched touched(touched_.begin(), touched_.end());
    if (driver_.report_touched(std::move(touched))) touched_.clear();
  }
  shard_.arm(report_timer_, std::chrono::milliseconds(std::max<std::int64_t>(1, options_.tick_ms / 4)),
             [this] { report_touched(); });
}

void Ensemble::tick() {
  for (const SessionId own : own_sessions_)
    if (const zk::Session* s = machine_.sessions().find(own)) touch(own, s->timeout_ms);
  // What is forgotten here must be proposed, too.
  if (driver_.judges() && driver_.serving()) expire();
  server_->rates().refresh(machine_.tree());
  shard_.arm(timer_, std::chrono::milliseconds(std::min(options_.tick_ms, options_.container_check_ms)),
             [this] { tick(); });
}

// Expiry in whole ticks, as upstream's; containers and TTL nodes at their own interval.
void Ensemble::expire() {
  const std::int64_t now = steady_ms();
  for (const SessionId expired : expiry_.expired(now)) {
    log_line(LogLevel::info, "coordination", "session 0x{:x} expired", expired.value);
    ++expired_sessions_;
    zk::Caller caller;
    caller.session = expired;
    driver_.propose(zk::CloseSessionOp{}, caller, nullptr);
  }
  if (now < next_container_check_ms_) return;
  next_container_check_ms_ = now + options_.container_check_ms;
  for (const std::string& path : machine_.expired_nodes(shard_.clock().wall_ms(), expired_nodes_per_check)) {
    zk::Caller caller;
    caller.privileged = true;
    driver_.propose(zk::DeleteExpiredOp{path}, caller, nullptr);
  }
}

void Ensemble::on_applied(const zk::Effects& effects) {
  server_->applied(effects);
  if (effects.session_created != SessionId(0) && driver_.judges())
    expiry_.touch(effects.session_created, effects.session_timeout_ms, steady_ms());
  if (effects.session_attached != SessionId(0)) {
    if (driver_.judges()) expiry_.touch(effects.session_attached, effects.session_timeout_ms, steady_ms());
    // It speaks through another server now.
    const zk::Session* session = machine_.sessions().find(effects.session_attached);
    if (session && session->owner != options_.server_id) server_->session_moved(effects.session_attached);
  }
  if (effects.session_closed == SessionId(0)) return;
  expiry_.forget(effects.session_closed);
  touched_.erase(effects.session_closed);
  own_sessions_.erase(effects.session_closed);
  server_->session_closed(effects.session_closed);
}

Task<Result<SessionId>> Ensemble::open_session(Duration timeout) {
  zk::Caller caller;
  caller.session = new_session_id();
  caller.privileged = true;
  zk::CreateSessionOp op;
  op.timeout_ms = static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  zk::ZkError error{};
  auto propose = [this, &caller, &op, &error](Function<void()> resume) {
    driver_.propose(op, caller, [&error, resume = std::move(resume)](const zk::Effects& effects) mutable {
      error = effects.result.error;
      resume();
    });
  };
  co_await shard_.until(std::move(propose));
  if (driver_.failed()) co_return fail(ErrorKind::io, "the coordination log has failed");
  if (error != zk::ZkError::ok) co_return fail(ErrorKind::closed, "the quorum has no leader");
  own_sessions_.insert(caller.session);
  co_return caller.session;
}

Task<void> Ensemble::close_session(SessionId session) {
  zk::Caller caller;
  caller.session = session;
  caller.privileged = true;
  own_sessions_.erase(session);
  auto propose = [this, &caller](Function<void()> resume) {
    driver_.propose(zk::CloseSessionOp{}, caller,
                    [resume = std::move(resume)](const zk::Effects&) mutable { resume(); });
  };
  co_await shard_.until(std::move(propose));
}

bool Ensemble::is_of_server(SessionId session, std::int32_t server) {
  constexpr int id_bits = 56;  // below the server's
  return static_cast<std::uint64_t>(session.value) >> id_bits ==
         static_cast<std::uint64_t>(zk::first_session_id(server, 0).value) >> id_bits;
}

Task<Result<Ensemble::MultiResult>> Ensemble::submit(SessionId session, std::vector<Op> ops) {
  zk::MultiOp multi;
  multi.parts.reserve(ops.size());
  for (const Op& op : ops) multi.parts.push_back(part_of(op));
  zk::Caller caller;
  caller.session = session;
  caller.privileged = true;
  MultiResult out;
  const zk::WriteRequest request = std::move(multi);
  auto propose = [this, &caller, &request, &out](Function<void()> resume) {
    driver_.propose(request, caller, [&out, resume = std::move(resume)](const zk::Effects& effects) mutable {
      out.zxid = effects.zxid;
      if (effects.parts.empty()) out.error = effects.result.error;
      for (const zk::OpResult& part : effects.parts) {
        out.ops.push_back({part.error, std::string(part.path), part.stat});
        // The first that failed says why; the others say that they were not tried.
        if (part.error != zk::ZkError::ok &&
            (out.error == zk::ZkError::ok || out.error == zk::ZkError::runtime_inconsistency))
          out.error = part.error;
      }
      resume();
    });
  };
  co_await shard_.until(std::move(propose));
  if (out.error == zk::ZkError::connection_loss) {
    if (driver_.failed()) co_return fail(ErrorKind::io, "the coordination log has failed");
    co_return fail(ErrorKind::io, "the quorum has no leader, or lost it: whether this was written is not known");
  }
  co_return out;
}

std::string Ensemble::monitor_lines() { return holdfast::monitor_lines(*server_); }

}  // namespace holdfast
