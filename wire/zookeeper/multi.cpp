#include "wire/zookeeper/multi.h"

#include <type_traits>

namespace holdfast::wire::zk {
namespace {

using RequestBody = decltype(MultiRequest::Operation::body);
using ResultBody = decltype(MultiResponse::Result::body);

// Chooses the record that an operation's type announces. False: none.
bool choose(RequestBody& body, OpCode op) {
  switch (op) {
    case OpCode::create:
    case OpCode::create2:
    case OpCode::create_container:
      body.emplace<CreateRequest>();
      return true;
    case OpCode::create_ttl:
      body.emplace<CreateTtlRequest>();
      return true;
    case OpCode::remove:
      body.emplace<DeleteRequest>();
      return true;
    case OpCode::set_data:
      body.emplace<SetDataRequest>();
      return true;
    case OpCode::check:
      body.emplace<CheckVersionRequest>();
      return true;
    case OpCode::get_data:
      body.emplace<GetDataRequest>();
      return true;
    case OpCode::get_children:
      body.emplace<GetChildrenRequest>();
      return true;
    default:
      return false;
  }
}

bool choose(ResultBody& body, OpCode op) {
  switch (op) {
    case OpCode::create:
      body.emplace<CreateResponse>();
      return true;
    case OpCode::create2:
      body.emplace<Create2Response>();
      return true;
    case OpCode::set_data:
      body.emplace<SetDataResponse>();
      return true;
    case OpCode::get_data:
      body.emplace<GetDataResponse>();
      return true;
    case OpCode::get_children:
      body.emplace<GetChildrenResponse>();
      return true;
    case OpCode::error:
      body.emplace<ErrorResponse>();
      return true;
    case OpCode::remove:
    case OpCode::check:
      body.emplace<std::monostate>();
      return true;
    default:
      return false;
  }
}

template <class Body>
bool decode_body(Body& body, Reader& in) {
  return std::visit(
      [&in](auto& record) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(record)>, std::monostate>) {
          return in.ok();
        } else {
          return decode(record, in);
        }
      },
      body);
}

template <class Body>
void encode_body(const Body& body, Writer& out) {
  std::visit(
      [&out](const auto& record) {
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(record)>, std::monostate>) encode(record, out);
      },
      body);
}

void encode_header(OpCode op, bool done, std::int32_t err, Writer& out) {
  MultiHeader header;
  header.type = static_cast<std::int32_t>(op);
  header.done = done;
  header.err = err;
  encode(header, out);
}

bool reads(OpCode op) { return op == OpCode::get_data || op == OpCode::get_children; }

}  // namespace

bool decode(MultiRequest& multi, Reader& in) {
  for (;;) {
    MultiHeader header;
    if (!decode(header, in)) return false;
    if (header.done) return true;
    auto& [op, body] = multi.operations.emplace_back();
    op = static_cast<OpCode>(header.type);
    if (!choose(body, op)) return in.fail("operation that a multi cannot hold"), false;
    if (reads(op) != reads(multi.operations.front().op)) return in.fail("multi that both reads and writes"), false;
    if (!decode_body(body, in)) return false;
  }
}

void encode(const MultiRequest& multi, Writer& out) {
  for (const auto& [op, body] : multi.operations) {
    encode_header(op, false, -1, out);
    encode_body(body, out);
  }
  encode_header(OpCode::error, true, -1, out);
}

bool decode(MultiResponse& multi, Reader& in) {
  for (;;) {
    MultiHeader header;
    if (!decode(header, in)) return false;
    if (header.done) return true;
    auto& [op, body] = multi.results.emplace_back();
    op = static_cast<OpCode>(header.type);
    if (!choose(body, op)) return in.fail("result that no multi has"), false;
    if (!decode_body(body, in)) return false;
  }
}

void encode(const MultiResponse& multi, Writer& out) {
  for (const auto& [op, body] : multi.results) {
    const auto* error = std::get_if<ErrorResponse>(&body);
    encode_header(op, false, error ? error->err : 0, out);
    encode_body(body, out);
  }
  encode_header(OpCode::error, true, -1, out);
}

}  // namespace holdfast::wire::zk
