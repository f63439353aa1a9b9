// TcpProxy: stands between those who dial an address of this host and a port that listens on it, and does to their
// bytes what a network does: passes them on, at once or late, or holds them. A thread of its own; any thread may steer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::test {

class TcpProxy {
 public:
  // Listens on `address`, a dotted quad, and `port` from now on.
  TcpProxy(const std::string& address, std::uint16_t port, std::uint16_t target);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  void pass() { set(State::pass); }
  // As when packets get lost: nothing arrives, no connection ends. What was sent meanwhile arrives after pass().
  void hold() { set(State::hold); }
  // The same, of what the diallers send, or of what is sent to them. Nobody new comes through.
  void hold_there() { set(State::hold_there); }
  void hold_back() { set(State::hold_back); }
  // As when a host is gone: connections end, and new ones end at once.
  void cut() { set(State::cut); }
  // From now on bytes arrive so much later, in both directions.
  void delay(std::chrono::milliseconds by);
  int dialled() const { return dialled_; }  // connections that were accepted

 private:
  enum class State { pass, hold, hold_there, hold_back, cut };
  struct Direction;
  struct Connection;

  static bool moves_in(State state, bool there);  // bytes of a direction
  void set(State state);
  void wake() const;
  void run();
  void accept();

  const std::uint16_t target_;
  int listener_ = -1, wake_ = -1;
  std::atomic<State> state_ = State::pass;
  std::atomic<std::int64_t> delay_ms_ = 0;
  std::atomic<int> dialled_ = 0;
  std::atomic<bool> stopping_ = false;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace holdfast::test
