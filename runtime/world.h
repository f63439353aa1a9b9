// World: where time, files, sockets and threads come from. A node is given one; the real one is the kernel's, a
// simulator makes its own.
#pragma once

#include "runtime/clock.h"
#include "runtime/disk.h"
#include "runtime/network.h"
#include "runtime/worker.h"

namespace holdfast {

struct World {
  Clock& clock;
  Disk& disk;
  Network& network;
  Workers& workers;
};

inline World system_world() { return {system_clock(), system_disk(), system_network(), system_workers()}; }

}  // namespace holdfast
