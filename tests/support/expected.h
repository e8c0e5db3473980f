// What the contract says that a record looks like once it is stored, and how to
// compare records.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/base/status.h"
#include "tests/support/message_fields.h"

namespace storegate::test {

// The record that a Create of `sent` answers with, but for the id where none was
// sent, times and etag, which are cleared: defaults set, lower case applied,
// input-only and computed fields gone, -0.0 made 0, times cut to what is kept.
MessagePtr Stored(const Message& sent, const schema::Entity& entity);

// Clears what the gateway sets by itself (times, etag; the id too on demand) and
// what is never returned.
void ClearGatewayFields(Message* record, const schema::Entity& entity, bool id = false);

// Equal field by field (maps by key). The difference in words otherwise.
testing::AssertionResult SameRecord(const Message& actual, const Message& expected);
// As above, gateway fields aside.
testing::AssertionResult SameData(const Message& actual, const Message& expected,
                                  const schema::Entity& entity);

testing::AssertionResult HasStatus(const Status& status, Code code, std::string_view reason = "");
// INVALID_ARGUMENT with a violation whose field is `path` or below it.
testing::AssertionResult Violates(const Status& status, std::string_view path);

}  // namespace storegate::test
