// The families of verbs, in the order of the manual. Each is a file, client/cli_<family>.cpp.
#pragma once

namespace holdfast::client {

class Cli;

void add_client_verbs(Cli& cli);  // all of them

void add_consume_verb(Cli& cli);
void add_produce_verb(Cli& cli);
void add_completion_verbs(Cli& cli);
void add_config_verbs(Cli& cli);
void add_doctor_verbs(Cli& cli);
void add_profile_verbs(Cli& cli);
void add_topic_verbs(Cli& cli);
void add_group_verbs(Cli& cli);
void add_broker_verbs(Cli& cli);
void add_partition_verbs(Cli& cli);
void add_offsets_verbs(Cli& cli);
void add_cluster_verbs(Cli& cli);
void add_zk_verbs(Cli& cli);
void add_quorum_verbs(Cli& cli);
void add_perf_verbs(Cli& cli);
void add_top_verb(Cli& cli);

}  // namespace holdfast::client
