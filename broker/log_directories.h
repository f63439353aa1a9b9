// LogDirectories: what becomes of the broker's partitions when one of its log directories fails. They are offline, and
// its registration says so: then the controller leads them from elsewhere and takes this broker out of their ISRs, as
// if it were gone for them alone; the partitions of the other directories go on. It lasts until a restart. Lives on
// shard 0.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "broker/broker_shard.h"

namespace holdfast {

class Registration;

class LogDirectories {
 public:
  LogDirectories(BrokerServices& services, Registration& registration)
      : services_(services), registration_(registration) {}

  void failed(const std::string& path);
  // A partition cannot be served here, or can again: its log was made anew in another directory.
  void set_offline(const std::vector<LogId>& partitions, bool offline);

 private:
  BrokerServices& services_;
  Registration& registration_;
  std::map<Uuid, std::vector<std::int32_t>> offline_;  // by topic, ascending
};

}  // namespace holdfast
