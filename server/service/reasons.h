// Reasons: what ErrorInfo.reason says, for programs that must tell errors of one
// code apart. Part of the contract with callers: never renamed. Those that only
// the database's side gives (UNIQUE_VIOLATION, STORAGE_FULL …) are in
// repository/backend.h and repository/executor.h.
#pragma once

#include <string_view>

namespace storegate::service::reason {

// --- INVALID_ARGUMENT: correct the request ---

// One or more fields break a rule; BadRequest lists them.
inline constexpr std::string_view kInvalidField = "INVALID_FIELD";
// The bytes are no protobuf message; the client's encoder is broken.
inline constexpr std::string_view kMalformedRequest = "MALFORMED_REQUEST";
// A field travels as another type than the schema's; regenerate the stubs.
inline constexpr std::string_view kWrongType = "WRONG_TYPE";
// A string is not UTF-8; send bytes fields for what is no text.
inline constexpr std::string_view kInvalidUtf8 = "INVALID_UTF8";
// A write has a field that this schema does not know; regenerate the stubs, or
// upgrade the gateway first.
inline constexpr std::string_view kUnknownField = "UNKNOWN_FIELD";
// Messages within messages past the limit; flatten the value.
inline constexpr std::string_view kNestedTooDeep = "NESTED_TOO_DEEP";
// A batch or a mask has more items than the limit; split it.
inline constexpr std::string_view kBatchTooLarge = "BATCH_TOO_LARGE";
// A record is larger than the limit; keep large values elsewhere.
inline constexpr std::string_view kRecordTooLarge = "RECORD_TOO_LARGE";
// No unique key is set, or one is set in part; set all fields of one.
inline constexpr std::string_view kKeyRequired = "KEY_REQUIRED";
// More than one unique key is set; set the fields of one.
inline constexpr std::string_view kKeyAmbiguous = "KEY_AMBIGUOUS";
// An update without update_mask; name the fields to set, or "*".
inline constexpr std::string_view kUpdateMaskRequired = "UPDATE_MASK_REQUIRED";
// update_mask names what cannot be updated, or what is not there.
inline constexpr std::string_view kInvalidUpdateMask = "INVALID_UPDATE_MASK";
// An etag is not one that this gateway gave out; read the record again.
inline constexpr std::string_view kInvalidEtag = "INVALID_ETAG";
// include or read_mask names what is not there, or cannot be included.
inline constexpr std::string_view kInvalidMask = "INVALID_MASK";
// No name of the IANA time zone database; write one, as "Europe/Berlin".
inline constexpr std::string_view kInvalidTimeZone = "INVALID_TIME_ZONE";
// Two of page_token, page and skip; send one.
inline constexpr std::string_view kPagingConflict = "PAGING_CONFLICT";

// --- The state is not what the call needs ---

// NOT_FOUND: there is no such record.
inline constexpr std::string_view kRecordNotFound = "RECORD_NOT_FOUND";
// NOT_FOUND: it was deleted; undelete it, or ask with show_deleted.
inline constexpr std::string_view kRecordDeleted = "RECORD_DELETED";
// ALREADY_EXISTS: the id is taken.
inline constexpr std::string_view kRecordExists = "RECORD_EXISTS";
// ABORTED: somebody else changed the record; read it again and retry.
inline constexpr std::string_view kEtagMismatch = "ETAG_MISMATCH";
// ABORTED: the record changed under each of several tries; retry later.
inline constexpr std::string_view kContention = "CONTENTION";
// FAILED_PRECONDITION: a reference names no living record; create that first.
inline constexpr std::string_view kReferenceNotFound = "REFERENCE_NOT_FOUND";
// FAILED_PRECONDITION: other records refer to this one; delete them first.
inline constexpr std::string_view kRecordReferenced = "RECORD_REFERENCED";
// FAILED_PRECONDITION: no index serves the query, and the gateway is told to answer no such
// one; ask for what an index serves, which the message names, or have one made.
inline constexpr std::string_view kUnindexedQuery = "UNINDEXED_QUERY";

// --- Limits of the gateway, and what it cannot do ---

// RESOURCE_EXHAUSTED: too many messages or elements in one request; split it.
inline constexpr std::string_view kTooManyElements = "TOO_MANY_ELEMENTS";
// RESOURCE_EXHAUSTED: the answer would be more than clients take; ask for less.
inline constexpr std::string_view kResponseTooLarge = "RESPONSE_TOO_LARGE";
// RESOURCE_EXHAUSTED: a query looked at records for as long as one may; narrow it, or give
// the entity an index.
inline constexpr std::string_view kQueryTooExpensive = "QUERY_TOO_EXPENSIVE";
// UNIMPLEMENTED: what is to be included is served from no database of this gateway; give
// its store a route.
inline constexpr std::string_view kNotServed = "ENTITY_NOT_SERVED";
// UNIMPLEMENTED: a filter goes into records of another database, or of one that cannot
// join; filter those first, and then by what they refer to.
inline constexpr std::string_view kJoinUnavailable = "JOIN_UNAVAILABLE";
// RESOURCE_EXHAUSTED: an aggregate has more groups than an answer holds; narrow it.
inline constexpr std::string_view kTooManyGroups = "TOO_MANY_GROUPS";
// RESOURCE_EXHAUSTED: too much is waiting; retry after the delay given.
inline constexpr std::string_view kQueueFull = "QUEUE_FULL";
// RESOURCE_EXHAUSTED: no memory for a password hash; retry after the delay given.
inline constexpr std::string_view kOutOfMemory = "OUT_OF_MEMORY";
// RESOURCE_EXHAUSTED: too many streams are open; retry after the delay given.
inline constexpr std::string_view kTooManyStreams = "TOO_MANY_STREAMS";
// CANCELLED: nobody takes the stream's messages any more. No caller hears of it.
inline constexpr std::string_view kStreamAbandoned = "STREAM_ABANDONED";
// DEADLINE_EXCEEDED: the call's time was over before it reached the database.
inline constexpr std::string_view kDeadlineExceeded = "DEADLINE_EXCEEDED";
// UNIMPLEMENTED: this database has no transactions; send allow_partial.
inline constexpr std::string_view kTransactionsUnavailable = "TRANSACTIONS_UNAVAILABLE";
// INTERNAL: the gateway's own mistake; the log says more.
inline constexpr std::string_view kInternal = "INTERNAL";

}  // namespace storegate::service::reason
