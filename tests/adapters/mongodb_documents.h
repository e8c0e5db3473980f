// Short ways to write documents and records for the tests of MongoDB's types. Records
// are samples of tests/protos/types.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/bson.h"
#include "server/query/predicate.h"
#include "server/repository/wire_sink.h"
#include "tests/unit/repository/types_schema.h"

namespace storegate::mongodb {

// From MongoDB's extended JSON, canonical where the type matters.
inline Bson FromJson(const std::string& json) {
  bson_error_t error;
  bson_t* document =
      bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                         static_cast<ssize_t>(json.size()), &error);
  EXPECT_NE(document, nullptr) << json << ": " << error.message;
  return document == nullptr ? Bson() : Bson(document);
}

inline std::string Shown(const Bson& document) {
  char* json = bson_as_canonical_extended_json(document.get(), nullptr);
  std::string text = json == nullptr ? "(not UTF-8)" : json;
  bson_free(json);
  return text;
}

// Stands on the document's first element. REQUIRES: there is one.
inline bson_iter_t First(const Bson& document) {
  bson_iter_t at;
  EXPECT_TRUE(bson_iter_init(&at, document.get()) && bson_iter_next(&at));
  return at;
}

// A sample from protobuf's text format.
inline std::unique_ptr<google::protobuf::Message> SampleOf(const std::string& text) {
  std::unique_ptr<google::protobuf::Message> message = repository::NewSample();
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, message.get())) << text;
  return message;
}

// Makes the sample's tree `trees` high: each of them a document, and the lists between
// them arrays.
inline void AddTrees(google::protobuf::Message* sample, int trees) {
  google::protobuf::Message* tree = sample->GetReflection()->MutableMessage(
      sample, repository::SampleField("tree").descriptor);
  const auto* children = tree->GetDescriptor()->FindFieldByName("children");
  for (int i = 1; i < trees; ++i) tree = tree->GetReflection()->AddMessage(tree, children);
}

}  // namespace storegate::mongodb
