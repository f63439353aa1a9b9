#include "coordination/snapshot_transfer.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/log_line.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast {
namespace {

constexpr std::size_t piece_bytes = 256 << 10;
constexpr std::size_t queued_bytes_max = 2 << 20;
constexpr Duration pause_when_full = std::chrono::milliseconds(2);
constexpr Duration installation_max = std::chrono::seconds(30);  // from the last piece to the peer's word

Bytes piece_head(std::uint64_t transfer, std::uint64_t offset, std::uint64_t total) {
  wire::Writer out(24);
  out.u64(transfer);
  out.u64(offset);
  out.u64(total);
  return Bytes::copy(out.written());
}

}  // namespace

struct SnapshotSender::Transfer {
  ServerId to;
  std::uint64_t id = 0;
  QuorumSnapshots::Name snapshot;
  std::unique_ptr<File> file;  // the worker's
  std::uint64_t sent = 0;
  bool over = false;
  Timer timer;
};

SnapshotSender::SnapshotSender(Shard& shard, Worker& worker, QuorumTransport& transport,
                               const QuorumSnapshots& snapshots, Failed failed)
    : shard_(shard), worker_(worker), transport_(transport), snapshots_(snapshots), failed_(std::move(failed)) {}

SnapshotSender::~SnapshotSender() { *alive_ = false; }

void SnapshotSender::send(ServerId to, std::uint64_t id, QuorumSnapshots::Name snapshot) {
  end(to);
  auto transfer = std::make_shared<Transfer>();
  transfer->to = to;
  transfer->id = id;
  transfer->snapshot = std::move(snapshot);
  transfers_[to] = transfer;
  log_line(LogLevel::info, "quorum", "server {} gets snapshot {} ({} bytes)", to.value, transfer->snapshot.file,
           transfer->snapshot.bytes);
  next(std::move(transfer));
}

std::optional<Offset> SnapshotSender::under_way(ServerId to) const {
  const auto found = transfers_.find(to);
  return found == transfers_.end() ? std::nullopt : std::optional(found->second->snapshot.end);
}

void SnapshotSender::end(ServerId to) {
  const auto found = transfers_.find(to);
  if (found == transfers_.end()) return;
  found->second->over = true;
  found->second->timer.cancel();
  transfers_.erase(found);
}

void SnapshotSender::next(std::shared_ptr<Transfer> transfer) {
  worker_.submit([this, alive = alive_, transfer]() mutable {
    Result<Bytes> out = Bytes();
    if (!transfer->file) {
      auto file = snapshots_.open(transfer->snapshot);
      if (file) {
        transfer->file = std::move(*file);
        if (auto sound = QuorumSnapshots::check(*transfer->file); !sound) out = holdfast::fail(sound);
      } else {
        out = holdfast::fail(file);
      }
    }
    if (out) {
      std::vector<std::uint8_t> piece(piece_bytes);
      auto got = transfer->file->read_at(transfer->sent, piece);
      if (got) {
        out = Bytes::copy(ByteView(piece).first(*got));
      } else {
        out = holdfast::fail(got);
      }
    }
    shard_.post([this, alive = std::move(alive), transfer = std::move(transfer), out = std::move(out)]() mutable {
      if (*alive && !transfer->over) piece_read(std::move(transfer), std::move(out));
    });
  });
}

void SnapshotSender::piece_read(std::shared_ptr<Transfer> transfer, Result<Bytes> piece) {
  if (!piece) return fail(transfer, piece.error());
  const std::uint64_t total = transfer->snapshot.bytes;
  if (piece->empty() || piece->size() > total - transfer->sent) return fail(transfer, "the file has another length");
  BufferChain payload(piece_head(transfer->id, transfer->sent, total));
  transfer->sent += piece->size();
  payload.append(std::move(*piece));
  if (!transport_.send(transfer->to, FrameKind::snapshot, std::move(payload)))
    return fail(transfer, "the connection is gone");
  Transfer& t = *transfer;
  if (t.sent == total) {
    shard_.arm(t.timer, installation_max, [this, transfer] {
      if (!transfer->over) fail(transfer, "no word of its installation");
    });
  } else if (transport_.queued_bytes(t.to) > queued_bytes_max) {
    shard_.arm(t.timer, pause_when_full, [this, transfer]() mutable {
      if (transfer->over) return;
      if (!transport_.connected(transfer->to)) return fail(transfer, "the connection is gone");
      next(std::move(transfer));
    });
  } else {
    next(std::move(transfer));
  }
}

void SnapshotSender::fail(const std::shared_ptr<Transfer>& transfer, const Error& why) {
  const ServerId to = transfer->to;
  log_line(LogLevel::warn, "quorum", "snapshot {} did not reach server {}: {}", transfer->snapshot.file, to.value,
           why.message);
  end(to);
  failed_(to, transfer->snapshot, why);
}

// ---- The other end ----

struct SnapshotReceiver::Transfer {
  ServerId from;
  std::uint64_t id = 0;
  Offset end;
  Term last_term;
  std::uint64_t received = 0, total = 0;
  std::unique_ptr<QuorumSnapshots::Writer> writer;  // the worker's
  bool broken = false;                              // the worker's
  bool over = false;
};

SnapshotReceiver::SnapshotReceiver(Shard& shard, Worker& worker, const QuorumSnapshots& snapshots, Received received)
    : shard_(shard), worker_(worker), snapshots_(snapshots), received_(std::move(received)) {}

SnapshotReceiver::~SnapshotReceiver() { *alive_ = false; }

void SnapshotReceiver::begin(ServerId from, std::uint64_t id, Offset end, Term last_term) {
  abandon();
  transfer_ = std::make_shared<Transfer>();
  transfer_->from = from;
  transfer_->id = id;
  transfer_->end = end;
  transfer_->last_term = last_term;
  transfer_->writer = snapshots_.writer("received");
}

void SnapshotReceiver::abandon() {
  if (!transfer_) return;
  transfer_->over = true;
  worker_.submit([transfer = std::exchange(transfer_, nullptr)] { transfer->writer->abandon(); });
}

void SnapshotReceiver::failed(const std::shared_ptr<Transfer>& transfer, const std::string& why) {
  log_line(LogLevel::warn, "quorum", "the snapshot of server {} cannot be taken: {}", transfer->from.value, why);
  if (transfer == transfer_) abandon();
}

void SnapshotReceiver::piece(ServerId from, const Bytes& payload) {
  wire::Reader in(payload.view());
  const std::uint64_t id = in.u64(), offset = in.u64(), total = in.u64();
  if (!transfer_ || transfer_->from != from || transfer_->id != id) return;  // of one that was given up
  const std::shared_ptr<Transfer> transfer = transfer_;
  const std::size_t size = in.remaining();
  const bool fits = in.ok() && size > 0 && offset == transfer->received && size <= total && offset <= total - size &&
                    (offset == 0 || total == transfer->total);
  if (!fits) return failed(transfer, "a piece is not where it belongs");
  transfer->total = total;
  transfer->received += size;
  const bool last = transfer->received == total;
  if (last) transfer_.reset();
  worker_.submit([this, alive = alive_, transfer, last, piece = payload.slice(payload.size() - size, size)]() mutable {
    if (transfer->over || transfer->broken) return;
    QuorumSnapshotHeader header;
    std::string name;
    auto done = transfer->writer->write(piece.view());
    if (done && last) {
      auto checked = transfer->writer->check();
      if (!checked) {
        done = holdfast::fail(checked);
      } else if (checked->end != transfer->end || checked->last_term != transfer->last_term) {
        done = holdfast::fail(ErrorKind::corrupt, "it is not what was offered");
      } else {
        header = std::move(*checked);
        name = QuorumSnapshots::name_of(header, true);
        done = transfer->writer->finish(name);
      }
    }
    if (done && !last) return;
    if (!done) {
      transfer->broken = true;
      transfer->writer->abandon();
    }
    shard_.post([this, alive, transfer, done = std::move(done), header = std::move(header), name = std::move(name)] {
      if (!*alive) return;
      if (!done) return failed(transfer, done.error().message);
      received_(header, {.file = name,
                         .zxid = header.zxid,
                         .end = header.end,
                         .installed = true,
                         .bytes = transfer->writer->written()});
    });
  });
}

}  // namespace holdfast
