#include "runtime/simulated_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/socket_address.h"

namespace holdfast {
namespace {

std::uint64_t hash_of(ByteView bytes) {
  std::uint64_t h = bytes.size();
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    h = (h ^ word) * 0x9e3779b97f4a7c15;
    h ^= h >> 32;
  }
  for (; at < bytes.size(); ++at) h = (h ^ bytes[at]) * 0x100000001b3;
  return h;
}

}  // namespace

bool SimulatedNetwork::Connection::is_between(std::size_t a, std::size_t b) const {
  return (sides_[0].host == a && sides_[1].host == b) || (sides_[0].host == b && sides_[1].host == a);
}

void SimulatedNetwork::Connection::send(std::size_t s, BufferChain chain) {
  Side& own = sides_[s];
  if (own.closed || own.broken_by != 0 || own.shutdown_wanted || chain.empty()) return;
  own.queued += chain.size();
  for (Bytes& piece : chain.take()) own.queue.push_back(std::move(piece));
  push(s);
}

void SimulatedNetwork::Connection::shutdown_after_sends(std::size_t s) {
  Side& own = sides_[s];
  if (own.closed || own.broken_by != 0 || std::exchange(own.shutdown_wanted, true)) return;
  push(s);
}

void SimulatedNetwork::Connection::close(std::size_t s) {
  Side& own = sides_[s];
  if (own.closed) return;
  const bool was_broken = own.broken_by != 0;
  own.closed = true;
  if (!was_broken && own.unread > 0) {
    reset_peer(s);
  } else if (!was_broken && !std::exchange(own.fin_sent, true)) {
    transmit(s, Piece::Kind::fin, {});
  }
  drop(own);
  forget_if_over();
}

void SimulatedNetwork::Connection::vanish(std::size_t s) {
  Side& own = sides_[s];
  if (own.closed) return;
  own.closed = true;
  own.fin_sent = true;
  drop(own);
  forget_if_over();
}

void SimulatedNetwork::Connection::break_off(std::size_t s, int error) {
  Side& own = sides_[s];
  pipes_[s].under_way.clear();
  pipes_[s].bytes = 0;
  pipes_[s].unacknowledged_since.reset();
  if (!own.closed && own.broken_by == 0) {
    own.broken_by = error;
    own.queue.clear();
    own.queued = 0;
    wake(own);
  }
  forget_if_over();
}

Result<void> SimulatedNetwork::Connection::state(std::size_t s) const {
  const Side& own = sides_[s];
  if (own.broken_by != 0) return socket_error("connection with", own.remote, own.broken_by);
  if (own.closed) return fail(ErrorKind::closed, fmt::format("connection with {} is closed", to_string(own.remote)));
  return {};
}

std::optional<Result<std::size_t>> SimulatedNetwork::Connection::try_read(std::size_t s, std::span<std::uint8_t> into) {
  Side& own = sides_[s];
  if (!own.closed && own.unread > 0) {
    std::size_t n = 0;
    while (n < into.size() && !own.arrived.empty()) {
      Bytes& piece = own.arrived.front();
      const std::size_t part = std::min(piece.size(), into.size() - n);
      std::memcpy(into.data() + n, piece.data(), part);
      n += part;
      if (part == piece.size()) {
        own.arrived.pop_front();
      } else {
        piece = piece.slice(part, piece.size() - part);
      }
    }
    own.unread -= n;
    push(1 - s);  // the window has room again
    return n;
  }
  auto open = state(s);
  if (!open) return fail(open);
  if (own.fin_arrived) return std::size_t{0};
  return std::nullopt;
}

bool SimulatedNetwork::Connection::has_something(std::size_t s) const {
  const Side& own = sides_[s];
  return own.unread > 0 || own.fin_arrived || own.closed || own.broken_by != 0;
}

void SimulatedNetwork::Connection::refuse() {
  sides_[1].closed = true;
  reset_peer(1);
  forget_if_over();
}

void SimulatedNetwork::Connection::moved(std::size_t s) {
  push(s);
  if (!pipes_[s].under_way.empty()) network_.at(network_.retransmission(), call(&Connection::pump, s));
  if (pipes_[s].under_way.empty() && network_.passes(sides_[1 - s].host, sides_[s].host))
    pipes_[s].unacknowledged_since.reset();
}

Function<void()> SimulatedNetwork::Connection::call(void (Connection::*what)(std::size_t), std::size_t s) {
  return [weak = weak_from_this(), what, s] {
    if (const auto self = weak.lock()) ((*self).*what)(s);
  };
}

void SimulatedNetwork::Connection::wake(Side& side) {
  if (side.reader) std::exchange(side.reader, nullptr)();
  for (auto& resume : std::exchange(side.drained, {})) resume();
}

void SimulatedNetwork::Connection::drop(Side& side) {
  side.queue.clear();
  side.arrived.clear();
  side.queued = side.unread = 0;
  wake(side);
}

void SimulatedNetwork::Connection::push(std::size_t s) {
  Side& own = sides_[s];
  Pipe& pipe = pipes_[s];
  if (own.closed || own.broken_by != 0) return;
  const std::size_t window = network_.options_.window_bytes;
  while (!own.queue.empty()) {
    const std::size_t taken = pipe.bytes + sides_[1 - s].unread;
    if (taken >= window) return;
    std::size_t part = std::min(own.queue.front().size(), window - taken);
    if (part > 1 && network_.random_.below(100) < network_.options_.split_percent)
      part = 1 + static_cast<std::size_t>(network_.random_.below(part - 1));
    Bytes& first = own.queue.front();
    own.queued -= part;
    if (part == first.size()) {
      transmit(s, Piece::Kind::data, std::move(first));
      own.queue.pop_front();
    } else {
      transmit(s, Piece::Kind::data, first.slice(0, part));
      first = first.slice(part, first.size() - part);
    }
  }
  if (own.shutdown_wanted && !std::exchange(own.fin_sent, true)) transmit(s, Piece::Kind::fin, {});
  for (auto& resume : std::exchange(own.drained, {})) resume();
}

void SimulatedNetwork::Connection::transmit(std::size_t s, Piece::Kind kind, Bytes bytes) {
  Pipe& pipe = pipes_[s];
  const std::size_t from = sides_[s].host, to = sides_[1 - s].host;
  const SteadyTime at = std::max(network_.arrival(from, to, bytes.size()), pipe.last);
  pipe.last = at;
  pipe.bytes += bytes.size();
  pipe.under_way.push_back({kind, at, std::move(bytes)});
  if (!pipe.unacknowledged_since) pipe.unacknowledged_since = network_.clock_.now();
  if (!std::exchange(pipe.watched, true))
    network_.after(network_.options_.give_up, call(&Connection::check_acknowledged, s));
  network_.at(at, call(&Connection::pump, s));
}

void SimulatedNetwork::Connection::reset_peer(std::size_t s) {
  pipes_[s].under_way.clear();
  pipes_[s].bytes = 0;
  pipes_[s].unacknowledged_since.reset();
  sides_[s].fin_sent = true;
  const std::size_t from = sides_[s].host, to = sides_[1 - s].host;
  if (!network_.passes(from, to)) return;
  network_.at(network_.arrival(from, to, 0), call(&Connection::reset_arrived, 1 - s));
}

void SimulatedNetwork::Connection::reset_arrived(std::size_t s) {
  if (network_.hosts_up(sides_[s].host)) {
    if (!sides_[s].closed && sides_[s].broken_by == 0) {
      ++network_.counts_.resets;
      network_.trace(id_ * 8 + s + 4);
    }
    break_off(s, ECONNRESET);
  }
}

void SimulatedNetwork::Connection::pump(std::size_t s) {
  Pipe& pipe = pipes_[s];
  const std::size_t from = sides_[s].host, to = sides_[1 - s].host;
  const SteadyTime now = network_.clock_.now();
  if (!network_.passes(from, to) || !network_.hosts_up(to)) return;
  if (const SteadyTime until = network_.link(from, to).clogged_until; now < until)
    return network_.at(until, call(&Connection::pump, s));
  bool arrived = false;
  while (!pipe.under_way.empty() && pipe.under_way.front().at <= now) {
    Piece piece = std::move(pipe.under_way.front());
    pipe.under_way.pop_front();
    pipe.bytes -= piece.bytes.size();
    arrived = true;
    deliver(s, std::move(piece));
  }
  if (!arrived) return;
  if (network_.passes(to, from)) pipe.unacknowledged_since = pipe.under_way.empty() ? std::nullopt : std::optional(now);
  forget_if_over();
}

void SimulatedNetwork::Connection::deliver(std::size_t s, Piece piece) {
  Side& peer = sides_[1 - s];
  ++network_.counts_.pieces;
  network_.counts_.bytes += piece.bytes.size();
  network_.trace(static_cast<std::uint64_t>(network_.clock_.now().time_since_epoch().count()));
  network_.trace(id_ * 8 + static_cast<std::uint64_t>(piece.kind) + (s == 0 ? 0 : 4));
  network_.trace(hash_of(piece.bytes.view()));
  if (piece.kind == Piece::Kind::open) return network_.accept(shared_from_this());
  if (peer.closed || peer.broken_by != 0) {
    if (piece.kind == Piece::Kind::data) reset_peer(1 - s);
    return;
  }
  if (piece.kind == Piece::Kind::data) {
    peer.unread += piece.bytes.size();
    peer.arrived.push_back(std::move(piece.bytes));
  } else {
    peer.fin_arrived = true;
  }
  if (peer.reader) std::exchange(peer.reader, nullptr)();
}

void SimulatedNetwork::Connection::check_acknowledged(std::size_t s) {
  Pipe& pipe = pipes_[s];
  pipe.watched = false;
  if (!pipe.unacknowledged_since) return;
  const SteadyTime last = *pipe.unacknowledged_since + network_.options_.give_up;
  if (network_.clock_.now() >= last) {
    ++network_.counts_.timed_out;
    return break_off(s, ETIMEDOUT);
  }
  pipe.watched = true;
  network_.at(last, call(&Connection::check_acknowledged, s));
}

void SimulatedNetwork::Connection::forget_if_over() {
  for (std::size_t s = 0; s < 2; ++s)
    if (!(sides_[s].closed || sides_[s].broken_by != 0) || !pipes_[s].under_way.empty()) return;
  network_.connections_.erase(id_);
}

}  // namespace holdfast
