// A snapshot on its way from a leader to a server whose log lacks what the leader's log has no more. The offer is a
// message of consensus (its token names the transfer); behind it, on the same connection, follow the pieces of the
// file:
//
//   FrameKind::snapshot := transfer u64 | offset u64 | total u64 | bytes
//
// Flow control: no more than a bounded amount waits in the connection. The receiver checks every piece's place, and the
// whole file's header and chunks, before anybody believes it; so does the sender, who would offer a damaged one for
// ever. Both live on the coordination shard; files are read and written on a worker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "coordination/quorum_snapshots.h"
#include "coordination/quorum_transport.h"
#include "runtime/worker.h"

namespace holdfast {

class SnapshotSender {
 public:
  // Called when a transfer has failed. One that was sent whole is over when the peer says so, or after a while. Of kind
  // corrupt: the snapshot is damaged, and nobody could take it.
  using Failed = Function<void(ServerId to, const QuorumSnapshots::Name& snapshot, const Error& why)>;

  SnapshotSender(Shard& shard, Worker& worker, QuorumTransport& transport, const QuorumSnapshots& snapshots,
                 Failed failed);
  ~SnapshotSender();

  void send(ServerId to, std::uint64_t transfer, QuorumSnapshots::Name snapshot);
  // The transfer to a peer, if there is one: up to where its snapshot reaches.
  std::optional<Offset> under_way(ServerId to) const;
  void end(ServerId to);

 private:
  struct Transfer;
  void next(std::shared_ptr<Transfer> transfer);
  void piece_read(std::shared_ptr<Transfer> transfer, Result<Bytes> piece);
  void fail(const std::shared_ptr<Transfer>& transfer, const Error& why);
  void fail(const std::shared_ptr<Transfer>& transfer, std::string why) {
    fail(transfer, Error(ErrorKind::closed, std::move(why)));
  }

  Shard& shard_;
  Worker& worker_;
  QuorumTransport& transport_;
  const QuorumSnapshots& snapshots_;
  Failed failed_;
  std::map<ServerId, std::shared_ptr<Transfer>> transfers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class SnapshotReceiver {
 public:
  // Whole, checked and durable under its name.
  using Received = Function<void(const QuorumSnapshotHeader&, const QuorumSnapshots::Name&)>;

  SnapshotReceiver(Shard& shard, Worker& worker, const QuorumSnapshots& snapshots, Received received);
  ~SnapshotReceiver();

  // Ends the one before it.
  void begin(ServerId from, std::uint64_t transfer, Offset end, Term last_term);
  void piece(ServerId from, const Bytes& payload);
  void abandon();

 private:
  struct Transfer;
  void failed(const std::shared_ptr<Transfer>& transfer, const std::string& why);

  Shard& shard_;
  Worker& worker_;
  const QuorumSnapshots& snapshots_;
  Received received_;
  std::shared_ptr<Transfer> transfer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace holdfast
