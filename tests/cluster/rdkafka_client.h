// librdkafka in the few words that the tests need.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::test {

using Settings = std::map<std::string, std::string>;

class Producer {
 public:
  Producer(const std::string& brokers, const Settings& settings);
  ~Producer();
  // timestamp 0: now. `opaque` comes back in acknowledged().
  void send(const std::string& topic, int partition, const std::string& value, std::int64_t timestamp = 0);
  int flush(int seconds = 60);  // how many were acknowledged since the start
  void poll(int milliseconds);
  // Why nothing more can be sent; nothing while all is well.
  std::string fatal_error() const;
  // Which of two faults of librdkafka 2.0 (Debian 12) this producer will not get over, nothing while it has none. Both
  // come of leaders that move twice in a moment, on a busy machine; librdkafka says of itself that it is wrong, so that
  // no server's fault hides behind them:
  //  - a batch that was cut off with its connection counts as written; when it was not, the next one is sent before it
  //    and out of order, which is fatal (its pull request 4438; mended in 2.3);
  //  - two changes of leader before the partition has left its first broker: it stays with one that is, to librdkafka's
  //    own knowledge, not the leader (its pull request 5593). Counts after five seconds.
  std::string known_fault() const;
  // A third one: out of order by the first fault, and not fatal, it takes a new epoch of its producer id and sends
  // again under that what may be written already (its issue 4953).
  bool may_double();
  const std::vector<std::pair<std::int64_t, std::string>>& acknowledged() const {
    return acknowledged_;
  }  // offset, value

 private:
  static void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* self);
  static int told(rd_kafka_t*, char* statistics, std::size_t size, void* self);
  rd_kafka_t* handle_ = nullptr;
  std::vector<std::pair<std::int64_t, std::string>> acknowledged_;
  std::int64_t epoch_ = 0;                 // of the producer id
  int told_ = 0;                           // statistics
  std::map<std::int64_t, int> misplaced_;  // by partition: for how many statistics in a row
};

struct Message {
  std::int64_t offset;
  std::string value;
};
// At least `count` messages from `offset` on, or what came within a minute.
std::vector<Message> consume(const std::string& brokers, const std::string& topic, int partition, std::int64_t offset,
                             std::size_t count);
std::vector<std::string> values(const std::vector<Message>& messages);
std::int64_t offset_for_time(const std::string& brokers, const std::string& topic, int partition,
                             std::int64_t timestamp);
std::pair<std::int64_t, std::int64_t> watermarks(const std::string& brokers, const std::string& topic, int partition);
std::string create_topic(const std::string& brokers, const std::string& topic, int partitions,
                         const Settings& configs = {}, int replicas = 1);
// What one of `brokers` tells; nothing when none answers.
std::set<int> broker_ids(const std::string& brokers);
int under_replicated(const std::string& brokers, const std::string& topic);  // partitions; -1: no answer
int coordinator_of(const std::string& brokers, const std::string& group);    // a broker; 0: no answer
std::string delete_topic(const std::string& brokers, const std::string& topic);
// AlterConfigs: these and no others.
enum class Configured { topic, broker };
std::string alter_configs(const std::string& brokers, Configured what, const std::string& name,
                          const Settings& configs);

class GroupConsumer {
 public:
  GroupConsumer(const std::string& brokers, const std::string& group, const std::string& topic,
                const Settings& settings = {});
  ~GroupConsumer();
  std::optional<std::string> poll(int milliseconds);
  std::size_t assigned() const;
  std::string commit();  // the error, or nothing

 private:
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace holdfast::test
