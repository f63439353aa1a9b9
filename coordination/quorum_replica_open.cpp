// QuorumReplica: what it makes of the disk when it starts.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "coordination/quorum_replica.h"
#include "runtime/log_line.h"

namespace holdfast {

// ---- Who this server is ----

Result<void> QuorumReplica::open_state() {
  auto found = read_quorum_state(disk_, options_.data_dir);
  if (!found) return holdfast::fail(found);
  if (*found) {
    state_ = **found;
    // Its name may not have been durable yet when the process ended.
    return write_quorum_state(disk_, options_.data_dir, state_);
  }
  state_.incarnation = random_.uuid();
  const auto snapshots = snapshots_.list();
  if (!options_.alone && log_.end() == Offset(0) && snapshots && snapshots->empty()) {
    log_line(LogLevel::info, "quorum",
             "{} says nothing of a quorum: server {} begins as a new one, and is filled by the others",
             options_.data_dir, options_.self.value);
  } else if (!options_.alone && log_.end() > Offset(0)) {
    // What it may have voted is not known any more.
    log_line(LogLevel::warn, "quorum", "{} has no state of a quorum beside its log: server {} comes back as a new one",
             options_.data_dir, options_.self.value);
  }
  return write_quorum_state(disk_, options_.data_dir, state_);
}

std::string QuorumReplica::remedy() const {
  if (options_.alone) return "restore it from a copy of the data directory";
  return fmt::format("remove {}, and the others fill this server again", log_.directory());
}

// What of the log was found does not let it be opened.
Error QuorumReplica::unopened(const Error& error) const {
  if (error.kind != ErrorKind::corrupt && error.kind != ErrorKind::already_exists) return error;
  return {error.kind,
          fmt::format("the coordination log cannot be opened: {}: {}", error.message,
                      options_.alone ? "restore it from a copy of the data directory"
                                     : "remove that directory, and the others fill this server again"),
          error.os_error};
}

// The server has been one of an ensemble, and has nothing of its log any more. A snapshot is no substitute: behind it
// may have been entries that this server said it has.
Result<void> QuorumReplica::forget_lost_log() {
  log_is_lost_ = state_.ensemble != Uuid{} && log_.end() == Offset(0);
  if (!log_is_lost_) return {};
  if (options_.alone)
    return holdfast::fail(ErrorKind::corrupt,
                          fmt::format("{} says that there was a coordination log, and there is none: restore it from a "
                                      "copy of the data directory, or empty the directory to begin anew",
                                      options_.data_dir));
  return begin_anew("the coordination log is gone");
}

Result<void> QuorumReplica::begin_anew(std::string_view why) {
  log_line(LogLevel::warn, "quorum", "{}: server {} comes back as a new one, and is filled by the others", why,
           options_.self.value);
  state_.incarnation = random_.uuid();
  state_.hard = {};
  return write_quorum_state(disk_, options_.data_dir, state_);
}

// ---- What it has ----

Task<Result<QuorumSnapshotHeader>> QuorumReplica::open_snapshot() {
  QuorumSnapshotHeader none;
  auto names = snapshots_.list();
  if (!names) co_return holdfast::fail(names);
  for (auto name = names->rbegin(); name != names->rend(); ++name) {
    auto header = owner_.restore(*name);
    if (!header) {
      log_line(LogLevel::error, "coordination", "snapshot {} cannot be read ({}): trying the one before it", name->file,
               header.error().message);
      // Beside the new log it would say that something is missing, again and again.
      if (log_is_lost_)
        if (auto removed = snapshots_.remove(*name); !removed) co_return holdfast::fail(removed);
      continue;
    }
    // Nor does one that was installed stand for what lies behind it: who installs it has less than it holds.
    if (header->end < log_.start()) break;
    const auto last_term = log_.terms().epoch_at(header->end - 1);
    const bool reached = header->end <= log_.end();
    const bool agrees = header->end == log_.start() || header->last_term == Term(0) || last_term == header->last_term;
    // A server that begins anew may begin with what was committed.
    if ((name->installed || log_is_lost_) && !(reached && agrees)) {
      auto emptied = co_await log_.restart(header->end);
      if (!emptied) co_return holdfast::fail(emptied);
    } else if (header->end > log_.end()) {
      co_return holdfast::fail(ErrorKind::corrupt,
                               fmt::format("the coordination log ends at {}, before the newest snapshot's {}: {}",
                                           log_.end().value, header->end.value, remedy()));
    } else if (!agrees) {
      co_return holdfast::fail(
          ErrorKind::corrupt,
          fmt::format("snapshot {} and the coordination log contradict each other: {}", name->file, remedy()));
    }
    restored_end_ = header->end;
    co_return std::move(*header);
  }
  if (log_.start() > Offset(0))
    co_return holdfast::fail(
        ErrorKind::corrupt,
        fmt::format("the coordination log begins at {}, and no snapshot of {} that can be read reaches it: {}",
                    log_.start().value, options_.data_dir, remedy()));
  if (!names->empty() && !log_is_lost_) {
    if (options_.alone || log_.end() > Offset(0))
      co_return holdfast::fail(ErrorKind::corrupt, fmt::format("no coordination snapshot in {} can be read: {}",
                                                               options_.data_dir, remedy()));
    // One was being installed; or its log was removed, for it cannot be read.
    auto anew = begin_anew("no coordination snapshot can be read, and there is no log");
    if (!anew) co_return holdfast::fail(anew);
  }
  co_return none;
}

// ---- Who decides ----

Result<Membership> QuorumReplica::initial_membership(Membership recorded) const {
  if (recorded.voters.empty()) {
    // A log that was kept, or imported, without consensus: its server stood alone.
    if (!options_.alone && log_.end() == Offset(0)) return options_.configured;
    recorded.voters = {options_.self};
    recorded.lives = {{options_.self, state_.incarnation}};
  }
  if (!options_.alone) return recorded;
  const bool sole = recorded.voters.size() == 1 && !recorded.is_joint() && recorded.lives.size() == 1 &&
                    recorded.lives.begin()->second == state_.incarnation;
  if (!sole && options_.recover_alone) {
    log_line(
        LogLevel::warn, "quorum",
        "server {} goes on alone, with what it has of an ensemble of {} voting servers: the others must be emptied "
        "before they join it",
        options_.self.value, recorded.voters.size());
  } else if (!sole)
    return holdfast::fail(
        ErrorKind::invalid_input,
        fmt::format("{} belongs to an ensemble of {} voting servers, but no ensemble is configured: "
                    "name its servers (server.N=...), or remove them with reconfig first. If they are "
                    "lost for good, quorum.recover.alone=true goes on with what this one has",
                    options_.data_dir, recorded.voters.size()));
  // Also with another id than it had. What is not recorded so is by its first entry.
  Membership own;
  own.voters = {options_.self};
  if (sole && recorded.voters == own.voters) own.lives = recorded.lives;
  return own;
}

// What followers may still be fed from: from the oldest snapshot on that the log reaches.
Result<ConsensusStart> QuorumReplica::consensus_start(const QuorumSnapshotHeader& newest) const {
  QuorumSnapshotHeader oldest = newest;
  auto names = snapshots_.list();
  if (!names) return holdfast::fail(names);
  for (const QuorumSnapshots::Name& name : *names) {
    if (name.end < log_.start() || name.end > newest.end) continue;
    auto header = snapshots_.header(name);
    if (!header) continue;
    oldest = std::move(*header);
    break;
  }
  ConsensusStart out;
  out.hard_state = state_.hard;
  out.log_start = oldest.end;
  out.log_end = log_.end();
  out.committed = newest.end;
  if (oldest.end > Offset(0)) out.terms.assign(oldest.last_term, oldest.end - 1);
  for (const LeaderEpochs::Entry& entry : log_.terms().entries())
    if (const auto latest = out.terms.latest(); !latest || entry.epoch > *latest)
      if (std::max(entry.start, oldest.end) < log_.end())
        out.terms.assign(entry.epoch, std::max(entry.start, oldest.end));
  return out;
}

Task<Result<void>> QuorumReplica::open() {
  auto prepared = snapshots_.prepare();
  if (!prepared) co_return holdfast::fail(prepared);
  auto opened = co_await log_.open();
  if (!opened) co_return std::unexpected(unopened(opened.error()));
  auto state = open_state();
  if (!state) co_return holdfast::fail(state);
  auto kept = forget_lost_log();
  if (!kept) co_return holdfast::fail(kept);
  auto snapshot = co_await open_snapshot();
  if (!snapshot) co_return holdfast::fail(snapshot);
  auto contents = co_await log_.check(snapshot->end);
  if (!contents)
    co_return holdfast::fail(contents.error().kind,
                             fmt::format("the coordination log is damaged: {}: {}", contents.error().message, remedy()),
                             contents.error().os_error);
  if (contents->damage) {
    log_line(LogLevel::error, "coordination",
             "the coordination log is damaged before {}: {}: a snapshot takes its place; look after the disk",
             snapshot->end.value, contents->damage->message);
    auto trimmed = co_await log_.trim(snapshot->end);
    if (!trimmed) co_return holdfast::fail(trimmed);
  }
  auto start = consensus_start(*snapshot);
  if (!start) co_return holdfast::fail(start);
  // Standing alone, the latest that was recorded holds: nobody else can have decided.
  Membership recorded = snapshot->membership;
  auto& memberships = contents->memberships;
  if (options_.alone && !memberships.empty()) recorded = memberships.back().second;
  auto membership = initial_membership(std::move(recorded));
  if (!membership) co_return holdfast::fail(membership);
  start->snapshot_membership = std::move(*membership);
  if (!options_.alone) start->memberships = std::move(memberships);
  auto connected = connect();
  if (!connected) co_return holdfast::fail(connected);
  ConsensusOptions options;
  options.self = options_.self;
  options.incarnation = state_.incarnation;
  options.election_ticks = options_.election_ticks;
  options.heartbeat_ticks = std::max(1, options_.election_ticks / 5);
  core_.emplace(std::move(options), std::move(*start), random_);
  co_return Result<void>();
}

}  // namespace holdfast
