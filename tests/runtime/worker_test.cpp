#include "runtime/worker.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace holdfast {
namespace {

TEST(SystemWorkers, RunJobsInOrderOffTheCallersThread) {
  std::vector<int> order;
  std::thread::id thread;
  {
    auto worker = system_workers().create("in-order");
    for (int i = 0; i < 1000; ++i) {
      worker->submit([&, i] {
        order.push_back(i);
        thread = std::this_thread::get_id();
      });
    }
  }  // runs what is queued, then ends
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(SystemWorkers, AreNamed) {
  auto worker = system_workers().create("journal-0");
  std::promise<std::string> name;
  std::promise<void> named;
  worker->submit([&] {
    named.get_future().get();
    std::array<char, 16> text{};
    ::pthread_getname_np(::pthread_self(), text.data(), text.size());
    name.set_value(text.data());
  });
  named.set_value();
  EXPECT_EQ(name.get_future().get(), "journal-0");
}

TEST(SystemWorkers, TakeJobsFromManyThreadsAndFromJobs) {
  int ran = 0;
  {
    auto worker = system_workers().create("busy");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5'000; ++i) worker->submit([&] { ++ran; });
      });
    }
    worker->submit([&] { worker->submit([&] { ++ran; }); });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(ran, 20'001);
}

TEST(InlineWorkers, RunJobsAtOnce) {
  auto worker = inline_workers().create("inline");
  bool ran = false;
  worker->submit([&] { ran = true; });
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace holdfast
