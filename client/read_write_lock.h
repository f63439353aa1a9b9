// ReadWriteLock: many readers or one writer, in the order in which they asked: a reader that comes after a waiting
// writer waits for it. Compatible with Curator's InterProcessReadWriteLock (without its re-entrance).
#pragma once

#include <string>

#include "client/lock.h"

namespace holdfast::client {

class ReadWriteLock {
 public:
  ReadWriteLock(ZooKeeper& zk, std::string path, std::string who = {});

  // Two locks of their own: one may not be acquired while the other is held, but the reading one after the writing one
  // and before its release, to go on reading.
  Lock& read() { return read_; }
  Lock& write() { return write_; }
  Task<void> stop();

 private:
  Lock read_, write_;
};

}  // namespace holdfast::client
