// What the four-letter words say of an ensemble, in the texts of ZooKeeper 3.9. Of a server that stands alone they say
// nothing. Pure.
#pragma once

#include <string>
#include <string_view>

#include "coordination/quorum_status.h"
#include "coordination/sessions.h"

namespace holdfast {

// Whether it shows anybody its data; `serving`: it takes clients. If not, most words tell only that.
bool shows_data(const QuorumStatus& status, bool serving);

std::string_view isro_text(const QuorumStatus& status, bool serving);
std::string_view read_only_line(const QuorumStatus& status);  // srvr and stat, below the version
std::string proposal_sizes_line(const QuorumStatus& status);  // srvr and stat, their last
// conf, behind what it tells of every server. `config`: the text of /zookeeper/config.
std::string ensemble_lines(const QuorumStatus& status, std::string_view config);
// A session's id as every word writes it: of a server above 127 it is negative.
std::string session_text(SessionId id);
// dump, of a server that does not decide which sessions expire.
std::string global_sessions(const zk::SessionTable& sessions);

}  // namespace holdfast
