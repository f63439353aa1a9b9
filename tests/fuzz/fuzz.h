// What the fuzz targets share. A target is one function over arbitrary bytes: it must neither crash nor hang nor use
// much memory, and whatever it accepts must survive being written and read again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/buffer.h"
#include "runtime/result.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
