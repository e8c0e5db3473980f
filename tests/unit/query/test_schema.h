// A schema of our own for the tests of query/: every kind of field once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "server/schema/loader.h"
#include "server/schema/schema.h"

namespace storegate::query {

// Loads one file, "library.proto".
schema::LoadResult LoadText(std::string_view proto);

// The schema below, loaded once; never null.
const schema::Schema& Library();
const schema::Entity& Book();
const schema::Entity& Note();

// A Book, or a `lib.v1.<type>`, from JSON.
std::unique_ptr<google::protobuf::Message> MakeBook(const std::string& json);
std::unique_ptr<google::protobuf::Message> Make(const std::string& type, const std::string& json);

// lib.v1.Values: request fields of every type.
const google::protobuf::Descriptor* Values();

}  // namespace storegate::query
