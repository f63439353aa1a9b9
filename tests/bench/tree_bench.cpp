// What the znode machine costs per operation, alone: nanoseconds for prepare, encode and apply, for reads, and for
// snapshots. tree_bench [nodes]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "coordination/machine.h"

namespace holdfast::zk {
namespace {

const std::vector<Acl> open_acl{Acl{perms::all, Id{"world", "anyone"}}};
const std::vector<Id> ids{Id{"ip", "127.0.0.1"}};

Caller caller() {
  static std::int32_t xid = 0;
  return Caller{.session = SessionId{1}, .cxid = ++xid, .ids = ids, .connection = 1};
}

class Stopwatch {
 public:
  double ns() const {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

void report(const char* what, double ns, std::size_t n) {
  std::printf("%-44s %9.0f ns\n", what, ns / static_cast<double>(n));
}

void run(std::size_t nodes) {
  ZnodeMachine machine({});
  machine.apply(machine.prepare(CreateSessionOp{10'000}, caller(), 0));
  const std::string data(100, 'x');
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < nodes; ++i) {
    paths.push_back("/bench/dir" + std::to_string(i % 1000) + "/node" + std::to_string(i));
  }
  const auto create = [&](std::string_view path) {
    return CreateOp{.path = path, .data = DataView(as_bytes(data)), .acl = open_acl};
  };
  machine.apply(machine.prepare(create("/bench"), caller(), 0));
  for (int i = 0; i < 1000; ++i) {
    machine.apply(machine.prepare(create("/bench/dir" + std::to_string(i)), caller(), 0));
  }

  Stopwatch creating;
  for (const std::string& path : paths) machine.apply(machine.prepare(create(path), caller(), 0));
  report("create 100 B: prepare and apply", creating.ns(), nodes);

  // Nodes at random, so that the caches miss as they would; their paths as in a request that has just been read.
  constexpr std::size_t rounds = 400'000, window = 100;
  std::uint64_t state = 1;
  std::vector<std::string> asked(window);
  const auto shuffle = [&] {
    for (std::string& path : asked) {
      state = state * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
      path = paths[(state >> 33) % paths.size()];
    }
  };
  std::vector<Txn> txns(window);
  double preparing = 0, encoding = 0, applying = 0, reading = 0, looking = 0;
  std::size_t bytes = 0;
  for (std::size_t round = 0; round < rounds / window; ++round) {
    shuffle();
    Stopwatch first;
    for (std::size_t i = 0; i < window; ++i) {
      txns[i] = machine.prepare(SetDataOp{asked[i], DataView(as_bytes(data)), -1}, caller(), 0);
    }
    preparing += first.ns();
    Stopwatch second;
    for (const Txn& txn : txns) bytes += encode(txn).size();
    encoding += second.ns();
    Stopwatch third;
    for (const Txn& txn : txns) machine.apply(txn);
    applying += third.ns();
    shuffle();
    Stopwatch fourth;
    for (const std::string& path : asked) bytes += machine.get_data(path, caller(), false)->data.size();
    reading += fourth.ns();
    shuffle();
    Stopwatch fifth;
    for (const std::string& path : asked) bytes += machine.exists(path, caller(), false).has_value();
    looking += fifth.ns();
  }
  report("set 100 B, 100 outstanding: prepare", preparing, rounds);
  report("set 100 B: encode", encoding, rounds);
  report("set 100 B: apply", applying, rounds);
  report("getData 100 B", reading, rounds);
  report("exists", looking, rounds);
  Stopwatch missing;
  for (std::size_t i = 0; i < rounds; ++i) bytes += machine.exists("/bench/absent", caller(), false).has_value();
  report("exists, no node", missing.ns(), rounds);

  for (std::size_t i = 0; i < 100'000 && i < nodes; ++i) (void)machine.get_data(paths[i], caller(), true);
  Stopwatch notifying;
  std::size_t events = 0;
  for (std::size_t i = 0; i < 100'000 && i < nodes; ++i) {
    events +=
        machine.apply(machine.prepare(SetDataOp{paths[i], DataView(as_bytes(data)), -1}, caller(), 0)).events.size();
  }
  report("set with a watch, 100,000 armed", notifying.ns(), events);

  Stopwatch listing;
  for (const std::string_view name : machine.get_children("/bench/dir0", caller(), false)->names) bytes += name.size();
  std::printf("%-44s %9.1f us\n", "getChildren of a thousandth", listing.ns() / 1e3);

  Stopwatch capturing;
  double longest = 0;
  std::size_t snapshot_bytes = 0;
  const auto capture = machine.begin_snapshot(0);
  for (;;) {
    Stopwatch piece;
    const auto written = capture->next();
    longest = std::max(longest, piece.ns());
    if (!written) break;
    snapshot_bytes += written->size();
  }
  report("snapshot, per node", capturing.ns(), nodes);
  std::printf("%-44s %9.1f us\n", "snapshot, longest piece", longest / 1e3);
  std::printf("%-44s %9.1f MB\n", "snapshot", static_cast<double>(snapshot_bytes) / 1e6);

  Stopwatch removing;
  for (const std::string& path : paths) machine.apply(machine.prepare(DeleteOp{path, -1}, caller(), 0));
  report("delete: prepare and apply", removing.ns(), nodes);
  std::printf("sizeof(Znode) %zu, checksum %zu\n", sizeof(Znode), bytes % 10);
}

}  // namespace
}  // namespace holdfast::zk

int main(int argc, char** argv) {
  holdfast::zk::run(argc > 1 ? static_cast<std::size_t>(std::atoll(argv[1])) : 1'000'000);
}
