#include "runtime/worker.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/result.h"

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

Workers& system_workers() {
  static ThreadWorkers workers;
  return workers;
}

Workers& inline_workers() {
  static InlineWorkers workers;
  return workers;
}

}  // namespace holdfast
