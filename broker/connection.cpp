#include "broker/connection.h"

#include <algorithm>
#include <cstring>

#include "broker/api_table.h"
#include "broker/broker_shard.h"
#include "broker/request_context.h"
#include "runtime/log_line.h"

namespace holdfast {
namespace {
constexpr std::size_t input_bytes = 128 << 10;  // what a busy connection reads into
constexpr std::size_t first_growth = 1 << 20;   // a large frame's buffer starts here and grows with what arrives
constexpr std::int16_t produce_key = 0, fetch_key = 1;
constexpr std::size_t header_bytes_min = 10;  // key, version, correlation id, client id length
}  // namespace

Connection::Connection(BrokerShard& broker, std::unique_ptr<Stream> stream, std::string listener,
                       ConnectionLimits limits)
    : broker_(broker),
      stream_(std::move(stream)),
      listener_(std::move(listener)),
      client_host_(stream_->remote().host),
      limits_(limits),
      last_active_(broker.shard().clock().now()) {}

Connection::~Connection() = default;

std::string Connection::client() const { return to_string(stream_->remote()); }

Task<void> Connection::run() {
  const auto self = shared_from_this();
  InputGate& gate = broker_.input_gate();
  auto gate_moves = [this, &gate](Function<void()> resume) {
    gate.wait([this, self = shared_from_this(), resume = std::move(resume)]() mutable {
      broker_.shard().defer(std::move(resume));
    });
  };
  auto completion = [this](Function<void()> resume) {
    completed_ = [this, resume = std::move(resume)]() mutable { broker_.shard().defer(std::move(resume)); };
  };
  while (!closed_) {
    if (begin_ == end_) {
      // Nothing half read: an idle connection holds no buffer.
      broker_.return_buffer(std::move(input_));
      gate.release(large_);
      input_ = {};
      begin_ = end_ = frame_bytes_ = 0;
      auto ready = co_await stream_->readable();
      if (!ready) break;
      input_ = broker_.take_buffer(input_bytes);
    } else if (end_ == input_->capacity() || frame_bytes_ > input_->capacity() - begin_) {
      const std::size_t room = entitled();
      while (!closed_ && room > input_bytes && !gate.try_change(large_, room)) {
        auto wait = gate_moves;
        co_await broker_.shard().until(std::move(wait));
      }
      if (closed_) break;
      make_room(room);
    }
    const std::span<std::uint8_t> space(input_->data() + end_, input_->capacity() - end_);
    auto got = co_await stream_->read_some(space);
    if (!got || *got == 0) break;
    end_ += *got;
    last_active_ = broker_.shard().clock().now();
    broker_.metrics().bytes_in.add(*got);
    begin_ += handle_frames();
    while (held_back_ && !closed_) {
      flush();
      if (stream_->queued_bytes() > limits_.unsent_bytes_max) {
        auto sent = co_await stream_->drained();
        if (!sent) close();
      } else if (!has_room(fetch_waits_)) {
        auto wait = completion;
        co_await broker_.shard().until(std::move(wait));
      }
      if (!closed_) begin_ += handle_frames();
    }
    if (closed_) break;
    while (std::exchange(produced_, false) && gate.closed() && !closed_) {
      auto wait = gate_moves;
      co_await broker_.shard().until(std::move(wait));
      produced_ = true;
    }
    if (stream_->queued_bytes() > limits_.unsent_bytes_max) {
      auto sent = co_await stream_->drained();
      if (!sent) break;
    }
  }
  gate.release(large_);
  close();
}

bool Connection::has_room(bool fetch) const {
  return slots_.size() < limits_.requests_in_flight_max && (!fetch || fetches_ < limits_.fetches_in_flight_max) &&
         outgoing_.size() + held_bytes_ + stream_->queued_bytes() <= limits_.unsent_bytes_max;
}

std::size_t Connection::handle_frames() {
  std::size_t used = 0;
  frame_bytes_ = 0;
  held_back_ = false;
  while (end_ - begin_ - used >= 4) {
    const std::uint8_t* at = input_->data() + begin_ + used;
    std::uint32_t length;
    std::memcpy(&length, at, 4);
    length = __builtin_bswap32(length);
    if (length > limits_.request_bytes_max) {
      refuse("request is larger than socket.request.max.bytes, or its length is negative");
      break;
    }
    if (end_ - begin_ - used < 4 + std::size_t{length}) {
      frame_bytes_ = 4 + std::size_t{length};
      break;
    }
    const Bytes frame(input_, at + 4, length);
    fetch_waits_ = length >= 2 && frame.data()[0] == 0 && frame.data()[1] == fetch_key;
    held_back_ = !has_room(fetch_waits_);
    if (held_back_) break;
    used += 4 + std::size_t{length};
    if (!handle(frame.view(), frame)) break;
    if (closed_) break;
  }
  return used;
}

std::size_t Connection::entitled() const {
  const std::size_t have = end_ - begin_;
  const std::size_t grown = std::max(input_bytes, std::min(frame_bytes_, std::max(first_growth, have * 2)));
  return std::max(grown, have + 1);
}

void Connection::make_room(std::size_t bytes) {
  const std::size_t have = end_ - begin_;
  if (input_->unique() && bytes <= input_->capacity() && begin_ > 0) {
    std::memmove(input_->data(), input_->data() + begin_, have);
  } else {
    BlockRef bigger = BlockRef::allocate(bytes);
    std::memcpy(bigger->data(), input_->data() + begin_, have);
    input_ = std::move(bigger);
  }
  begin_ = 0;
  end_ = have;
}

bool Connection::handle(ByteView frame, const Bytes& owner) {
  if (frame.size() < header_bytes_min - 2) {
    refuse("request is shorter than its header");
    return false;
  }
  wire::Reader reader(frame);
  const std::int16_t key = reader.i16();
  const std::int16_t version = reader.i16();
  const std::int32_t correlation_id = reader.i32();
  const ApiRow* row = api_row(key);
  if (!row) {
    refuse("request for an API key that is not served");
    return false;
  }
  const bool known = version >= row->first && version <= row->last;
  if (!known && key != 18) {
    refuse("request for a version that is not served");
    return false;
  }
  const std::int16_t client_id_length = reader.i16();
  std::string_view client_id;
  if (client_id_length >= 0) client_id = as_text(reader.raw(static_cast<std::size_t>(client_id_length)));
  if (known && version >= row->flexible) {
    for (std::uint32_t tags = reader.uvarint(); tags != 0 && reader.ok(); --tags) {
      reader.uvarint();
      reader.raw(reader.uvarint());
    }
  }
  if (!reader.ok() && known) {
    refuse("request header is malformed");
    return false;
  }
  const std::uint64_t slot = first_slot_ + slots_.size();
  slots_.emplace_back().fetch = key == fetch_key;
  if (key == fetch_key) ++fetches_;
  produced_ |= key == produce_key;
  row->handler(RequestContext(shared_from_this(), slot, key, version, correlation_id, client_id, owner,
                              ByteView{reader.position(), reader.remaining()}));
  return true;
}

void Connection::complete(std::uint64_t slot, BufferChain reply) {
  if (closed_) return;
  Slot& owed = slots_[slot - first_slot_];
  HOLDFAST_CHECK(!owed.done);
  owed.done = true;
  owed.reply = std::move(reply);
  held_bytes_ += owed.reply.size();
  if (owed.fetch) --fetches_;
  bool moved = false;
  while (!slots_.empty() && slots_.front().done) {
    held_bytes_ -= slots_.front().reply.size();
    outgoing_.append(std::move(slots_.front().reply));
    slots_.pop_front();
    ++first_slot_;
    moved = true;
  }
  if (moved && !flush_deferred_) {
    flush_deferred_ = true;
    broker_.shard().defer([self = shared_from_this()] { self->flush(); });
  }
  if (completed_) std::exchange(completed_, nullptr)();
}

void Connection::flush() {
  flush_deferred_ = false;
  if (closed_ || outgoing_.empty()) return;
  broker_.metrics().bytes_out.add(outgoing_.size());
  stream_->send(std::exchange(outgoing_, {}));
}

void Connection::refuse(std::string_view why) {
  if (broker_.may_log_refusal()) log_line(LogLevel::warn, "broker", "closing connection of {}: {}", client(), why);
  // What was answered before still leaves; then the connection ends.
  flush();
  close();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  slots_.clear();
  stream_->shutdown_after_sends();
  stream_->close();
  if (completed_) std::exchange(completed_, nullptr)();
  broker_.input_gate().wake();
  answer_parked();
}

void Connection::answer_parked() {
  while (!close_watches_.empty()) {
    CloseWatch& watch = close_watches_.front();
    close_watches_.pop_front();
    watch.closed();
  }
}

RequestContext::RequestContext(std::shared_ptr<Connection> connection, std::uint64_t slot, std::int16_t key,
                               std::int16_t version, std::int32_t correlation_id, std::string_view client_id,
                               Bytes frame, ByteView body)
    : connection_(std::move(connection)),
      slot_(slot),
      key_(key),
      version_(version),
      correlation_id_(correlation_id),
      client_id_(client_id),
      frame_(std::move(frame)),
      body_(body),
      started_ns_(static_cast<std::uint64_t>(connection_->broker().shard().clock().now().time_since_epoch().count())) {}

RequestContext::~RequestContext() {
  if (connection_) connection_->close();
}

std::string RequestContext::client_host() const { return connection_->client_host(); }
std::string_view RequestContext::listener() const { return connection_->listener(); }
BrokerShard& RequestContext::broker() const { return connection_->broker(); }
bool RequestContext::connected() const { return !connection_->closed(); }
void RequestContext::watch_close(CloseWatch& watch) const { connection_->close_watches_.push_back(watch); }
void RequestContext::answer_parked() const { connection_->answer_parked(); }

void RequestContext::begin(wire::Writer& out, std::int16_t flexible_from, std::int16_t version) const {
  out.i32(0);
  out.i32(correlation_id_);
  // ApiVersions keeps response header 0 for ever, so that a client can read the answer whatever it asked (KIP-511).
  if (version >= flexible_from && key_ != 18) out.uvarint(0);
}

void RequestContext::finish(wire::Writer out) {
  if (!out.ok()) {
    log_line(LogLevel::error, "broker", "reply of API {} version {} cannot be encoded: {}", key_, version_,
             out.error());
    close("internal error");
    return;
  }
  out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
  auto& shard = connection_->broker().shard();
  const auto now = static_cast<std::uint64_t>(shard.clock().now().time_since_epoch().count());
  connection_->broker().metrics().api(key_).record(now - started_ns_);
  std::exchange(connection_, nullptr)->complete(slot_, out.take());
}

void RequestContext::respond_nothing() { std::exchange(connection_, nullptr)->complete(slot_, {}); }

void RequestContext::close(std::string_view why) { std::exchange(connection_, nullptr)->refuse(why); }

void RequestContext::malformed(std::string_view why) { close(why); }

}  // namespace holdfast
