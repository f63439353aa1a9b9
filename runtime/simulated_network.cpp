#include "runtime/simulated_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>

#include "runtime/simulated_connection.h"
#include "runtime/socket_address.h"

namespace holdfast {
namespace {

constexpr Duration loopback_delay = std::chrono::microseconds(10);
constexpr std::uint16_t first_ephemeral_port = 32'768;

bool is_every_address(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

}  // namespace

// ---- Listeners and hosts ----

class SimulatedNetwork::Acceptor {
 public:
  Acceptor(Host& host, Shard& shard, Endpoint local, std::size_t backlog)
      : host_(host), shard_(shard), local_(std::move(local)), backlog_(backlog) {}

  Shard& shard() const { return shard_; }
  const Endpoint& local() const { return local_; }
  bool full() const { return waiting_.size() >= backlog_; }
  void push(std::unique_ptr<Stream> stream) {
    waiting_.push_back(std::move(stream));
    wake();
  }
  void close();

  static Task<Result<std::unique_ptr<Stream>>> accept(std::shared_ptr<Acceptor> self) {
    while (self->waiting_.empty() && !self->closed_) {
      auto start = [&self](Function<void()> resume) { self->resume_ = std::move(resume); };
      co_await self->shard_.until(std::move(start));
    }
    if (self->closed_)
      co_return fail(ErrorKind::closed, fmt::format("listener on {} is closed", to_string(self->local_)));
    auto stream = std::move(self->waiting_.front());
    self->waiting_.pop_front();
    co_return std::move(stream);
  }

 private:
  void wake() {
    if (resume_) std::exchange(resume_, nullptr)();
  }

  Host& host_;
  Shard& shard_;
  const Endpoint local_;
  const std::size_t backlog_;
  std::deque<std::unique_ptr<Stream>> waiting_;
  Function<void()> resume_;
  bool closed_ = false;
};

struct SimulatedNetwork::Host {
  std::size_t index = 0;
  std::string address;
  bool up = true;       // its kernel answers
  bool running = true;  // so does its process
  std::map<std::uint16_t, std::vector<std::shared_ptr<Acceptor>>> listeners;
  std::uint16_t next_port = first_ephemeral_port;
  std::map<std::string, std::optional<std::string>> names;
  std::unique_ptr<HostNetwork> network;

  std::uint16_t free_port() {
    do {
      next_port = next_port == UINT16_MAX ? first_ephemeral_port : static_cast<std::uint16_t>(next_port + 1);
    } while (listeners.contains(next_port));
    return next_port;
  }
};

void SimulatedNetwork::Acceptor::close() {
  if (std::exchange(closed_, true)) return;
  const auto at = host_.listeners.find(local_.port);
  if (at != host_.listeners.end()) {
    std::erase_if(at->second, [this](const auto& a) { return a.get() == this; });
    if (at->second.empty()) host_.listeners.erase(at);
  }
  waiting_.clear();
  wake();
}

struct SimulatedNetwork::Connecting {
  std::uint64_t id = 0;
  std::size_t from = 0, to = 0;
  Shard& shard;
  Endpoint target;
  SteadyTime deadline;
  Function<void()> resume{};
  Result<std::unique_ptr<Stream>> result = fail(ErrorKind::internal, "not connected");
};

class SimulatedNetwork::HostNetwork final : public Network {
 public:
  HostNetwork(SimulatedNetwork& network, Host& host) : network_(network), host_(host) {}

  Result<std::unique_ptr<Listener>> listen(Shard& shard, const Endpoint& at, int backlog, bool shared) override {
    Endpoint local = at;
    if (!host_.running) return socket_error("listening on", at, ENETDOWN);
    if (!is_every_address(at.host)) {
      const auto address = network_.resolve(host_, at.host);
      if (!address) return fail(ErrorKind::not_found, fmt::format("{} has no address", to_string(at)));
      if (*address != host_.address) return socket_error("listening on", at, EADDRNOTAVAIL);
      local.host = *address;
    }
    if (local.port == 0) local.port = host_.free_port();
    if (!shared && host_.listeners.contains(local.port)) return socket_error("listening on", at, EADDRINUSE);
    auto acceptor = std::make_shared<Acceptor>(host_, shard, local, static_cast<std::size_t>(std::max(backlog, 1)));
    host_.listeners[local.port].push_back(acceptor);
    return std::make_unique<HostListener>(std::move(acceptor));
  }

  Task<Result<std::unique_ptr<Stream>>> connect(Shard& shard, Endpoint to) override {
    return connect_from(network_, host_, shard, std::move(to));
  }

 private:
  class HostListener final : public Listener {
   public:
    explicit HostListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
    ~HostListener() override { acceptor_->close(); }
    Task<Result<std::unique_ptr<Stream>>> accept() override { return Acceptor::accept(acceptor_); }
    Endpoint local() const override { return acceptor_->local(); }
    void close() override { acceptor_->close(); }

   private:
    std::shared_ptr<Acceptor> acceptor_;
  };

  static Task<Result<std::unique_ptr<Stream>>> connect_from(SimulatedNetwork& network, Host& host, Shard& shard,
                                                            Endpoint to) {
    if (!host.running) co_return socket_error("connecting to", to, ENETDOWN);
    const auto address = network.resolve(host, to.host);
    if (!address) co_return fail(ErrorKind::not_found, fmt::format("address of {}: unknown", to.host));
    auto connecting = std::make_shared<Connecting>(Connecting{
        .id = network.next_id_++,
        .from = host.index,
        .to = network.index_of(*address),
        .shard = shard,
        .target = {*address, to.port},
        .deadline = network.clock_.now() + network.options_.connect_timeout,
    });
    auto start = [&network, &connecting](Function<void()> resume) {
      connecting->resume = std::move(resume);
      network.connecting_.emplace(connecting->id, connecting);
      network.attempt(connecting);
    };
    co_await shard.until(std::move(start));
    co_return std::move(connecting->result);
  }

  SimulatedNetwork& network_;
  Host& host_;
};

// ---- The network ----

SimulatedNetwork::SimulatedNetwork(const SimulatedClock& clock, Random& random)
    : SimulatedNetwork(clock, random, Options{}) {}

SimulatedNetwork::SimulatedNetwork(const SimulatedClock& clock, Random& random, Options options)
    : clock_(clock), random_(random), options_(options) {}

// Streams may outlive the network: they are dead then, and touch it no more.
SimulatedNetwork::~SimulatedNetwork() {
  for (const auto& host : hosts_) end_process(*host, true);
}

std::size_t SimulatedNetwork::index_of(const std::string& address) {
  const auto [it, is_new] = by_address_.try_emplace(address, hosts_.size());
  if (is_new) {
    auto host = std::make_unique<Host>();
    host->index = hosts_.size();
    host->address = address;
    host->network = std::make_unique<HostNetwork>(*this, *host);
    hosts_.push_back(std::move(host));
  }
  return it->second;
}

Network& SimulatedNetwork::host(const std::string& address) { return *host_at(index_of(address)).network; }
bool SimulatedNetwork::hosts_up(std::size_t host) const { return hosts_[host]->up; }
void SimulatedNetwork::name(const std::string& name, const std::string& address) { names_[name] = address; }
void SimulatedNetwork::name_at(const std::string& host, const std::string& name, std::optional<std::string> address) {
  host_at(index_of(host)).names[name] = std::move(address);
}

std::optional<std::string> SimulatedNetwork::resolve(const Host& host, const std::string& name) const {
  if (const auto it = host.names.find(name); it != host.names.end()) return it->second;
  if (const auto it = names_.find(name); it != names_.end()) return it->second;
  if (name == "localhost" || name == "127.0.0.1" || name == "::1") return host.address;
  if (by_address_.contains(name)) return name;
  return std::nullopt;
}

void SimulatedNetwork::at(SteadyTime when, Function<void()> what) {
  events_.emplace(std::pair(std::max(when, clock_.now()), next_id_++), std::move(what));
}

std::optional<SteadyTime> SimulatedNetwork::next() const {
  if (events_.empty()) return std::nullopt;
  return events_.begin()->first.first;
}

bool SimulatedNetwork::run_due(SteadyTime now) {
  bool ran = false;
  while (!events_.empty() && events_.begin()->first.first <= now) {
    auto event = events_.extract(events_.begin());
    event.mapped()();
    ran = true;
  }
  return ran;
}

Duration SimulatedNetwork::draw(Duration least, Duration most) {
  if (most <= least) return least;
  return least + Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>((most - least).count()))));
}

SteadyTime SimulatedNetwork::arrival(std::size_t from, std::size_t to, std::size_t bytes) {
  const SteadyTime now = clock_.now();
  if (from == to) return now + loopback_delay;
  Link& way = link(from, to);
  SteadyTime leaves = now;
  if (options_.bytes_per_second != 0) {
    const auto nanoseconds = static_cast<std::int64_t>(bytes * 1'000'000'000 / options_.bytes_per_second);
    leaves = way.busy_until = std::max(way.busy_until, now) + Duration(nanoseconds);
  }
  const auto [least, most] = way.delay.value_or(std::pair(options_.delay_min, options_.delay_max));
  return leaves + draw(least, most);
}

SteadyTime SimulatedNetwork::retransmission() {
  return clock_.now() + draw(std::chrono::milliseconds(1), options_.retransmit_max);
}

// Copies of the list: what is done to a connection may end it.
std::vector<std::shared_ptr<SimulatedNetwork::Connection>> SimulatedNetwork::all_connections() const {
  std::vector<std::shared_ptr<Connection>> out;
  out.reserve(connections_.size());
  for (const auto& [_, connection] : connections_) out.push_back(connection);
  return out;
}

void SimulatedNetwork::path_changed(std::size_t a, std::size_t b) {
  for (const auto& connection : all_connections()) {
    if (!connection->is_between(a, b)) continue;
    connection->moved(0);
    connection->moved(1);
  }
}

void SimulatedNetwork::cut(const std::string& from, const std::string& to) {
  const std::size_t a = index_of(from), b = index_of(to);
  if (a != b) link(a, b).cut = true;
}

void SimulatedNetwork::heal(const std::string& from, const std::string& to) {
  const std::size_t a = index_of(from), b = index_of(to);
  if (std::exchange(link(a, b).cut, false)) path_changed(a, b);
}

void SimulatedNetwork::heal_all() {
  for (auto& [pair, way] : links_) {
    const bool was = std::exchange(way.cut, false) || way.clogged_until > clock_.now();
    way.clogged_until = {};
    if (was) path_changed(pair.first, pair.second);
  }
}

bool SimulatedNetwork::is_cut(const std::string& from, const std::string& to) {
  return !passes(index_of(from), index_of(to));
}

void SimulatedNetwork::clog(const std::string& from, const std::string& to, Duration how_long) {
  Link& way = link(index_of(from), index_of(to));
  way.clogged_until = std::max(way.clogged_until, clock_.now() + how_long);
}

void SimulatedNetwork::set_delay(const std::string& from, const std::string& to, Duration least, Duration most) {
  link(index_of(from), index_of(to)).delay = std::pair(least, most);
}

void SimulatedNetwork::reset_connections(const std::string& a, const std::string& b) {
  const std::size_t first = index_of(a), second = index_of(b);
  for (const auto& connection : all_connections()) {
    if (!connection->is_between(first, second)) continue;
    ++counts_.resets;
    connection->break_off(0, ECONNRESET);
    connection->break_off(1, ECONNRESET);
  }
}

void SimulatedNetwork::end_process(Host& host, bool silently) {
  host.running = false;
  for (const auto& connection : all_connections()) {
    for (std::size_t s = 0; s < 2; ++s) {
      if (connection->side(s).host != host.index) continue;
      silently ? connection->vanish(s) : connection->close(s);
    }
  }
  for (const auto& [_, acceptors] : std::map(host.listeners))
    for (const auto& acceptor : acceptors) acceptor->close();
  for (const auto& [_, connecting] : std::map(connecting_))
    if (connecting->from == host.index)
      finish(*connecting, socket_error("connecting to", connecting->target, ECONNABORTED));
}

void SimulatedNetwork::kill_process(const std::string& address) { end_process(host_at(index_of(address)), false); }

void SimulatedNetwork::power_off(const std::string& address) {
  Host& host = host_at(index_of(address));
  host.up = false;
  end_process(host, true);
}

void SimulatedNetwork::start_process(const std::string& address) {
  Host& host = host_at(index_of(address));
  host.running = true;
  if (std::exchange(host.up, true)) return;
  // What was sent to it meanwhile arrives at a kernel that knows of no connection.
  for (const auto& connection : all_connections()) {
    for (std::size_t s = 0; s < 2; ++s)
      if (connection->side(1 - s).host == host.index) connection->moved(s);
  }
}

// ---- Connecting ----

void SimulatedNetwork::finish(Connecting& connecting, Result<std::unique_ptr<Stream>> result) {
  const auto it = connecting_.find(connecting.id);
  if (it == connecting_.end()) return;
  const auto kept = it->second;
  connecting_.erase(it);
  if (!result && result.error().kind == ErrorKind::timed_out) ++counts_.timed_out;
  connecting.result = std::move(result);
  std::exchange(connecting.resume, nullptr)();
}

SimulatedNetwork::Acceptor* SimulatedNetwork::acceptor_for(std::size_t host, std::uint16_t port) {
  const auto at = host_at(host).listeners.find(port);
  if (at == host_at(host).listeners.end()) return nullptr;
  auto& all = at->second;
  return all[all.size() == 1 ? 0 : static_cast<std::size_t>(random_.below(all.size()))].get();
}

// The first packet of a connection, and again while nobody answers.
void SimulatedNetwork::attempt(const std::shared_ptr<Connecting>& connecting) {
  if (!connecting_.contains(connecting->id)) return;
  Connecting& c = *connecting;
  if (clock_.now() >= c.deadline) return finish(c, socket_error("connecting to", c.target, ETIMEDOUT));
  const bool reaches = passes(c.from, c.to) && passes(c.to, c.from) && host_at(c.to).up;
  if (!reaches) {
    const SteadyTime retry = clock_.now() + options_.connect_retry;
    return at(std::min(retry, c.deadline), [this, connecting] { attempt(connecting); });
  }
  const SteadyTime there = std::max(arrival(c.from, c.to, 0), link(c.from, c.to).clogged_until);
  at(there, [this, connecting] { answer(connecting); });
}

void SimulatedNetwork::answer(const std::shared_ptr<Connecting>& connecting) {
  Connecting& c = *connecting;
  if (!connecting_.contains(c.id)) return;
  Acceptor* acceptor = host_at(c.to).up ? acceptor_for(c.to, c.target.port) : nullptr;
  const bool answers = host_at(c.to).up && passes(c.to, c.from) && !(acceptor && acceptor->full());
  if (!answers) {
    const SteadyTime retry = clock_.now() + options_.connect_retry;
    return at(std::min(retry, c.deadline), [this, connecting] { attempt(connecting); });
  }
  const SteadyTime back = std::max(arrival(c.to, c.from, 0), link(c.to, c.from).clogged_until);
  at(back, [this, connecting, listens = acceptor != nullptr] {
    Connecting& own = *connecting;
    if (!connecting_.contains(own.id)) return;
    if (!listens) {
      ++counts_.refused;
      trace(own.id);
      return finish(own, socket_error("connecting to", own.target, ECONNREFUSED));
    }
    ++counts_.connections;
    auto connection = std::make_shared<Connection>(*this, next_id_++);
    const Endpoint local{host_at(own.from).address, host_at(own.from).free_port()};
    connection->side(0).host = own.from;
    connection->side(0).local = local;
    connection->side(0).remote = own.target;
    connection->side(1).host = own.to;
    connection->side(1).local = own.target;
    connection->side(1).remote = local;
    connections_.emplace(connection->id(), connection);
    connection->open();
    finish(own, std::make_unique<End>(std::move(connection), 0, own.shard));
  });
}

// The third packet: the connection is the listener's now, if it is still there.
void SimulatedNetwork::accept(std::shared_ptr<Connection> connection) {
  Acceptor* acceptor = acceptor_for(connection->side(1).host, connection->side(1).local.port);
  if (!acceptor || acceptor->full()) {
    connection->refuse();
    return;
  }
  acceptor->push(std::make_unique<End>(std::move(connection), 1, acceptor->shard()));
}

}  // namespace holdfast
