#include "client/broker_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/log_line.h"

namespace holdfast {
namespace {

constexpr std::size_t input_bytes = 64 << 10;  // what small replies are read into, many at a time
constexpr std::size_t first_growth = 1 << 20;  // a large reply's memory starts here and grows with what arrives
constexpr std::size_t waiting_max = 1000;      // requests on their way
constexpr std::size_t untold_bytes_max = 1 << 20;
constexpr std::size_t length_bytes = 4;

}  // namespace

struct BrokerClient::Waiting {
  std::int32_t correlation_id;
  std::int16_t version, reply_header;
  Result<Reply> result = fail(ErrorKind::internal, "no answer");
  Function<void()> resume;
  Timer timer;
};

// Cuts replies from what arrives. A reply is a view into the memory that it was read into: a large one has its own,
// that of small ones is shared.
class BrokerClient::Replies {
 public:
  Replies(std::shared_ptr<Stream> stream, std::size_t bytes_max) : stream_(std::move(stream)), bytes_max_(bytes_max) {}

  Task<Result<Bytes>> next() {
    for (;;) {
      std::size_t wanted = length_bytes;
      if (end_ - begin_ >= length_bytes) {
        std::uint32_t length;
        std::memcpy(&length, input_->data() + begin_, length_bytes);
        length = __builtin_bswap32(length);
        if (length > bytes_max_) co_return fail(ErrorKind::invalid_input, not_kafka(length));
        wanted += length;
        if (end_ - begin_ >= wanted) {
          Bytes frame(input_, input_->data() + begin_ + length_bytes, length);
          begin_ += wanted;
          largest_ = std::max(largest_, wanted);
          co_return frame;
        }
      }
      make_room(wanted);
      const std::span<std::uint8_t> space(input_->data() + end_, input_->capacity() - end_);
      auto got = co_await stream_->read_some(space);
      if (!got) co_return fail(got);
      if (*got == 0) co_return fail(ErrorKind::closed, "it closed the connection");
      end_ += *got;
    }
  }

 private:
  // A server of another protocol, such as HTTP: what it begins with is no length.
  std::string not_kafka(std::uint32_t length) const {
    const std::string_view begin(reinterpret_cast<const char*>(input_->data() + begin_), length_bytes);
    const bool is_text = std::ranges::all_of(begin, [](char c) { return c >= ' ' && c <= '~'; });
    if (is_text) return fmt::format("it is no Kafka server: its answer begins with \"{}\"", begin);
    return fmt::format("it answers with {} bytes, of at most {}", length, bytes_max_);
  }

  // Room for more of the `wanted` bytes at begin_. A length alone reserves no memory, beyond what the peer has filled
  // before: when replies are of one size, each is read to where it stays.
  void make_room(std::size_t wanted) {
    const std::size_t have = end_ - begin_;
    if (have == 0) {
      const bool reusable = input_ && input_->unique() && input_->capacity() <= input_bytes;
      if (!reusable && input_ && input_->capacity() - end_ >= input_bytes / 4) return;
      if (!reusable) input_ = BlockRef::allocate(input_bytes);
      begin_ = end_ = 0;
      return;
    }
    const std::size_t at_once = std::min(wanted, std::max(first_growth, largest_));
    if (input_->capacity() - begin_ >= at_once && end_ < input_->capacity()) return;
    const std::size_t entitled = std::max(input_bytes, std::min(wanted, std::max(at_once, have * 2)));
    if (entitled <= input_->capacity() && input_->unique()) {
      std::memmove(input_->data(), input_->data() + begin_, have);
    } else {
      BlockRef other = BlockRef::allocate(entitled);
      std::memcpy(other->data(), input_->data() + begin_, have);
      input_ = std::move(other);
    }
    begin_ = 0;
    end_ = have;
  }

  const std::shared_ptr<Stream> stream_;
  const std::size_t bytes_max_;
  BlockRef input_;
  std::size_t begin_ = 0, end_ = 0;  // unread bytes of input_
  std::size_t largest_ = 0;
};

BrokerClient::BrokerClient(Shard& shard, Network& network, Endpoint to, std::string client_id,
                           std::size_t reply_bytes_max)
    : shard_(shard),
      network_(network),
      to_(std::move(to)),
      client_id_(std::move(client_id)),
      reply_bytes_max_(reply_bytes_max) {}

BrokerClient::~BrokerClient() { HOLDFAST_CHECK(waiting_.empty()); }

BrokerClient::Frame BrokerClient::make_frame(const Outgoing& request, std::int16_t version) {
  Frame frame;
  frame.correlation_id = next_correlation_id_++;
  frame.version = version;
  frame.reply_header = wire::response_header_version(request.api(), version);
  wire::RequestHeader header;
  header.request_api_key = request.api().key;
  header.request_api_version = version;
  header.correlation_id = frame.correlation_id;
  header.client_id = client_id_;
  wire::Writer out;
  out.i32(0);
  wire::encode(header, wire::request_header_version(request.api(), version), out);
  request.encode(version, out);
  if (!out.ok()) {
    frame.fault = out.error();
    return frame;
  }
  out.patch_i32(0, static_cast<std::int32_t>(out.size() - length_bytes));
  frame.bytes = out.take();
  return frame;
}

Task<Result<BrokerClient::Reply>> BrokerClient::exchange(Frame frame, Duration timeout) {
  const Gate::Holder holder = gate_.enter();
  if (!holder) co_return fail(ErrorKind::closed, fmt::format("{}: requests are sent no longer", to_string(to_)));
  if (frame.fault) co_return fail(ErrorKind::unsupported, fmt::format("request cannot be encoded: {}", frame.fault));
  if (waiting_.size() >= waiting_max)
    co_return fail(ErrorKind::exhausted, fmt::format("{}: too many requests wait for their replies", to_string(to_)));
  Waiting waiting{.correlation_id = frame.correlation_id,
                  .version = frame.version,
                  .reply_header = frame.reply_header,
                  .resume = nullptr,
                  .timer = {}};
  auto start = [this, &waiting, &frame, timeout](Function<void()> resume) {
    waiting.resume = std::move(resume);
    waiting_.push_back(&waiting);
    shard_.arm(waiting.timer, timeout, [this, &waiting] {
      waiting.result = fail(ErrorKind::timed_out, fmt::format("{} does not answer in time", to_string(to_)));
      std::erase(waiting_, &waiting);
      std::exchange(waiting.resume, nullptr)();
      end(Error(ErrorKind::closed, "an earlier request was not answered in time"));
    });
    send_soon(std::move(frame.bytes));
    if (stream_ || dialling_) return;
    dialling_ = true;
    shard_.spawn(gate_, run());
  };
  co_await shard_.until(std::move(start));
  co_return std::move(waiting.result);
}

Result<void> BrokerClient::send_only(Frame frame) {
  if (frame.fault) return fail(ErrorKind::unsupported, fmt::format("request cannot be encoded: {}", frame.fault));
  if (!stream_) return fail(ErrorKind::closed, fmt::format("{}: there is no connection", to_string(to_)));
  if (stream_->queued_bytes() + outgoing_.size() > untold_bytes_max)
    return fail(ErrorKind::exhausted, fmt::format("{} does not read what is sent", to_string(to_)));
  send_soon(std::move(frame.bytes));
  return {};
}

Task<Result<void>> BrokerClient::drained() {
  const Gate::Holder holder = gate_.enter();
  const std::shared_ptr<Stream> stream = stream_;
  if (!holder || !stream) co_return fail(ErrorKind::closed, fmt::format("{}: there is no connection", to_string(to_)));
  flush();
  auto drained = co_await stream->drained();
  co_return drained;
}

void BrokerClient::send_soon(BufferChain bytes) {
  outgoing_.append(std::move(bytes));
  if (!stream_ || std::exchange(flush_deferred_, true)) return;
  // A burst of requests is one write.
  shard_.defer([this, holder = gate_.enter()] {
    flush_deferred_ = false;
    flush();
  });
}

void BrokerClient::flush() {
  if (stream_ && !outgoing_.empty()) stream_->send(std::exchange(outgoing_, {}));
}

// From the first dialling to the end of the connection.
Task<void> BrokerClient::run() {
  const Endpoint to = to_;
  auto dialled = co_await network_.connect(shard_, to);
  dialling_ = false;
  if (!dialled) {
    end(dialled.error());
    co_return;
  }
  if (waiting_.empty()) co_return;  // given up meanwhile
  const std::shared_ptr<Stream> stream = std::move(*dialled);
  stream_ = stream;
  flush();
  Replies replies(stream, reply_bytes_max_);
  while (stream_ == stream) {
    auto frame = co_await replies.next();
    if (stream_ != stream) break;
    auto taken = frame ? answer(*frame) : Result<void>(fail(frame));
    if (!taken) end(taken.error());
  }
}

Result<void> BrokerClient::answer(const Bytes& frame) {
  wire::Reader in(frame.view());
  wire::ResponseHeader header;
  if (waiting_.empty()) return fail(ErrorKind::invalid_input, "it answers what nobody asked");
  Waiting& waiting = *waiting_.front();
  if (!wire::decode(header, waiting.reply_header, in))
    return fail(ErrorKind::invalid_input, fmt::format("the header of a reply is malformed: {}", in.error()));
  if (header.correlation_id != waiting.correlation_id)
    return fail(ErrorKind::invalid_input,
                fmt::format("it answers request {} where {} is next", header.correlation_id, waiting.correlation_id));
  waiting_.pop_front();
  waiting.timer.cancel();
  waiting.result = Reply{frame, ByteView(in.position(), in.remaining()), waiting.version};
  std::exchange(waiting.resume, nullptr)();
  return {};
}

void BrokerClient::end(const Error& why) {
  if (const auto stream = std::exchange(stream_, nullptr)) stream->close();
  outgoing_ = {};
  for (Waiting* waiting : std::exchange(waiting_, {})) {
    waiting->timer.cancel();
    waiting->result = fail(why.kind, fmt::format("{}: {}", to_string(to_), why.message), why.os_error);
    std::exchange(waiting->resume, nullptr)();
  }
}

void BrokerClient::close() { end(Error(ErrorKind::closed, "the connection was closed")); }

Task<void> BrokerClient::stop() {
  // Whoever was waiting may ask again at once: it finds the gate closed.
  auto drained = [this](Function<void()> resume) {
    gate_.close(std::move(resume));
    close();
  };
  co_await shard_.until(std::move(drained));
}

}  // namespace holdfast
