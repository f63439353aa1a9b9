#include "tests/broker/lone_broker.h"

#include <fmt/format.h>

#include <cstring>

#include "broker/znodes.h"
#include "wire/kafka/headers.h"
#include "wire/kafka/record_batch.h"
#include "wire/kafka/topics.h"

namespace holdfast::test {
namespace {

constexpr const char* directory = "/data";
constexpr const char* address = "10.0.0.1";        // of the broker
constexpr const char* other_address = "10.0.0.2";  // of the test
constexpr std::uint16_t port = 9092;
constexpr std::int16_t fetch_version = 17;

wire::FetchResponse nothing_new() {
  wire::FetchResponse out;
  out.session_id = 5;
  return out;
}

Config config() {
  Config out = Config::defaults();
  const auto set = [&out](std::string_view key, std::string_view value) {
    EXPECT_TRUE(out.set(key, value, "test")) << key;
  };
  set("log.dirs", directory);
  set("dataDir", directory);
  set("broker.id", "1");
  set("listeners", fmt::format("PLAINTEXT://{}:{}", address, port));
  set("clientPort", "2181");
  set("clientPortAddress", address);
  return out;
}

}  // namespace

LoneBroker::LoneBroker() {
  loop_.add(network_);
  EXPECT_TRUE(disk_.create_directories(directory));
  rooms_ = std::make_unique<NodeRooms>(config(), World{clock_, disk_, network_.host(address), loop_.workers()},
                                       *random_, metrics_);
  rooms_->set_journal_file_bytes(64 << 10);
  EXPECT_TRUE(rooms_->open(shards_));
  EXPECT_TRUE(loop_.run(rooms_->bring_up()));
  auto session = loop_.run(ensemble().open_session(std::chrono::hours(10)));
  EXPECT_TRUE(session);
  session_ = session.value_or(SessionId(0));
  znodes::Broker self;
  self.listeners.push_back({"PLAINTEXT", other_address, port});
  submit({Ensemble::Create{znodes::broker_path(2), znodes::encode(self), false, 1}});
  client_ = std::make_unique<BrokerClient>(loop_.shard(), network_.host(other_address), Endpoint{address, port}, "test",
                                           std::size_t{100} << 20);
  auto listens = network_.host(other_address).listen(loop_.shard(), {other_address, port}, 10, false);
  EXPECT_TRUE(listens);
  if (listens) listener_ = std::move(*listens);
  loop_.shard().post([this] { loop_.shard().spawn(gate_, accept()); });
  loop_.run_for(std::chrono::milliseconds(10));
}

LoneBroker::~LoneBroker() {
  listener_->close();
  for (const auto& stream : streams_) stream->close();
  loop_.run(client_->stop());
  EXPECT_TRUE(loop_.run(rooms_->bring_down()));
  loop_.run(loop_.shard().drained(gate_));
  disk_.cut_power();
  loop_.run_all_jobs();
  const Shard::Scope scope(loop_.shard());
  client_.reset();
  listener_.reset();
  streams_.clear();
  rooms_.reset();
}

std::unique_ptr<Stream> LoneBroker::connect() {
  auto connected = loop_.run(network_.host(other_address).connect(loop_.shard(), Endpoint{address, port}));
  EXPECT_TRUE(connected);
  return connected ? std::move(*connected) : nullptr;
}

void LoneBroker::submit(std::vector<Ensemble::Op> ops) {
  auto done = loop_.run(ensemble().submit(session_, std::move(ops)));
  EXPECT_TRUE(done && done->error == zk::ZkError::ok);
  loop_.run_for(std::chrono::milliseconds(10));
}

Uuid LoneBroker::create_topic(const std::string& name, std::vector<std::int32_t> replicas) {
  wire::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = topic.replication_factor = -1;
  topic.assignments.push_back({0, std::move(replicas)});
  const auto response = ask<wire::CreateTopicsResponse>(request, 7);
  EXPECT_EQ(response.topics.at(0).error_code, 0);
  loop_.run_for(std::chrono::milliseconds(10));
  return response.topics.at(0).topic_id;
}

void LoneBroker::change_state(const std::string& topic, Function<void(znodes::PartitionState&)> edit) {
  const std::string path = znodes::state_path(topic, 0);
  const zk::Znode* node = ensemble().tree().find(path);
  ASSERT_TRUE(node);
  auto state = znodes::decode_partition_state(as_text(node->data.view()));
  ASSERT_TRUE(state);
  edit(*state);
  submit({Ensemble::Set{path, znodes::encode(*state), -1}});
}

void LoneBroker::register_offline(const Uuid& topic) {
  const std::string path = znodes::broker_path(1);
  auto self = znodes::decode_broker(as_text(ensemble().tree().find(path)->data.view()));
  ASSERT_TRUE(self);
  self->offline[topic] = {0};
  submit({Ensemble::Set{path, znodes::encode(*self), -1}});
}

void LoneBroker::name_controller(std::int32_t broker) {
  submit({Ensemble::Set{std::string(znodes::controller), znodes::encode_controller(broker, 0), -1}});
}

wire::FetchResponse::Partition LoneBroker::fetch(const Uuid& topic, wire::FetchRequest::Partition asked,
                                                 std::int32_t replica) {
  wire::FetchRequest request;
  request.replica_state = {.replica_id = replica, .replica_epoch = replica < 0 ? -1 : epoch_of(replica)};
  auto& of_topic = request.topics.emplace_back();
  of_topic.topic_id = topic;
  asked.partition_max_bytes = 1 << 20;
  of_topic.partitions.push_back(asked);
  auto response = ask<wire::FetchResponse>(request, fetch_version);
  EXPECT_EQ(response.error_code, 0);
  if (response.responses.size() != 1) {
    ADD_FAILURE() << "nothing of that topic";
    return {};
  }
  auto out = std::move(response.responses[0].partitions.at(0));
  out.records = {};  // its bytes are the reply's
  return out;
}

std::vector<std::uint8_t> LoneBroker::batch(std::int64_t base, std::int32_t epoch, int records) {
  wire::BatchBuilder::Options options;
  options.base_offset = base;
  options.leader_epoch = epoch;
  wire::BatchBuilder builder(options);
  for (int i = 0; i < records; ++i) builder.append(1000 + i, std::nullopt, as_bytes("value"));
  return builder.finish();
}

// ---- As leader ----

Task<void> LoneBroker::accept() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream) co_return;
    std::shared_ptr<Stream> accepted = std::move(*stream);
    streams_.push_back(accepted);
    loop_.shard().spawn(gate_, serve(std::move(accepted)));
  }
}

Task<void> LoneBroker::serve(std::shared_ptr<Stream> stream) {
  std::vector<std::uint8_t> input;
  std::vector<std::uint8_t> piece(64 << 10);
  for (;;) {
    auto got = co_await stream->read_some(piece);
    if (!got || *got == 0) break;
    input.insert(input.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*got));
    for (;;) {
      if (input.size() < 4) break;
      const std::size_t length =
          std::size_t{input[0]} << 24 | std::size_t{input[1]} << 16 | std::size_t{input[2]} << 8 | input[3];
      if (input.size() < 4 + length) break;
      take(ByteView(input).subspan(4, length), *stream);
      input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(4 + length));
    }
  }
  std::erase_if(unanswered_, [&stream](const Unanswered& u) { return u.stream == stream.get(); });
}

void LoneBroker::take(ByteView frame, Stream& stream) {
  // The key and the version say which header it is.
  const auto i16 = [&frame](std::size_t at) { return static_cast<std::int16_t>(frame[at] << 8 | frame[at + 1]); };
  const std::int16_t key = i16(0), version = i16(2);
  wire::Reader in(frame);
  wire::RequestHeader header;
  const wire::Api& api = key == wire::ReplicaReport::api.key ? wire::ReplicaReport::api : wire::FetchRequest::api;
  ASSERT_TRUE(wire::decode(header, wire::request_header_version(api, version), in));
  if (key == wire::ReplicaReport::api.key) {
    ASSERT_TRUE(wire::decode(reports.emplace_back(), version, in));
    if (!reports.back().answer_fetch || unanswered_.empty() || !answers_.empty()) return;
    answers_.push_back(nothing_new());
    return answer_waiting();
  }
  ASSERT_EQ(key, wire::FetchRequest::api.key);
  ASSERT_TRUE(wire::decode(fetches.emplace_back(), version, in));
  unanswered_.push_back({&stream, header.correlation_id, version});
  answer_waiting();
}

void LoneBroker::answer_waiting() {
  while (!unanswered_.empty() && !answers_.empty()) {
    const Unanswered to = unanswered_.front();
    unanswered_.pop_front();
    wire::Writer out;
    out.i32(0);
    wire::encode(wire::ResponseHeader{to.correlation_id},
                 wire::response_header_version(wire::FetchResponse::api, to.version), out);
    wire::encode(answers_.front(), to.version, out);
    answers_.pop_front();
    EXPECT_TRUE(out.ok());
    out.patch_i32(0, static_cast<std::int32_t>(out.size() - 4));
    to.stream->send(out.take());
  }
}

void LoneBroker::answer(const Uuid& topic, std::optional<wire::FetchResponse::Partition> with,
                        const std::vector<std::uint8_t>& records) {
  const std::size_t before = fetches.size();
  wire::FetchResponse response = nothing_new();
  if (with) {
    auto& of_topic = response.responses.emplace_back();
    of_topic.topic_id = topic;
    with->records = wire::Records(ByteView(records));
    of_topic.partitions.push_back(std::move(*with));
  }
  answers_.push_back(std::move(response));
  {
    Shard::Scope scope(loop_.shard());
    answer_waiting();
  }
  EXPECT_TRUE(loop_.run_until([&] { return fetches.size() > before; }, std::chrono::seconds(10)))
      << "it does not fetch again";
  loop_.run_for(std::chrono::milliseconds(20));
}

}  // namespace holdfast::test
