// The multi: several operations that are applied together or not at all, or several reads of one moment (multiRead).
// Each operation stands behind a MultiHeader, and so does each result; a header with `done` ends the list.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "wire/zookeeper/errors.h"
#include "wire/zookeeper/requests.h"
#include "wire/zookeeper/responses.h"

namespace holdfast::wire::zk {

struct MultiRequest {
  struct Operation {
    OpCode op = OpCode::create;
    // CreateRequest serves create, create2 and createContainer.
    std::variant<CreateRequest, CreateTtlRequest, DeleteRequest, SetDataRequest, CheckVersionRequest, GetDataRequest,
                 GetChildrenRequest>
        body;
  };
  std::vector<Operation> operations;
};

struct MultiResponse {
  struct Result {
    // create: CreateResponse. create2, as createContainer and createTTL answer too: Create2Response. delete, check:
    // nothing. error: ErrorResponse, whose code the header repeats.
    OpCode op = OpCode::error;
    std::variant<std::monostate, CreateResponse, Create2Response, SetDataResponse, GetDataResponse, GetChildrenResponse,
                 ErrorResponse>
        body;
  };
  std::vector<Result> results;
};

// An operation that no multi can hold, and writes mixed with reads, are malformed, as they are for ZooKeeper.
[[nodiscard]] bool decode(MultiRequest& multi, Reader& in);
void encode(const MultiRequest& multi, Writer& out);
[[nodiscard]] bool decode(MultiResponse& multi, Reader& in);
void encode(const MultiResponse& multi, Writer& out);

}  // namespace holdfast::wire::zk
