#include "client/read_write_lock.h"

#include <memory>
#include <utility>

#include "client/zookeeper_path.h"

namespace holdfast::client {
namespace {

constexpr std::string_view reader = "__READ__", writer = "__WRIT__";

bool is_writer(const SequentialChild& child) { return child.name.find(writer) != std::string::npos; }

// `own_writer`: the same process's writing lock, which does not hold up its reading one. Nor does a writer that waits
// for that lock to be released: who reads on has the place in the queue that it has as a writer, before all who came
// since.
Contender::Options reading(const std::string& path, const std::string& who, const Lock& own_writer) {
  Contender::Options out;
  out.path = path;
  out.name = reader;
  out.mark = "__";
  out.data = who;
  out.waits_for = [&own_writer](const std::vector<SequentialChild>& queue,
                                std::size_t own) -> std::optional<std::size_t> {
    for (std::size_t i = own; i-- > 0;) {
      if (is_writer(queue[i]) && !(own_writer.held() && queue[i].name == zk_name(own_writer.node()))) return i;
    }
    return std::nullopt;
  };
  out.beside = [&own_writer] { return own_writer.held() ? own_writer.node() : std::string(); };
  return out;
}

Contender::Options writing(const std::string& path, const std::string& who) {
  Contender::Options out;
  out.path = path;
  out.name = writer;
  out.mark = "__";
  out.data = who;
  out.waits_for = [](const std::vector<SequentialChild>&, std::size_t own) {
    return own == 0 ? std::nullopt : std::optional<std::size_t>(own - 1);
  };
  return out;
}

}  // namespace

ReadWriteLock::ReadWriteLock(ZooKeeper& zk, std::string path, std::string who)
    : read_(zk, reading(path, who, write_)), write_(zk, writing(path, who)) {}

Task<void> ReadWriteLock::stop() {
  co_await read_.stop();
  co_await write_.stop();
}

}  // namespace holdfast::client
