// LogDirectories: what becomes of the broker's partitions when one of its log directories fails, or is full. Its
// registration says which they are, and the controller acts on it. Lives on shard 0.
//
// failed   They are offline: led from elsewhere, and this broker leaves their ISRs, as if it were gone for them alone;
//          the partitions of the other directories go on. It lasts until a restart.
// full     They are served, and not appended to: led by a member of the ISR that has room, if there is one, and this
//          broker leaves their ISRs as long as somebody else is in them. When there has been room for a while it takes
//          part again; a disk at its edge would have the whole cluster come and go with it.
#pragma once

#include <map>
#include <optional>
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
  void full(const std::string& path, bool is_full);
  // A partition cannot be served here, or can again: its log was made anew in another directory.
  void set_offline(const std::vector<LogId>& partitions, bool offline);

 private:
  void look();
  void collect();
  void open_missing();

  BrokerServices& services_;
  Registration& registration_;
  znodes::Broker::Partitions offline_;
  std::map<std::string, std::optional<SteadyTime>> full_;  // since when there is room again
  Timer timer_;
};

}  // namespace holdfast
