// Election: the votes of one election, or of the question before it (pre-vote), and what they decide. Pure.
#pragma once

#include <map>

#include "coordination/consensus_types.h"

namespace holdfast {

class Election {
 public:
  struct Vote {
    Incarnation life;
    bool granted = false, blank = false;
  };
  enum class Outcome { open, won, lost };

  void add(ServerId from, Vote vote) { votes_.insert_or_assign(from, vote); }
  // In a membership that records no incarnations it is the first election: all voters must grant, and all be blank; a
  // sole voter need not be.
  Outcome outcome(const Membership& membership) const;
  // The incarnations that voted.
  Lives lives() const;

 private:
  std::map<ServerId, Vote> votes_;
};

}  // namespace holdfast
