// LeaderEpochs: which leader epoch began at which offset (KIP-101, KIP-279), as in leader-epoch-checkpoint. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/result.h"
#include "runtime/strong.h"

namespace holdfast {

class LeaderEpochs {
 public:
  struct Entry {
    LeaderEpoch epoch;
    Offset start;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // Epochs and start offsets both rise; an entry that contradicts later ones replaces them. True if something changed.
  bool assign(LeaderEpoch epoch, Offset start);
  std::optional<LeaderEpoch> latest() const;
  std::optional<LeaderEpoch> epoch_at(Offset offset) const;
  // (the largest epoch <= asked that we know, its end offset); end offset of the latest epoch is the log's end. Below
  // the first one: (asked, start of the first one), for what it wrote is gone. Above the latest: unknown, (-1, -1).
  std::pair<LeaderEpoch, Offset> end_offset_for(LeaderEpoch asked, Offset log_end) const;
  void truncate_from_end(Offset end);      // drops entries that start at or above `end`
  void truncate_from_start(Offset start);  // keeps the one entry that covers `start`, moved up to it
  void clear() { entries_.clear(); }
  const std::vector<Entry>& entries() const { return entries_; }

  // Kafka's leader-epoch-checkpoint text. Read as Kafka does: each entry is assigned, in order.
  std::string to_checkpoint() const;
  static Result<LeaderEpochs> from_checkpoint(std::string_view text);

 private:
  std::vector<Entry> entries_;
};

}  // namespace holdfast
