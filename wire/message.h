// The three things one does with a message. Each is instantiated once, in the .cpp of the message's family (see
// HOLDFAST_KAFKA_MESSAGE in codec.h), so that including a message costs no more than its declaration.
//
// The version must lie in the message's `api.versions`: whoever read the header has checked that.
#pragma once

#include <cstdint>
#include <string>

#include "wire/reader.h"
#include "wire/writer.h"

namespace holdfast::wire {

// Appends the message to the writer. A value that this version cannot carry (null where nothing may be null, a string
// over 32767 bytes) latches the writer's error: our own bug, so callers that built the message need not look.
template <class M>
void encode(const M& message, std::int16_t version, Writer& out);

// Fills a freshly constructed message. False: the bytes are malformed, and in.error() says how. Bytes after the message
// are left in the reader. Records are views into the input.
template <class M>
[[nodiscard]] bool decode(M& message, std::int16_t version, Reader& in);

// The message as one line of JSON, in the form of Kafka's own JsonConverter: bytes in base64, tagged fields only when
// they differ from their default.
template <class M>
[[nodiscard]] std::string print(const M& message, std::int16_t version);

}  // namespace holdfast::wire
