// LoopDisk: a file system of its own, ext4 in a file, which this process and its children see and which ends with them.
// It takes root; fault() says why there is none.
#pragma once

#include <cstdint>
#include <string>

#include "tests/cluster/server_process.h"

namespace holdfast::test {

class LoopDisk {
 public:
  explicit LoopDisk(int megabytes = 512);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::string& fault() const { return fault_; }
  std::string data() const { return root_ + "/data"; }

  // From now on each call but a few reads gets EIO. What was not synced is lost, as when the power goes.
  void fail() const;
  // It is mounted anew, and its journal replayed. Nobody may have it open that is to write again.
  void mend();

  void sync() const;
  void fill() const;  // to the last block
  void free() const;

 private:
  void mount();
  std::string filler() const { return root_ + "/filler"; }

  TemporaryDirectory directory_;
  const std::string root_, image_;
  std::string fault_;
};

}  // namespace holdfast::test
