#include "wire/kafka/control_records.h"

#include "wire/codec.h"

namespace holdfast::wire {

HOLDFAST_KAFKA_MESSAGE(ControlRecordTypeSchema);
HOLDFAST_KAFKA_MESSAGE(EndTxnMarker);
HOLDFAST_KAFKA_MESSAGE(LeaderChangeMessage);
HOLDFAST_KAFKA_MESSAGE(SnapshotHeaderRecord);
HOLDFAST_KAFKA_MESSAGE(SnapshotFooterRecord);
HOLDFAST_KAFKA_MESSAGE(KRaftVersionRecord);
HOLDFAST_KAFKA_MESSAGE(VotersRecord);

}  // namespace holdfast::wire
