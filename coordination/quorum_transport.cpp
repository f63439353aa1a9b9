#include "coordination/quorum_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::size_t frame_piece_bytes = 64 << 10;  // of memory at a time, for a frame whose bytes are still to come
constexpr std::size_t refusals_max = 1000;           // remembered, so that each is said once

}  // namespace

// ---- Frames as they come ----

Task<Result<std::pair<FrameKind, Bytes>>> FrameReader::next(std::size_t length_max) {
  while (end_ - begin_ < frame_header_bytes) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= std::exchange(begin_, 0);
    const std::span<std::uint8_t> rest = std::span(buffer_).subspan(end_);
    auto got = co_await stream_.read_some(rest);
    if (!got) co_return fail(got);
    if (*got == 0) co_return fail(ErrorKind::closed, "the connection was closed");
    end_ += *got;
  }
  auto header = FrameHeader::parse(ByteView(buffer_).subspan(begin_, frame_header_bytes), length_max);
  if (!header) co_return fail(header);
  begin_ += frame_header_bytes;
  // A length alone reserves no memory.
  std::size_t room = std::min<std::size_t>(header->length, frame_piece_bytes);
  BlockRef block = BlockRef::allocate(room);
  std::size_t have = std::min<std::size_t>(header->length, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, have, block->data());
  begin_ += have;
  while (have < header->length) {
    if (have == room) {
      room = std::min<std::size_t>(header->length, room * 2);
      BlockRef larger = BlockRef::allocate(room);
      std::copy_n(block->data(), have, larger->data());
      block = std::move(larger);
    }
    const std::span<std::uint8_t> rest(block->data() + have, room - have);
    auto got = co_await stream_.read_some(rest);
    if (!got) co_return fail(got);
    if (*got == 0) co_return fail(ErrorKind::closed, "the connection was closed");
    have += *got;
  }
  const std::uint8_t* data = block->data();
  Bytes payload(std::move(block), data, have);
  if (!header->fits(payload.view())) co_return fail(ErrorKind::corrupt, "a frame does not match its checksum");
  co_return std::pair(header->kind, std::move(payload));
}

struct QuorumTransport::Dialled {
  ServerId id;
  std::vector<Endpoint> addresses;
  std::size_t next_address = 0;
  std::unique_ptr<Stream> stream;  // while there is one
  bool up = false, dropped = false;
  BufferChain out;  // of this burst: one write
  SteadyTime last_sent{};
  Timer timer;            // keep-alive, handshake deadline
  Function<void()> wake;  // ends the pause between two attempts
  std::string told;       // the last reason in the log
  Duration pause{0};
};

struct QuorumTransport::Heard {
  std::uint64_t number = 0;
  std::unique_ptr<Stream> stream;
  ServerId from;
  Incarnation incarnation{};
  std::string address;
  SteadyTime last_heard{};
  Timer timer;
};

QuorumTransport::QuorumTransport(QuorumTransportOptions options, Shard& shard, Network& network, Random& random,
                                 Handler& handler)
    : options_(std::move(options)), shard_(shard), network_(network), random_(random), handler_(handler) {}

QuorumTransport::~QuorumTransport() = default;

Result<void> QuorumTransport::listen(const Endpoint& at) {
  auto bound = network_.listen(shard_, at, 128, false);
  if (!bound) return fail(bound);
  listeners_.push_back(std::move(*bound));
  return {};
}

Endpoint QuorumTransport::local(std::size_t index) const {
  return index < listeners_.size() ? listeners_[index]->local() : Endpoint{};
}

void QuorumTransport::start() {
  for (const auto& listener : listeners_) shard_.spawn(gate_, accept(listener.get()));
}

void QuorumTransport::set_peers(std::map<ServerId, std::vector<Endpoint>> peers) {
  for (auto it = dialled_.begin(); it != dialled_.end();) {
    const auto kept = peers.find(it->first);
    Dialled& peer = *it->second;
    if (kept != peers.end()) {
      peer.addresses = std::move(kept->second);
      peers.erase(kept);
      ++it;
      continue;
    }
    peer.dropped = true;
    if (peer.stream) peer.stream->close();
    if (peer.wake) std::exchange(peer.wake, nullptr)();
    it = dialled_.erase(it);
  }
  for (auto& [id, addresses] : peers) {
    if (id == options_.self) continue;
    auto peer = std::make_shared<Dialled>();
    peer->id = id;
    peer->addresses = std::move(addresses);
    dialled_.emplace(id, peer);
    shard_.spawn(gate_, dial(std::move(peer)));
  }
}

bool QuorumTransport::send(ServerId to, FrameKind kind, BufferChain payload) {
  const auto it = dialled_.find(to);
  if (it == dialled_.end() || !it->second->up) return false;
  Dialled& peer = *it->second;
  // However large it is, it may go when nothing else waits.
  const std::size_t queued = peer.stream->queued_bytes() + peer.out.size();
  if (payload.size() > options_.frame_bytes_max || (queued > 0 && queued + payload.size() > options_.queued_bytes_max))
    return false;
  peer.last_sent = shard_.clock().now();
  if (peer.out.empty())
    shard_.defer([weak = std::weak_ptr(it->second)] {
      const auto p = weak.lock();
      if (p && p->up && !p->out.empty()) p->stream->send(std::exchange(p->out, {}));
    });
  peer.out.append(make_frame(kind, std::move(payload)));
  return true;
}

bool QuorumTransport::connected(ServerId peer) const {
  const auto it = dialled_.find(peer);
  return it != dialled_.end() && it->second->up;
}

std::map<ServerId, std::string_view> QuorumTransport::heard() const {
  std::map<ServerId, std::string_view> out;
  for (const auto& [id, heard] : heard_) out.emplace(id, heard->address);
  return out;
}

void QuorumTransport::redial(ServerId peer) {
  const auto it = dialled_.find(peer);
  if (it != dialled_.end() && it->second->up) it->second->stream->close();
}

std::size_t QuorumTransport::queued_bytes(ServerId peer) const {
  const auto it = dialled_.find(peer);
  return it != dialled_.end() && it->second->up ? it->second->stream->queued_bytes() + it->second->out.size() : 0;
}

// ---- We dial ----

Task<void> QuorumTransport::dial(std::shared_ptr<Dialled> peer) {
  while (!stopping_ && !peer->dropped) {
    std::string fault = "it has no address";
    if (!peer->addresses.empty()) {
      const Endpoint to = peer->addresses[peer->next_address++ % peer->addresses.size()];
      auto stream = co_await network_.connect(shard_, to);
      if (stopping_ || peer->dropped) co_return;
      if (!stream) {
        fault = fmt::format("{}: {}", to_string(to), stream.error().message);
        if (stream.error().os_error == ECONNREFUSED && !heard_.contains(peer->id)) handler_.on_gone(peer->id);
      } else {
        peer->stream = std::move(*stream);
        auto welcome = co_await greet(peer, *peer->stream);
        if (!welcome) {
          fault = fmt::format("{}: {}", to_string(to), welcome.error().message);
        } else if (!stopping_ && !peer->dropped) {
          if (!peer->told.empty())
            log_line(LogLevel::info, "quorum", "server {} is reached at {}", peer->id.value, to_string(to));
          peer->told.clear();
          peer->pause = Duration(0);
          peer->up = true;
          peer->last_sent = shard_.clock().now();
          keep_alive(*peer);
          handler_.on_connected(peer->id, *welcome);
          // The peer has nothing more to say here: this ends when the connection does.
          std::array<std::uint8_t, 16> nothing;
          const std::span<std::uint8_t> into(nothing);
          auto ended = co_await peer->stream->read_some(into);
          fault = fmt::format("{}: {}", to_string(to), ended ? "the connection was closed" : ended.error().message);
          peer->up = false;
          peer->out = {};
          peer->timer.cancel();
          handler_.on_disconnected(peer->id);
        }
        peer->stream->close();
        peer->stream.reset();
      }
    }
    if (stopping_ || peer->dropped) co_return;
    if (std::exchange(peer->told, fault) != fault)
      log_line(LogLevel::warn, "quorum", "server {} cannot be reached: {}", peer->id.value, fault);
    // Longer each time, and never two servers in step.
    peer->pause = std::clamp(peer->pause * 2, options_.dial_pause_min, options_.dial_pause_max);
    const auto pause =
        peer->pause / 2 +
        Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(peer->pause.count()))));
    auto rest = [this, &peer, pause](Function<void()> resume) {
      peer->wake = std::move(resume);
      shard_.arm(peer->timer, pause, [p = peer.get()] {
        if (p->wake) std::exchange(p->wake, nullptr)();
      });
    };
    co_await shard_.until(std::move(rest));
    peer->timer.cancel();
  }
}

Task<Result<QuorumWelcome>> QuorumTransport::greet(std::shared_ptr<Dialled> peer, Stream& stream) {
  QuorumHello hello;
  hello.from = options_.self;
  hello.to = peer->id;
  hello.incarnation = options_.incarnation;
  hello.cluster = options_.cluster;
  hello.address = options_.address;
  stream.send(make_frame(FrameKind::hello, BufferChain(hello.encode())));
  shard_.arm(peer->timer, options_.handshake_timeout, [&stream] { stream.close(); });
  FrameReader reader(stream);
  auto answer = co_await reader.next(handshake_bytes_max);
  peer->timer.cancel();
  if (!answer) co_return fail(answer);
  const auto& [kind, payload] = *answer;
  if (kind == FrameKind::refusal)
    co_return fail(ErrorKind::invalid_input, "it refuses: " + decode_refusal(payload.view()));
  if (kind != FrameKind::welcome)
    co_return fail(ErrorKind::invalid_input, "it does not answer as a server of a quorum");
  auto welcome = QuorumWelcome::decode(payload.view());
  if (!welcome) co_return fail(welcome);
  if (!options_.cluster.empty() && !welcome->cluster.empty() && welcome->cluster != options_.cluster)
    co_return fail(ErrorKind::invalid_input,
                   fmt::format("it is of cluster {}, and this server of {}", welcome->cluster, options_.cluster));
  co_return std::move(*welcome);
}

void QuorumTransport::keep_alive(Dialled& peer) {
  const Duration every = options_.silence_max / 3;
  const Duration quiet = shard_.clock().now() - peer.last_sent;
  if (quiet >= every) {
    peer.stream->send(make_frame(FrameKind::keep_alive, {}));
    peer.last_sent = shard_.clock().now();
  }
  const Duration next = quiet >= every ? every : every - quiet;
  shard_.arm(peer.timer, next, [this, &peer] { keep_alive(peer); });
}

// ---- They dial ----

Task<void> QuorumTransport::accept(Listener* listener) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (stopping_) co_return;
    if (!stream) {
      if (stream.error().kind == ErrorKind::closed) co_return;
      log_line(LogLevel::warn, "quorum", "a connection cannot be accepted: {}", stream.error().message);
      const Duration pause = options_.dial_pause_min;
      co_await shard_.sleep(pause);
      continue;
    }
    auto heard = std::make_shared<Heard>();
    heard->number = next_heard_++;
    heard->stream = std::move(*stream);
    if (strangers_ >= options_.strangers_max) {
      refuse(*heard, "too many connections that do not say who they are");
      continue;
    }
    open_.emplace(heard->number, heard);
    shard_.spawn(gate_, hear(std::move(heard)));
  }
}

Task<void> QuorumTransport::hear(std::shared_ptr<Heard> heard) {
  Stream& stream = *heard->stream;
  ++strangers_;
  shard_.arm(heard->timer, options_.handshake_timeout, [&stream] { stream.close(); });
  FrameReader reader(stream);
  auto first = co_await reader.next(handshake_bytes_max);
  --strangers_;
  heard->timer.cancel();
  std::string fault;
  if (!first) {
    // A port scan is no event; what is not of this protocol is.
    if (first.error().kind != ErrorKind::closed && first.error().kind != ErrorKind::io) fault = first.error().message;
  } else if (first->first != FrameKind::hello) {
    fault = "its first frame is no hello";
  } else {
    auto hello = QuorumHello::decode(first->second.view());
    auto admitted = hello ? admit(heard, *hello) : Result<void>(fail(hello));
    if (!admitted) fault = admitted.error().message;
  }
  if (!fault.empty()) {
    refuse(*heard, fault);
    shard_.arm(heard->timer, options_.handshake_timeout, [&stream] { stream.close(); });
    auto told = co_await stream.drained();
    static_cast<void>(told);  // or it is gone already
    heard->timer.cancel();
  }
  while (heard->from != ServerId(0) && !stopping_) {
    heard->last_heard = shard_.clock().now();
    shard_.arm(heard->timer, options_.silence_max, [&stream] { stream.close(); });
    auto frame = co_await reader.next(options_.frame_bytes_max);
    heard->timer.cancel();
    if (!frame) {
      if (frame.error().kind == ErrorKind::corrupt || frame.error().kind == ErrorKind::unsupported)
        log_line(LogLevel::warn, "quorum", "server {}: {}: its connection is closed", heard->from.value,
                 frame.error().message);
      break;
    }
    const auto latest = heard_.find(heard->from);
    if (latest == heard_.end() || latest->second != heard) break;  // it has dialled again meanwhile
    if (frame->first != FrameKind::keep_alive)
      handler_.on_frame(heard->from, heard->incarnation, frame->first, std::move(frame->second));
  }
  stream.close();
  open_.erase(heard->number);
  if (const auto it = heard_.find(heard->from); it != heard_.end() && it->second == heard) heard_.erase(it);
}

Result<void> QuorumTransport::admit(const std::shared_ptr<Heard>& heard, const QuorumHello& hello) {
  const auto no = [](std::string why) { return fail(ErrorKind::invalid_input, std::move(why)); };
  if (hello.to != options_.self)
    return no(fmt::format("server {} looks for server {}, and this is server {}", hello.from.value, hello.to.value,
                          options_.self.value));
  if (hello.from == options_.self)
    return no(fmt::format("two servers have the id {}: the other one is at {}", options_.self.value, hello.address));
  if (hello.from.value <= 0) return no(fmt::format("{} is no server id", hello.from.value));
  if (!options_.cluster.empty() && !hello.cluster.empty() && hello.cluster != options_.cluster)
    return no(fmt::format("server {} is of cluster {}, and this server of {}", hello.from.value, hello.cluster,
                          options_.cluster));
  const auto it = heard_.find(hello.from);
  if (it != heard_.end()) {
    Heard& before = *it->second;
    if (before.incarnation != hello.incarnation)
      return no(fmt::format("two servers have the id {}: one at {}, the other at {}", hello.from.value,
                            before.stream->remote().host, heard->stream->remote().host));
    before.stream->close();
  }
  heard->from = hello.from;
  heard->incarnation = hello.incarnation;
  heard->address = hello.address;
  heard_[hello.from] = heard;
  QuorumWelcome welcome;
  welcome.incarnation = options_.incarnation;
  welcome.cluster = options_.cluster;
  heard->stream->send(make_frame(FrameKind::welcome, BufferChain(welcome.encode())));
  // It is back: there is no point in waiting any longer before it is dialled again.
  if (const auto peer = dialled_.find(hello.from); peer != dialled_.end() && peer->second->wake)
    std::exchange(peer->second->wake, nullptr)();
  return {};
}

void QuorumTransport::refuse(Heard& heard, const std::string& reason) {
  const std::string who = heard.stream->remote().host;
  if (refusals_.size() >= refusals_max) refusals_.clear();
  if (std::exchange(refusals_[who], reason) != reason)
    log_line(LogLevel::warn, "quorum", "a connection from {} is refused: {}", who, reason);
  heard.stream->send(make_frame(FrameKind::refusal, BufferChain(encode_refusal(reason))));
  heard.stream->shutdown_after_sends();
}

Task<void> QuorumTransport::stop() {
  stopping_ = true;
  for (const auto& listener : listeners_) listener->close();
  for (const auto& [_, peer] : dialled_) {
    // A last word, such as a vote for who is to lead instead.
    if (peer->up && !peer->out.empty()) peer->stream->send(std::exchange(peer->out, {}));
    if (peer->stream) peer->stream->close();
    if (peer->wake) std::exchange(peer->wake, nullptr)();
  }
  for (const auto& [_, weak] : open_)
    if (const auto heard = weak.lock()) heard->stream->close();
  co_await shard_.drained(gate_);
}

}  // namespace holdfast
