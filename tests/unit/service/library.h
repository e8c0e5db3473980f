// A small schema for the service's tests: authors, books, accounts, notes.
#pragma once

#include <memory>
#include <string>

#include <google/protobuf/message.h>

#include "server/schema/schema.h"

namespace storegate::service {

// Loaded once; ends the process with the diagnostics when it does not load.
const schema::Schema& Library();
const schema::Entity& EntityOf(const std::string& name);
const schema::Method& MethodOf(const std::string& store, const std::string& method);

using MessagePtr = std::unique_ptr<google::protobuf::Message>;
// From protobuf's text format; ends the process when it is none.
MessagePtr Make(const google::protobuf::Message& prototype, const std::string& text);
MessagePtr MakeRecord(const std::string& entity, const std::string& text);
// "name: \"a\"": the text of a message on one line.
std::string Text(const google::protobuf::Message& message);

}  // namespace storegate::service
