#include "runtime/main_loop.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>

namespace asio = boost::asio;

namespace holdfast {

struct MainLoop::Inner {
  explicit Inner(Clock& clock) : shard(0, io, clock) {}

  void wait_for_signal() {
    signals.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      interrupted(signal);
      wait_for_signal();
    });
  }

  asio::io_context io{1};
  Shard shard;
  asio::signal_set signals{io};
  Function<void(int)> interrupted;
};

MainLoop::MainLoop(Clock& clock) : inner_(std::make_unique<Inner>(clock)) {}
MainLoop::~MainLoop() = default;

Shard& MainLoop::shard() { return inner_->shard; }

void MainLoop::on_interrupt(Function<void(int)> interrupted) {
  const bool first = !inner_->interrupted;
  inner_->interrupted = std::move(interrupted);
  if (!first) return;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) inner_->signals.add(signal);
  inner_->wait_for_signal();
}

void MainLoop::run_until_ended(Task<void> task, std::optional<Duration> limit) {
  // Shared with the task's end, which may come after a limit and another run().
  struct State {
    bool ended = false;
    std::exception_ptr exception;
  };
  auto state = std::make_shared<State>();
  Shard::Scope scope(inner_->shard);
  asio::co_spawn(inner_->io, std::move(task), [state](std::exception_ptr exception) {
    state->ended = true;
    state->exception = exception;
  });
  bool late = false;
  Timer timer;
  if (limit) inner_->shard.arm(timer, *limit, [&late] { late = true; });
  inner_->io.restart();
  while (!state->ended && !late && inner_->io.run_one() > 0) {
  }
  if (state->exception) std::rethrow_exception(state->exception);
}

}  // namespace holdfast
