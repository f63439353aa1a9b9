#include "coordination/quorum_status.h"

namespace holdfast {

std::string_view to_string(QuorumStatus::Mode mode) {
  switch (mode) {
    case QuorumStatus::Mode::standalone:
      return "standalone";
    case QuorumStatus::Mode::leader:
      return "leader";
    case QuorumStatus::Mode::follower:
      return "follower";
    case QuorumStatus::Mode::observer:
      return "observer";
    case QuorumStatus::Mode::looking:
      return "looking";
    case QuorumStatus::Mode::read_only:
      return "read-only";
  }
  return "unknown";
}

}  // namespace holdfast
