#include "broker/admin/http_server.h"

#include <fmt/format.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace holdfast {
namespace http = boost::beast::http;
namespace {

constexpr std::size_t head_bytes_max = 16 << 10;
constexpr std::size_t connections_max = 256;
constexpr auto request_timeout = std::chrono::seconds(30);

std::string render(const HttpReply& reply, bool keep_alive, bool head_only) {
  std::string out = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: {}\r\n\r\n",
      reply.status, std::string_view(http::obsolete_reason(static_cast<http::status>(reply.status))),
      reply.content_type, reply.body.size(), keep_alive ? "keep-alive" : "close");
  if (!head_only) out += reply.body;
  return out;
}

}  // namespace

HttpServer::HttpServer(Shard& shard, Network& network, Route route)
    : shard_(shard), network_(network), route_(std::move(route)) {}

Result<void> HttpServer::listen(const Endpoint& at) {
  auto bound = network_.listen(shard_, at, 64, false);
  if (!bound) return fail(bound);
  listener_ = std::move(*bound);
  return {};
}

void HttpServer::start() {
  if (listener_) shard_.spawn(gate_, accept());
}

Task<void> HttpServer::accept() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    if (streams_.size() >= connections_max) {
      (*stream)->close();
      continue;
    }
    std::shared_ptr<Stream> shared = std::move(*stream);
    streams_.insert(shared);
    shard_.spawn(gate_, serve(shared));
  }
}

HttpServer::Asked HttpServer::read(std::string_view head) {
  Asked out;
  http::request_parser<http::string_body> parser;
  parser.header_limit(head_bytes_max);
  parser.body_limit(0);
  boost::system::error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done()) {
    out.refusal = render({400, "text/plain", "malformed request\n"}, false, false);
    return out;
  }
  const auto& request = parser.get();
  if (!parser.is_done()) {
    out.refusal = render({413, "text/plain", "no request here has a body\n"}, false, false);
    return out;
  }
  out.keep_alive = request.keep_alive();
  out.head_only = request.method() == http::verb::head;
  if (request.method() != http::verb::get && !out.head_only)
    out.refusal = render({405, "text/plain", "only GET and HEAD are served\n"}, out.keep_alive, false);
  const std::string_view target(request.target().data(), request.target().size());
  out.path = target.substr(0, target.find('?'));
  return out;
}

Task<void> HttpServer::serve(std::shared_ptr<Stream> stream) {
  std::string input;
  bool keep_alive = true;
  Timer timeout;
  while (keep_alive) {
    shard_.arm(timeout, request_timeout, [&stream] { stream->close(); });
    std::size_t end = std::string::npos;
    while ((end = input.find("\r\n\r\n")) == std::string::npos && input.size() < head_bytes_max) {
      std::array<std::uint8_t, 2048> piece;
      auto got = co_await stream->read_some(piece);
      if (!got || *got == 0) {
        keep_alive = false;
        break;
      }
      input.append(reinterpret_cast<const char*>(piece.data()), *got);
    }
    if (!keep_alive) break;
    const std::size_t head_bytes = end == std::string::npos ? input.size() : end + 4;
    Asked asked = read(std::string_view(input).substr(0, head_bytes));
    input.erase(0, head_bytes);
    keep_alive = asked.keep_alive;
    std::string reply = std::move(asked.refusal);
    if (reply.empty()) {
      const HttpReply found = co_await route_(std::move(asked.path));
      reply = render(found, keep_alive, asked.head_only);
    }
    stream->send(BufferChain(Bytes::copy(as_bytes(reply))));
    auto sent = co_await stream->drained();
    if (!sent) break;
  }
  timeout.cancel();
  stream->close();
  streams_.erase(stream);
}

Task<void> HttpServer::stop() {
  if (listener_) listener_->close();
  for (const auto& stream : streams_) stream->close();
  co_await shard_.drained(gate_);
}

}  // namespace holdfast
