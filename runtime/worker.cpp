#include "runtime/worker.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/disk.h"
#include "runtime/disk_ring.h"
#include "runtime/shards.h"

namespace holdfast {
namespace {

class ThreadWorker final : public Worker {
 public:
  explicit ThreadWorker(const std::string& name) : thread_([this] { run(); }) {
    ::pthread_setname_np(thread_.native_handle(), name.c_str());
  }

  ~ThreadWorker() override {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void submit(Function<void()> job) override {
    bool was_empty;
    {
      std::lock_guard lock(mutex_);
      was_empty = queue_.empty();
      queue_.push_back(std::move(job));
    }
    if (was_empty) wake_.notify_one();
  }

  // Where the kernel takes the write from the shard itself, the thread is left alone.
  void write_durable(Shard& shard, File& file, std::uint64_t offset, ByteView bytes,
                     Function<void(Result<void>)> done) override {
    const int descriptor = file.ring_descriptor();
    if (descriptor >= 0 && !std::exchange(ring_tried_, true)) ring_ = DiskRing::open(shard);
    if (descriptor < 0 || !ring_) return Worker::write_durable(shard, file, offset, bytes, std::move(done));
    auto written = [this, &shard, &file, offset, bytes, done = std::move(done)](int count) mutable {
      auto result = file.judge(count, bytes.size());
      if (result || result.error().kind != ErrorKind::unsupported) return done(std::move(result));
      Worker::write_durable(shard, file, offset, bytes, std::move(done));
    };
    ring_->write_durable(descriptor, offset, bytes, std::move(written));
  }

 private:
  void run() {
    std::vector<Function<void()>> batch;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !queue_.empty() || ending_; });
        if (queue_.empty()) return;
        batch.swap(queue_);
      }
      for (Function<void()>& job : batch) {
        job();
        job = nullptr;  // what a job holds is let go before the next one runs, as if each had been taken singly
      }
      batch.clear();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Function<void()>> queue_;
  bool ending_ = false;
  bool ring_tried_ = false;
  std::unique_ptr<DiskRing> ring_;
  std::thread thread_;  // last: it uses the others
};

class ThreadWorkers final : public Workers {
 public:
  std::unique_ptr<Worker> create(const std::string& name) override {
    HOLDFAST_CHECK(name.size() <= 15);  // the kernel's limit for a thread's name
    return std::make_unique<ThreadWorker>(name);
  }
};

class InlineWorker final : public Worker {
 public:
  void submit(Function<void()> job) override { job(); }
};

class InlineWorkers final : public Workers {
 public:
  std::unique_ptr<Worker> create(const std::string&) override { return std::make_unique<InlineWorker>(); }
};

}  // namespace

void Worker::write_durable(Shard& shard, File& file, std::uint64_t offset, ByteView bytes,
                           Function<void(Result<void>)> done) {
  submit([&shard, &file, offset, bytes, done = std::move(done)]() mutable {
    auto written = file.write_durable(offset, bytes);
    shard.post([done = std::move(done), written = std::move(written)]() mutable { done(std::move(written)); });
  });
}

Workers& system_workers() {
  static ThreadWorkers workers;
  return workers;
}

Workers& inline_workers() {
  static InlineWorkers workers;
  return workers;
}

}  // namespace holdfast
