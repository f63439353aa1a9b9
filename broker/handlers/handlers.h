// The handlers: one function per API key, one file per API family. A handler decodes, asks one room, and encodes;
// api_table.cpp names them all.
#pragma once

#include "broker/request_context.h"

namespace holdfast::handlers {

void produce(RequestContext request);
void fetch(RequestContext request);
void list_offsets(RequestContext request);
void metadata(RequestContext request);
void offset_commit(RequestContext request);
void offset_fetch(RequestContext request);
void find_coordinator(RequestContext request);
void join_group(RequestContext request);
void heartbeat(RequestContext request);
void leave_group(RequestContext request);
void sync_group(RequestContext request);
void describe_groups(RequestContext request);
void list_groups(RequestContext request);
void api_versions(RequestContext request);
void create_topics(RequestContext request);
void delete_topics(RequestContext request);
void delete_records(RequestContext request);
void init_producer_id(RequestContext request);
void offset_for_leader_epoch(RequestContext request);
void describe_configs(RequestContext request);
void alter_configs(RequestContext request);
void alter_replica_log_dirs(RequestContext request);
void describe_log_dirs(RequestContext request);
void create_partitions(RequestContext request);
void delete_groups(RequestContext request);
void elect_leaders(RequestContext request);
void incremental_alter_configs(RequestContext request);
void alter_partition_reassignments(RequestContext request);
void list_partition_reassignments(RequestContext request);
void offset_delete(RequestContext request);
void describe_cluster(RequestContext request);
void describe_producers(RequestContext request);
void describe_topic_partitions(RequestContext request);
void replica_report(RequestContext request);

}  // namespace holdfast::handlers
