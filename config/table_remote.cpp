// Tiered storage (KIP-405): known, so that a server.properties that mentions it is accepted.
#include "config/tables.h"

namespace holdfast::tables {
namespace {

constexpr Setting remote_settings_[] = {
    {"remote.log.storage.system.enable", boolean, "false", any, read_only, unserved,
     "Whether tiered storage (KIP-405) is on."},
    {"remote.log.storage.manager.class.name", string, null, any, read_only, ignored,
     "The Java class that moves segments."},
    {"remote.log.storage.manager.class.path", string, null, any, read_only, ignored, "Where that class is found."},
    {"remote.log.storage.manager.impl.prefix", string, "rsm.config.", any, read_only, ignored,
     "The prefix of that class's own settings."},
    {"remote.log.metadata.manager.class.name", string,
     "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", any, read_only, ignored,
     "The Java class that keeps the metadata of moved segments."},
    {"remote.log.metadata.manager.class.path", string, null, any, read_only, ignored, "Where that class is found."},
    {"remote.log.metadata.manager.impl.prefix", string, "rlmm.config.", any, read_only, ignored,
     "The prefix of that class's own settings."},
    {"remote.log.metadata.manager.listener.name", string, null, any, read_only, ignored,
     "The listener that class connects to."},
    {"remote.log.metadata.custom.metadata.max.bytes", int32, "128", at_least(0), read_only, ignored,
     "The largest custom metadata kept with a segment."},
    {"remote.log.index.file.cache.total.size.bytes", int64, "1073741824", at_least(1), cluster_wide, ignored,
     "Disk for indexes fetched from remote storage."},
    {"remote.log.manager.thread.pool.size", int32, "2", at_least(1), read_only, ignored,
     "Threads of the remote log manager."},
    {"remote.log.manager.copier.thread.pool.size", int32, "10", at_least(1), cluster_wide, ignored,
     "Threads that copy segments."},
    {"remote.log.manager.expiration.thread.pool.size", int32, "10", at_least(1), cluster_wide, ignored,
     "Threads that expire remote segments."},
    {"remote.log.manager.follower.thread.pool.size", int32, "2", at_least(1), cluster_wide, ignored,
     "Threads that follow remote state."},
    {"remote.log.manager.task.interval.ms", int64, "30000", at_least(1), read_only, ignored,
     "How often those look for work."},
    {"remote.log.manager.copy.max.bytes.per.second", int64, "9223372036854775807", at_least(1), cluster_wide, ignored,
     "Bytes per second copied to remote storage."},
    {"remote.log.manager.copy.quota.window.num", int32, "11", at_least(1), read_only, ignored,
     "Samples that rate is measured over."},
    {"remote.log.manager.copy.quota.window.size.seconds", int32, "1", at_least(1), read_only, ignored,
     "Seconds each of them spans."},
    {"remote.log.manager.fetch.max.bytes.per.second", int64, "9223372036854775807", at_least(1), cluster_wide, ignored,
     "Bytes per second read from remote storage."},
    {"remote.log.manager.fetch.quota.window.num", int32, "11", at_least(1), read_only, ignored,
     "Samples that rate is measured over."},
    {"remote.log.manager.fetch.quota.window.size.seconds", int32, "1", at_least(1), read_only, ignored,
     "Seconds each of them spans."},
    {"remote.log.reader.threads", int32, "10", at_least(1), cluster_wide, ignored,
     "Threads that read from remote storage."},
    {"remote.log.reader.max.pending.tasks", int32, "100", at_least(1), read_only, ignored,
     "Reads that may wait for them."},
    {"remote.fetch.max.wait.ms", int32, "500", at_least(1), cluster_wide, ignored,
     "How long a fetch waits for remote storage."},
    {"remote.list.offsets.request.timeout.ms", int64, "30000", at_least(1), cluster_wide, ignored,
     "How long a search for an offset waits for remote storage."},
    {"follower.fetch.last.tiered.offset.enable", boolean, "false", any, cluster_wide, ignored,
     "Whether a new follower starts at what is not tiered yet."},
};

}  // namespace

const std::span<const Setting> remote_settings = remote_settings_;

}  // namespace holdfast::tables
