// FakeBroker: what a client under test talks to, over the simulated network. It decodes each request and answers as the
// test says; it knows ApiVersions by itself. FakeCluster: several of them, who know Metadata as well.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/simulated_loop.h"
#include "runtime/simulated_network.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/headers.h"
#include "wire/kafka/metadata.h"
#include "wire/message.h"

namespace holdfast::test {

class FakeBroker {
 public:
  FakeBroker(SimulatedLoop& loop, SimulatedNetwork& network, std::int32_t id)
      : id_(id), at_{"10.0.0." + std::to_string(id), 9092}, loop_(loop), network_(network) {
    on<wire::ApiVersionsRequest, wire::ApiVersionsResponse>(
        [this](const wire::ApiVersionsRequest&, std::int16_t) { return api_versions(); });
    listen();
  }
  ~FakeBroker() {
    stop_listening();
    hang_up();
    loop_.run(loop_.shard().drained(gate_));
  }

  std::int32_t id() const { return id_; }
  const Endpoint& endpoint() const { return at_; }

  void listen() {
    Shard::Scope scope(loop_.shard());
    auto listener = network_.host(at_.host).listen(loop_.shard(), at_, 16, false);
    ASSERT_TRUE(listener);
    listener_ = std::move(*listener);
    loop_.shard().spawn(gate_, serve());
  }
  void stop_listening() {
    Shard::Scope scope(loop_.shard());
    if (listener_) listener_->close();
  }
  void hang_up() {
    Shard::Scope scope(loop_.shard());
    for (const auto& stream : std::exchange(streams_, {})) stream->close();
  }

  // How requests of this type are answered. Nothing: not at all.
  template <class Request, class Response>
  void on(std::function<std::optional<Response>(const Request&, std::int16_t version)> answer) {
    Handler& handler = handlers_[Request::api.key];
    handler.versions = Request::api.versions;
    handler.api = Request::api;
    handler.handle = [answer = std::move(answer)](wire::Reader& in, const wire::RequestHeader& header, Stream& stream) {
      Request request;
      const std::int16_t version = header.request_api_version;
      const bool decoded = wire::decode(request, version, in);
      ASSERT_TRUE(decoded) << in.error();
      const std::optional<Response> response = answer(request, version);
      if (response) reply(stream, header.correlation_id, *response, version);
    };
  }
  // What ApiVersions says; without a range it is not among them.
  void know(std::int16_t key, std::optional<wire::VersionRange> versions) {
    if (versions) {
      handlers_[key].versions = *versions;
    } else {
      handlers_.erase(key);
    }
  }

  int accepted() const { return accepted_; }
  int heard(std::int16_t key) const {
    const auto it = heard_.find(key);
    return it == heard_.end() ? 0 : static_cast<int>(it->second.size());
  }
  const std::vector<std::int16_t>& versions_heard(std::int16_t key) { return heard_[key]; }

 private:
  struct Handler {
    wire::Api api;
    wire::VersionRange versions;
    std::function<void(wire::Reader&, const wire::RequestHeader&, Stream&)> handle;
  };

  Task<void> serve() {
    Listener& listener = *listener_;
    for (;;) {
      auto stream = co_await listener.accept();
      if (!stream) co_return;
      ++accepted_;
      streams_.push_back(std::move(*stream));
      loop_.shard().spawn(gate_, hear(streams_.back()));
    }
  }
  Task<void> hear(std::shared_ptr<Stream> stream) {
    std::vector<std::uint8_t> input, buffer(64 << 10);
    for (;;) {
      auto got = co_await stream->read_some(buffer);
      if (!got || *got == 0) break;
      input.insert(input.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
      for (;;) {
        wire::Reader in(input);
        const std::uint32_t length = in.u32();
        if (!in.ok() || in.remaining() < length) break;
        take(ByteView(input).subspan(4, length), *stream);
        input.erase(input.begin(), input.begin() + 4 + static_cast<std::ptrdiff_t>(length));
      }
    }
    stream->close();
  }
  void take(ByteView frame, Stream& stream) {
    wire::Reader peek(frame);
    const std::int16_t key = peek.i16(), version = peek.i16();
    const auto it = handlers_.find(key);
    heard_[key].push_back(version);
    if (it == handlers_.end()) return stream.close();  // as Kafka does
    Handler& handler = it->second;
    wire::Reader in(frame);
    wire::RequestHeader header;
    ASSERT_TRUE(wire::decode(header, wire::request_header_version(handler.api, version), in));
    if (handler.versions.holds(version)) return handler.handle(in, header, stream);
    if (key != wire::ApiVersionsRequest::api.key) return stream.close();
    auto refused = api_versions();
    refused.error_code = wire::to_wire(wire::ErrorCode::unsupported_version);
    reply(stream, header.correlation_id, refused, 0);
  }
  wire::ApiVersionsResponse api_versions() const {
    wire::ApiVersionsResponse out;
    for (const auto& [key, handler] : handlers_)
      out.api_keys.push_back({key, handler.versions.first, handler.versions.last});
    return out;
  }
  template <class M>
  static void reply(Stream& stream, std::int32_t correlation_id, const M& message, std::int16_t version) {
    wire::Writer out;
    out.i32(0);
    wire::ResponseHeader header;
    header.correlation_id = correlation_id;
    wire::encode(header, wire::response_header_version(M::api, version), out);
    wire::encode(message, version, out);
    out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
    stream.send(out.take());
  }

  const std::int32_t id_;
  const Endpoint at_;
  SimulatedLoop& loop_;
  SimulatedNetwork& network_;
  Gate gate_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::map<std::int16_t, Handler> handlers_;
  std::map<std::int16_t, std::vector<std::int16_t>> heard_;  // versions, by key
  int accepted_ = 0;
};

// Brokers 1 to n. What Metadata says is the test's to change: `topics` is by name, then by partition, the leader and
// its epoch.
class FakeCluster {
 public:
  struct Leader {
    std::int32_t node = -1, epoch = 0;
  };
  struct Topic {
    Uuid id{};
    std::vector<Leader> leaders;
    wire::ErrorCode error = wire::ErrorCode::none;
  };

  FakeCluster(SimulatedLoop& loop, SimulatedNetwork& network, std::int32_t count) {
    for (std::int32_t id = 1; id <= count; ++id) {
      brokers.push_back(std::make_unique<FakeBroker>(loop, network, id));
      listed.push_back(id);
      at(id).on<wire::MetadataRequest, wire::MetadataResponse>(
          [this, id](const wire::MetadataRequest& request, std::int16_t) {
            asked_whom.push_back(id);
            return metadata(request);
          });
    }
  }
  FakeBroker& at(std::int32_t id) { return *brokers[static_cast<std::size_t>(id) - 1]; }

  void add_topic(const std::string& name, std::vector<Leader> leaders) {
    Topic& topic = topics[name];
    topic.leaders = std::move(leaders);
    topic.id[0] = static_cast<std::uint8_t>(topics.size());
  }

  std::vector<std::unique_ptr<FakeBroker>> brokers;
  std::vector<std::int32_t> listed;  // in Metadata
  std::map<std::string, Topic> topics;
  std::int32_t controller = 1;
  wire::ErrorCode metadata_error = wire::ErrorCode::none;  // of the next answer only
  std::vector<wire::MetadataRequest> asked;
  std::vector<std::int32_t> asked_whom;

 private:
  wire::MetadataResponse metadata(const wire::MetadataRequest& request) {
    asked.push_back(request);
    wire::MetadataResponse out;
    out.error_code = wire::to_wire(std::exchange(metadata_error, wire::ErrorCode::none));
    out.cluster_id = "fake";
    out.controller_id = controller;
    for (const std::int32_t id : listed) {
      auto& broker = out.brokers.emplace_back();
      broker.node_id = id;
      broker.host = at(id).endpoint().host;
      broker.port = at(id).endpoint().port;
      broker.rack = "rack-" + std::to_string(id);
    }
    const auto tell = [&](const std::string& name) {
      auto& told = out.topics.emplace_back();
      told.name = name;
      const auto it = topics.find(name);
      if (it == topics.end()) {
        told.error_code = wire::to_wire(wire::ErrorCode::unknown_topic_or_partition);
        return;
      }
      told.topic_id = it->second.id;
      told.error_code = wire::to_wire(it->second.error);
      for (std::size_t i = 0; i < it->second.leaders.size(); ++i) {
        auto& p = told.partitions.emplace_back();
        p.partition_index = static_cast<std::int32_t>(i);
        p.leader_id = it->second.leaders[i].node;
        p.leader_epoch = it->second.leaders[i].epoch;
        if (p.leader_id < 0) p.error_code = wire::to_wire(wire::ErrorCode::leader_not_available);
      }
    };
    if (request.topics) {
      for (const auto& topic : *request.topics) tell(topic.name.value_or(""));
    } else {
      for (const auto& [name, _] : topics) tell(name);
    }
    return out;
  }
};

}  // namespace holdfast::test
