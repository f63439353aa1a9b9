#include "wire/kafka/errors.h"

#include <cstddef>
#include <iterator>

namespace holdfast::wire {
namespace {

struct Row {
  ErrorCode code;
  bool retriable;
  std::string_view name;
  std::string_view message;
};

constexpr bool retriable = true;
constexpr bool fatal = false;
constexpr std::int16_t lowest = static_cast<std::int16_t>(ErrorCode::unknown_server_error);

constexpr Row error_rows[] = {
    {ErrorCode::unknown_server_error, fatal, "UNKNOWN_SERVER_ERROR",
     "The server experienced an unexpected error when processing the request."},
    {ErrorCode::none, fatal, "NONE", ""},
    {ErrorCode::offset_out_of_range, fatal, "OFFSET_OUT_OF_RANGE",
     "The requested offset is not within the range of offsets maintained by the server."},
    {ErrorCode::corrupt_message, retriable, "CORRUPT_MESSAGE",
     "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is "
     "otherwise corrupt."},
    {ErrorCode::unknown_topic_or_partition, retriable, "UNKNOWN_TOPIC_OR_PARTITION",
     "This server does not host this topic-partition."},
    {ErrorCode::invalid_fetch_size, fatal, "INVALID_FETCH_SIZE", "The requested fetch size is invalid."},
    {ErrorCode::leader_not_available, retriable, "LEADER_NOT_AVAILABLE",
     "There is no leader for this topic-partition as we are in the middle of a leadership election."},
    {ErrorCode::not_leader_or_follower, retriable, "NOT_LEADER_OR_FOLLOWER",
     "For requests intended only for the leader, this error indicates that the broker is not the current leader. For "
     "requests intended for any replica, this error indicates that the broker is not a replica of the topic "
     "partition."},
    {ErrorCode::request_timed_out, retriable, "REQUEST_TIMED_OUT", "The request timed out."},
    {ErrorCode::broker_not_available, fatal, "BROKER_NOT_AVAILABLE", "The broker is not available."},
    {ErrorCode::replica_not_available, retriable, "REPLICA_NOT_AVAILABLE",
     "The replica is not available for the requested topic-partition. Produce/Fetch requests and other requests "
     "intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the "
     "topic-partition."},
    {ErrorCode::message_too_large, fatal, "MESSAGE_TOO_LARGE",
     "The request included a message larger than the max message size the server will accept."},
    {ErrorCode::stale_controller_epoch, fatal, "STALE_CONTROLLER_EPOCH", "The controller moved to another broker."},
    {ErrorCode::offset_metadata_too_large, fatal, "OFFSET_METADATA_TOO_LARGE",
     "The metadata field of the offset request was too large."},
    {ErrorCode::network_exception, retriable, "NETWORK_EXCEPTION",
     "The server disconnected before a response was received."},
    {ErrorCode::coordinator_load_in_progress, retriable, "COORDINATOR_LOAD_IN_PROGRESS",
     "The coordinator is loading and hence can't process requests."},
    {ErrorCode::coordinator_not_available, retriable, "COORDINATOR_NOT_AVAILABLE", "The coordinator is not available."},
    {ErrorCode::not_coordinator, retriable, "NOT_COORDINATOR", "This is not the correct coordinator."},
    {ErrorCode::invalid_topic_exception, fatal, "INVALID_TOPIC_EXCEPTION",
     "The request attempted to perform an operation on an invalid topic."},
    {ErrorCode::record_list_too_large, fatal, "RECORD_LIST_TOO_LARGE",
     "The request included message batch larger than the configured segment size on the server."},
    {ErrorCode::not_enough_replicas, retriable, "NOT_ENOUGH_REPLICAS",
     "Messages are rejected since there are fewer in-sync replicas than required."},
    {ErrorCode::not_enough_replicas_after_append, retriable, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
     "Messages are written to the log, but to fewer in-sync replicas than required."},
    {ErrorCode::invalid_required_acks, fatal, "INVALID_REQUIRED_ACKS",
     "Produce request specified an invalid value for required acks."},
    {ErrorCode::illegal_generation, fatal, "ILLEGAL_GENERATION", "Specified group generation id is not valid."},
    {ErrorCode::inconsistent_group_protocol, fatal, "INCONSISTENT_GROUP_PROTOCOL",
     "The group member's supported protocols are incompatible with those of existing members or first group member "
     "tried to join with empty protocol type or empty protocol list."},
    {ErrorCode::invalid_group_id, fatal, "INVALID_GROUP_ID", "The group id is invalid."},
    {ErrorCode::unknown_member_id, fatal, "UNKNOWN_MEMBER_ID", "The coordinator is not aware of this member."},
    {ErrorCode::invalid_session_timeout, fatal, "INVALID_SESSION_TIMEOUT",
     "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms "
     "and group.max.session.timeout.ms)."},
    {ErrorCode::rebalance_in_progress, fatal, "REBALANCE_IN_PROGRESS",
     "The group is rebalancing, so a rejoin is needed."},
    {ErrorCode::invalid_commit_offset_size, fatal, "INVALID_COMMIT_OFFSET_SIZE",
     "The committing offset data size is not valid."},
    {ErrorCode::topic_authorization_failed, fatal, "TOPIC_AUTHORIZATION_FAILED", "Topic authorization failed."},
    {ErrorCode::group_authorization_failed, fatal, "GROUP_AUTHORIZATION_FAILED", "Group authorization failed."},
    {ErrorCode::cluster_authorization_failed, fatal, "CLUSTER_AUTHORIZATION_FAILED", "Cluster authorization failed."},
    {ErrorCode::invalid_timestamp, fatal, "INVALID_TIMESTAMP",
     "The timestamp of the message is out of acceptable range."},
    {ErrorCode::unsupported_sasl_mechanism, fatal, "UNSUPPORTED_SASL_MECHANISM",
     "The broker does not support the requested SASL mechanism."},
    {ErrorCode::illegal_sasl_state, fatal, "ILLEGAL_SASL_STATE", "Request is not valid given the current SASL state."},
    {ErrorCode::unsupported_version, fatal, "UNSUPPORTED_VERSION", "The version of API is not supported."},
    {ErrorCode::topic_already_exists, fatal, "TOPIC_ALREADY_EXISTS", "Topic with this name already exists."},
    {ErrorCode::invalid_partitions, fatal, "INVALID_PARTITIONS", "Number of partitions is below 1."},
    {ErrorCode::invalid_replication_factor, fatal, "INVALID_REPLICATION_FACTOR",
     "Replication factor is below 1 or larger than the number of available brokers."},
    {ErrorCode::invalid_replica_assignment, fatal, "INVALID_REPLICA_ASSIGNMENT", "Replica assignment is invalid."},
    {ErrorCode::invalid_config, fatal, "INVALID_CONFIG", "Configuration is invalid."},
    {ErrorCode::not_controller, retriable, "NOT_CONTROLLER", "This is not the correct controller for this cluster."},
    {ErrorCode::invalid_request, fatal, "INVALID_REQUEST",
     "This most likely occurs because of a request being malformed by the client library or the message was sent to an "
     "incompatible broker. See the broker logs for more details."},
    {ErrorCode::unsupported_for_message_format, fatal, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
     "The message format version on the broker does not support the request."},
    {ErrorCode::policy_violation, fatal, "POLICY_VIOLATION",
     "Request parameters do not satisfy the configured policy."},
    {ErrorCode::out_of_order_sequence_number, fatal, "OUT_OF_ORDER_SEQUENCE_NUMBER",
     "The broker received an out of order sequence number."},
    {ErrorCode::duplicate_sequence_number, fatal, "DUPLICATE_SEQUENCE_NUMBER",
     "The broker received a duplicate sequence number."},
    {ErrorCode::invalid_producer_epoch, fatal, "INVALID_PRODUCER_EPOCH",
     "Producer attempted to produce with an old epoch."},
    {ErrorCode::invalid_txn_state, fatal, "INVALID_TXN_STATE",
     "The producer attempted a transactional operation in an invalid state."},
    {ErrorCode::invalid_producer_id_mapping, fatal, "INVALID_PRODUCER_ID_MAPPING",
     "The producer attempted to use a producer id which is not currently assigned to its transactional id."},
    {ErrorCode::invalid_transaction_timeout, fatal, "INVALID_TRANSACTION_TIMEOUT",
     "The transaction timeout is larger than the maximum value allowed by the broker (as configured by "
     "transaction.max.timeout.ms)."},
    {ErrorCode::concurrent_transactions, retriable, "CONCURRENT_TRANSACTIONS",
     "The producer attempted to update a transaction while another concurrent operation on the same transaction was "
     "ongoing."},
    {ErrorCode::transaction_coordinator_fenced, fatal, "TRANSACTION_COORDINATOR_FENCED",
     "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a "
     "given producer."},
    {ErrorCode::transactional_id_authorization_failed, fatal, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     "Transactional Id authorization failed."},
    {ErrorCode::security_disabled, fatal, "SECURITY_DISABLED", "Security features are disabled."},
    {ErrorCode::operation_not_attempted, fatal, "OPERATION_NOT_ATTEMPTED",
     "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in "
     "the batch failed, causing the broker to respond without trying the rest."},
    {ErrorCode::kafka_storage_error, retriable, "KAFKA_STORAGE_ERROR",
     "Disk error when trying to access log file on the disk."},
    {ErrorCode::log_dir_not_found, fatal, "LOG_DIR_NOT_FOUND",
     "The user-specified log directory is not found in the broker config."},
    {ErrorCode::sasl_authentication_failed, fatal, "SASL_AUTHENTICATION_FAILED", "SASL Authentication failed."},
    {ErrorCode::unknown_producer_id, fatal, "UNKNOWN_PRODUCER_ID",
     "This exception is raised by the broker if it could not locate the producer metadata associated with the "
     "producerId in question. This could happen if, for instance, the producer's records were deleted because their "
     "retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is "
     "removed from the broker, and future appends by the producer will return this exception."},
    {ErrorCode::reassignment_in_progress, fatal, "REASSIGNMENT_IN_PROGRESS",
     "A partition reassignment is in progress."},
    {ErrorCode::delegation_token_auth_disabled, fatal, "DELEGATION_TOKEN_AUTH_DISABLED",
     "Delegation Token feature is not enabled."},
    {ErrorCode::delegation_token_not_found, fatal, "DELEGATION_TOKEN_NOT_FOUND",
     "Delegation Token is not found on server."},
    {ErrorCode::delegation_token_owner_mismatch, fatal, "DELEGATION_TOKEN_OWNER_MISMATCH",
     "Specified Principal is not valid Owner/Renewer."},
    {ErrorCode::delegation_token_request_not_allowed, fatal, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
     "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated "
     "channels."},
    {ErrorCode::delegation_token_authorization_failed, fatal, "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
     "Delegation Token authorization failed."},
    {ErrorCode::delegation_token_expired, fatal, "DELEGATION_TOKEN_EXPIRED", "Delegation Token is expired."},
    {ErrorCode::invalid_principal_type, fatal, "INVALID_PRINCIPAL_TYPE", "Supplied principalType is not supported."},
    {ErrorCode::non_empty_group, fatal, "NON_EMPTY_GROUP", "The group is not empty."},
    {ErrorCode::group_id_not_found, fatal, "GROUP_ID_NOT_FOUND", "The group id does not exist."},
    {ErrorCode::fetch_session_id_not_found, retriable, "FETCH_SESSION_ID_NOT_FOUND",
     "The fetch session ID was not found."},
    {ErrorCode::invalid_fetch_session_epoch, retriable, "INVALID_FETCH_SESSION_EPOCH",
     "The fetch session epoch is invalid."},
    {ErrorCode::listener_not_found, retriable, "LISTENER_NOT_FOUND",
     "There is no listener on the leader broker that matches the listener on which metadata request was processed."},
    {ErrorCode::topic_deletion_disabled, fatal, "TOPIC_DELETION_DISABLED", "Topic deletion is disabled."},
    {ErrorCode::fenced_leader_epoch, retriable, "FENCED_LEADER_EPOCH",
     "The leader epoch in the request is older than the epoch on the broker."},
    {ErrorCode::unknown_leader_epoch, retriable, "UNKNOWN_LEADER_EPOCH",
     "The leader epoch in the request is newer than the epoch on the broker."},
    {ErrorCode::unsupported_compression_type, fatal, "UNSUPPORTED_COMPRESSION_TYPE",
     "The requesting client does not support the compression type of given partition."},
    {ErrorCode::stale_broker_epoch, fatal, "STALE_BROKER_EPOCH", "Broker epoch has changed."},
    {ErrorCode::offset_not_available, retriable, "OFFSET_NOT_AVAILABLE",
     "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to "
     "be monotonically increasing."},
    {ErrorCode::member_id_required, fatal, "MEMBER_ID_REQUIRED",
     "The group member needs to have a valid member id before actually entering a consumer group."},
    {ErrorCode::preferred_leader_not_available, retriable, "PREFERRED_LEADER_NOT_AVAILABLE",
     "The preferred leader was not available."},
    {ErrorCode::group_max_size_reached, fatal, "GROUP_MAX_SIZE_REACHED", "The group has reached its maximum size."},
    {ErrorCode::fenced_instance_id, fatal, "FENCED_INSTANCE_ID",
     "The broker rejected this static consumer since another consumer with the same group.instance.id has registered "
     "with a different member.id."},
    {ErrorCode::eligible_leaders_not_available, retriable, "ELIGIBLE_LEADERS_NOT_AVAILABLE",
     "Eligible topic partition leaders are not available."},
    {ErrorCode::election_not_needed, retriable, "ELECTION_NOT_NEEDED",
     "Leader election not needed for topic partition."},
    {ErrorCode::no_reassignment_in_progress, fatal, "NO_REASSIGNMENT_IN_PROGRESS",
     "No partition reassignment is in progress."},
    {ErrorCode::group_subscribed_to_topic, fatal, "GROUP_SUBSCRIBED_TO_TOPIC",
     "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it."},
    {ErrorCode::invalid_record, fatal, "INVALID_RECORD",
     "This record has failed the validation on broker and hence will be rejected."},
    {ErrorCode::unstable_offset_commit, retriable, "UNSTABLE_OFFSET_COMMIT",
     "There are unstable offsets that need to be cleared."},
    {ErrorCode::throttling_quota_exceeded, retriable, "THROTTLING_QUOTA_EXCEEDED",
     "The throttling quota has been exceeded."},
    {ErrorCode::producer_fenced, fatal, "PRODUCER_FENCED",
     "There is a newer producer with the same transactionalId which fences the current one."},
    {ErrorCode::resource_not_found, fatal, "RESOURCE_NOT_FOUND",
     "A request illegally referred to a resource that does not exist."},
    {ErrorCode::duplicate_resource, fatal, "DUPLICATE_RESOURCE",
     "A request illegally referred to the same resource twice."},
    {ErrorCode::unacceptable_credential, fatal, "UNACCEPTABLE_CREDENTIAL",
     "Requested credential would not meet criteria for acceptability."},
    {ErrorCode::inconsistent_voter_set, fatal, "INCONSISTENT_VOTER_SET",
     "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters."},
    {ErrorCode::invalid_update_version, fatal, "INVALID_UPDATE_VERSION", "The given update version was invalid."},
    {ErrorCode::feature_update_failed, fatal, "FEATURE_UPDATE_FAILED",
     "Unable to update finalized features due to an unexpected server error."},
    {ErrorCode::principal_deserialization_failure, fatal, "PRINCIPAL_DESERIALIZATION_FAILURE",
     "Request principal deserialization failed during forwarding. This indicates an internal error on the broker "
     "cluster security setup."},
    {ErrorCode::snapshot_not_found, fatal, "SNAPSHOT_NOT_FOUND", "Requested snapshot was not found."},
    {ErrorCode::position_out_of_range, fatal, "POSITION_OUT_OF_RANGE",
     "Requested position is not greater than or equal to zero, and less than the size of the snapshot."},
    {ErrorCode::unknown_topic_id, retriable, "UNKNOWN_TOPIC_ID", "This server does not host this topic ID."},
    {ErrorCode::duplicate_broker_registration, fatal, "DUPLICATE_BROKER_REGISTRATION",
     "This broker ID is already in use."},
    {ErrorCode::broker_id_not_registered, fatal, "BROKER_ID_NOT_REGISTERED", "The given broker ID was not registered."},
    {ErrorCode::inconsistent_topic_id, retriable, "INCONSISTENT_TOPIC_ID",
     "The log's topic ID did not match the topic ID in the request."},
    {ErrorCode::inconsistent_cluster_id, fatal, "INCONSISTENT_CLUSTER_ID",
     "The clusterId in the request does not match that found on the server."},
    {ErrorCode::transactional_id_not_found, fatal, "TRANSACTIONAL_ID_NOT_FOUND",
     "The transactionalId could not be found."},
    {ErrorCode::fetch_session_topic_id_error, retriable, "FETCH_SESSION_TOPIC_ID_ERROR",
     "The fetch session encountered inconsistent topic ID usage."},
    {ErrorCode::ineligible_replica, fatal, "INELIGIBLE_REPLICA",
     "The new ISR contains at least one ineligible replica."},
    {ErrorCode::new_leader_elected, fatal, "NEW_LEADER_ELECTED",
     "The AlterPartition request successfully updated the partition state but the leader has changed."},
    {ErrorCode::offset_moved_to_tiered_storage, fatal, "OFFSET_MOVED_TO_TIERED_STORAGE",
     "The requested offset is moved to tiered storage."},
    {ErrorCode::fenced_member_epoch, fatal, "FENCED_MEMBER_EPOCH",
     "The member epoch is fenced by the group coordinator. The member must abandon all its partitions and rejoin."},
    {ErrorCode::unreleased_instance_id, fatal, "UNRELEASED_INSTANCE_ID",
     "The instance ID is still used by another member in the consumer group. That member must leave first."},
    {ErrorCode::unsupported_assignor, fatal, "UNSUPPORTED_ASSIGNOR",
     "The assignor or its version range is not supported by the consumer group."},
    {ErrorCode::stale_member_epoch, fatal, "STALE_MEMBER_EPOCH",
     "The member epoch is stale. The member must retry after receiving its updated member epoch via the "
     "ConsumerGroupHeartbeat API."},
    {ErrorCode::mismatched_endpoint_type, fatal, "MISMATCHED_ENDPOINT_TYPE",
     "The request was sent to an endpoint of the wrong type."},
    {ErrorCode::unsupported_endpoint_type, fatal, "UNSUPPORTED_ENDPOINT_TYPE",
     "This endpoint type is not supported yet."},
    {ErrorCode::unknown_controller_id, fatal, "UNKNOWN_CONTROLLER_ID", "This controller ID is not known."},
    {ErrorCode::unknown_subscription_id, fatal, "UNKNOWN_SUBSCRIPTION_ID",
     "Client sent a push telemetry request with an invalid or outdated subscription ID."},
    {ErrorCode::telemetry_too_large, fatal, "TELEMETRY_TOO_LARGE",
     "Client sent a push telemetry request larger than the maximum size the broker will accept."},
    {ErrorCode::invalid_registration, fatal, "INVALID_REGISTRATION",
     "The controller has considered the broker registration to be invalid."},
    {ErrorCode::transaction_abortable, fatal, "TRANSACTION_ABORTABLE",
     "The server encountered an error with the transaction. The client can abort the transaction to continue using "
     "this transactional ID."},
    {ErrorCode::invalid_record_state, fatal, "INVALID_RECORD_STATE",
     "The record state is invalid. The acknowledgement of delivery could not be completed."},
    {ErrorCode::share_session_not_found, retriable, "SHARE_SESSION_NOT_FOUND", "The share session was not found."},
    {ErrorCode::invalid_share_session_epoch, retriable, "INVALID_SHARE_SESSION_EPOCH",
     "The share session epoch is invalid."},
    {ErrorCode::fenced_state_epoch, fatal, "FENCED_STATE_EPOCH",
     "The coordinator rejected the request because the state epoch did not match."},
    {ErrorCode::invalid_voter_key, fatal, "INVALID_VOTER_KEY",
     "The voter key doesn't match the receiving replica's key."},
    {ErrorCode::duplicate_voter, fatal, "DUPLICATE_VOTER", "The voter is already part of the set of voters."},
    {ErrorCode::voter_not_found, fatal, "VOTER_NOT_FOUND", "The voter is not part of the set of voters."},
    {ErrorCode::invalid_regular_expression, fatal, "INVALID_REGULAR_EXPRESSION",
     "The regular expression is not valid."},
    {ErrorCode::rebootstrap_required, fatal, "REBOOTSTRAP_REQUIRED",
     "Client metadata is stale. The client should rebootstrap to obtain new metadata."},
    {ErrorCode::streams_invalid_topology, fatal, "STREAMS_INVALID_TOPOLOGY", "The supplied topology is invalid."},
    {ErrorCode::streams_invalid_topology_epoch, fatal, "STREAMS_INVALID_TOPOLOGY_EPOCH",
     "The supplied topology epoch is invalid."},
    {ErrorCode::streams_topology_fenced, fatal, "STREAMS_TOPOLOGY_FENCED", "The supplied topology epoch is outdated."},
    {ErrorCode::share_session_limit_reached, retriable, "SHARE_SESSION_LIMIT_REACHED",
     "The limit of share sessions has been reached."},
    {ErrorCode::group_deletion_failed, fatal, "GROUP_DELETION_FAILED",
     "DeleteGroups could not complete; see the error message on the per-group result for details."},
    {ErrorCode::streams_topology_description_update_failed, fatal, "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED",
     "The broker could not process the topology description update; see the error message for details."},
    {ErrorCode::controller_id_not_registered, fatal, "CONTROLLER_ID_NOT_REGISTERED",
     "The given controller ID was not registered."},
};

// The table is its own index: codes have no gaps.
constexpr bool errors_are_in_order() {
  std::int16_t code = lowest;
  for (const Row& row : error_rows) {
    if (static_cast<std::int16_t>(row.code) != code++) return false;
  }
  return true;
}
static_assert(errors_are_in_order());

const Row& row_of(ErrorCode code) {
  const auto index = static_cast<std::size_t>(static_cast<std::int16_t>(code) - lowest);
  return index < std::size(error_rows) ? error_rows[index] : error_rows[0];
}

}  // namespace

std::string_view error_name(ErrorCode code) { return row_of(code).name; }
std::string_view error_message(ErrorCode code) { return row_of(code).message; }
bool error_is_retriable(ErrorCode code) { return row_of(code).retriable; }

}  // namespace holdfast::wire
