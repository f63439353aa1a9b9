// The lines of kafka-dump-log for a .log file. Pure.
#pragma once

#include <string>

#include "log/dump.h"
#include "log/dump_batches.h"

namespace holdfast {

// An error: the batch names a codec that does not exist.
Result<std::string> batch_line(const StoredBatch& batch, std::uint64_t position);
// An error: a control record, or one of an internal topic, that cannot be read.
Result<std::string> record_line(const StoredBatch& batch, const StoredRecord& record, const DumpOptions& options);

}  // namespace holdfast
