// The producers of ProduceLoad: librdkafka, with what is known of its faults, and Holdfast's own client.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::test {

enum class ProducedBy { librdkafka, holdfast };

// Idempotent, acks=all.
class LoadProducer {
 public:
  virtual ~LoadProducer() = default;
  virtual void send(const std::string& topic, int partition, const std::string& value) = 0;
  virtual void poll(int milliseconds) = 0;
  virtual void flush() = 0;
  // Offset, value; in the order of the acknowledgements. RD_KAFKA_OFFSET_INVALID: it is written, and where is not
  // known.
  virtual const std::vector<std::pair<std::int64_t, std::string>>& acknowledged() const = 0;
  virtual std::string fatal_error() const = 0;  // nothing more can be sent
  virtual std::string known_fault() const = 0;  // see Producer
  virtual bool may_double() = 0;
};

std::unique_ptr<LoadProducer> load_producer(ProducedBy by, const std::string& brokers);

}  // namespace holdfast::test
