#include "tests/coordination/zk_world.h"

#include <stdlib.h>

namespace holdfast::zk {
namespace {

Task<bool> stop_ensemble(Ensemble& ensemble) {
  co_await ensemble.stop();
  co_return true;
}

}  // namespace

ZkWorld::ZkWorld() {
  std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-zk-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
  options.client = {"127.0.0.1", 0};
  options.data_dir = directory_ + "/coordination";
  options.four_letter_words = {"*"};
  options.extended_types = true;
  options.tick_ms = 100;
  options.session_timeout_min_ms = 200;
  options.session_timeout_max_ms = 20'000;
}

ZkWorld::~ZkWorld() {
  if (ensemble_) stop();
  std::filesystem::remove_all(directory_);
}

void ZkWorld::start() {
  const auto started = try_start();
  ASSERT_TRUE(started) << started.error().message;
}

Result<void> ZkWorld::try_start() {
  shards_ = std::make_unique<Shards>(1);
  LogManagerOptions log_options;
  log_options.log_dirs = {directory_};
  logs_ = std::make_unique<LogManager>(log_options, *disk, system_workers(), system_clock(), *random_, metrics_);
  auto opened = logs_->start(
      *shards_, [this](const LogId&) -> Shard& { return shards_->at(0); },
      [](const std::string&) { return LogConfig{}; });
  if (!opened) return holdfast::fail(opened);
  ensemble_ = std::make_unique<Ensemble>(options, shards_->at(0), *logs_, system_network(), *disk, system_workers(),
                                         system_clock(), *random_, metrics_);
  auto bound = ensemble_->listen();
  if (!bound) return holdfast::fail(bound);
  shards_->start();
  return wait_for<Result<void>>([this] { return ensemble_->start(); });
}

void ZkWorld::stop() {
  wait_for<bool>([this] { return stop_ensemble(*ensemble_); });
  logs_->stop();
  shards_->stop();
  ensemble_.reset();
  logs_.reset();
  shards_.reset();
}

}  // namespace holdfast::zk
