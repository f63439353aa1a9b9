// A connection of SimulatedNetwork: two ends, and what is under way between them. Internal to the simulated network.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "runtime/simulated_network.h"

namespace holdfast {

class SimulatedNetwork::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(SimulatedNetwork& network, std::uint64_t id) : network_(network), id_(id) {}

  // One end. The other end is `1 - side`.
  struct Side {
    std::size_t host = 0;
    Endpoint local, remote;
    // Accepted by send(), not under way yet.
    std::deque<Bytes> queue;
    std::size_t queued = 0;
    bool shutdown_wanted = false, fin_sent = false;
    // Arrived, not read yet.
    std::deque<Bytes> arrived;
    std::size_t unread = 0;
    bool fin_arrived = false;
    bool closed = false;  // by its owner, or with its host
    int broken_by = 0;    // errno
    bool reading = false;
    Function<void()> reader;
    std::vector<Function<void()>> drained;
  };

  const Side& side(std::size_t s) const { return sides_[s]; }
  Side& side(std::size_t s) { return sides_[s]; }
  std::uint64_t id() const { return id_; }
  bool is_between(std::size_t a, std::size_t b) const;

  // Tells the listener's host of the connection that `side` has made: in order with what it sends.
  void open() { transmit(0, Piece::Kind::open, {}); }

  void send(std::size_t s, BufferChain chain);
  void shutdown_after_sends(std::size_t s);

  // As close(2): what is under way still arrives; unread bytes make it a reset.
  void close(std::size_t s);

  // The power of its host went: nothing more is said.
  void vanish(std::size_t s);
  // Ends a side with an error: its owner reads what had arrived, then that.
  void break_off(std::size_t s, int error);
  Result<void> state(std::size_t s) const;
  std::optional<Result<std::size_t>> try_read(std::size_t s, std::span<std::uint8_t> into);
  bool has_something(std::size_t s) const;

  // Nobody takes it at the other end.
  void refuse();

  // What can be sent now, and what the link lets pass.
  void moved(std::size_t s);

 private:
  struct Piece {
    enum class Kind : std::uint8_t { open, data, fin };
    Kind kind;
    SteadyTime at;
    Bytes bytes;
  };
  struct Pipe {  // what a side sent
    std::deque<Piece> under_way;
    std::size_t bytes = 0;
    SteadyTime last{};
    std::optional<SteadyTime> unacknowledged_since;
    bool watched = false;  // the event that gives up is set
  };

  Function<void()> call(void (Connection::*what)(std::size_t), std::size_t s);
  static void wake(Side& side);
  static void drop(Side& side);
  void push(std::size_t s);
  void transmit(std::size_t s, Piece::Kind kind, Bytes bytes);

  // A reset is said once and in no order with the data. Where it is lost, the peer will find out when it sends.
  void reset_peer(std::size_t s);
  void reset_arrived(std::size_t s);
  void pump(std::size_t s);
  void deliver(std::size_t s, Piece piece);
  void check_acknowledged(std::size_t s);
  void forget_if_over();

  SimulatedNetwork& network_;
  const std::uint64_t id_;
  std::array<Side, 2> sides_;  // 0: who connected
  std::array<Pipe, 2> pipes_;  // by who sends
};

class SimulatedNetwork::End final : public Stream {
 public:
  End(std::shared_ptr<Connection> connection, std::size_t side, Shard& shard)
      : connection_(std::move(connection)), side_(side), shard_(shard) {}
  ~End() override { connection_->close(side_); }

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    return read(connection_, side_, shard_, into);
  }
  Task<Result<void>> readable() override { return wait_readable(connection_, side_, shard_); }
  void send(BufferChain chain) override { connection_->send(side_, std::move(chain)); }
  std::size_t queued_bytes() const override { return connection_->side(side_).queued; }
  Task<Result<void>> drained() override { return wait_drained(connection_, side_, shard_); }
  void shutdown_after_sends() override { connection_->shutdown_after_sends(side_); }
  void close() override { connection_->close(side_); }
  Endpoint local() const override { return connection_->side(side_).local; }
  Endpoint remote() const override { return connection_->side(side_).remote; }

 private:
  class Reading {
   public:
    explicit Reading(bool& flag) : flag_(flag) { HOLDFAST_CHECK(!std::exchange(flag_, true)); }
    ~Reading() { flag_ = false; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    bool& flag_;
  };

  static Task<void> something(Connection& connection, std::size_t side, Shard& shard) {
    return shard.until([&connection, side](Function<void()> resume) {
      if (connection.has_something(side)) return resume();
      connection.side(side).reader = std::move(resume);
    });
  }

  static Task<Result<std::size_t>> read(std::shared_ptr<Connection> connection, std::size_t side, Shard& shard,
                                        std::span<std::uint8_t> into) {
    const Reading guard(connection->side(side).reading);
    for (;;) {
      auto got = connection->try_read(side, into);
      if (got) co_return std::move(*got);
      co_await something(*connection, side, shard);
    }
  }

  static Task<Result<void>> wait_readable(std::shared_ptr<Connection> connection, std::size_t side, Shard& shard) {
    const Reading guard(connection->side(side).reading);
    co_await something(*connection, side, shard);
    co_return connection->side(side).unread > 0 ? Result<void>() : connection->state(side);
  }

  static Task<Result<void>> wait_drained(std::shared_ptr<Connection> connection, std::size_t side, Shard& shard) {
    auto start = [&connection, side](Function<void()> resume) {
      Connection::Side& own = connection->side(side);
      if (own.queued == 0 || own.closed || own.broken_by != 0) return resume();
      own.drained.push_back(std::move(resume));
    };
    co_await shard.until(std::move(start));
    co_return connection->state(side);
  }

  std::shared_ptr<Connection> connection_;
  const std::size_t side_;
  Shard& shard_;
};

}  // namespace holdfast
