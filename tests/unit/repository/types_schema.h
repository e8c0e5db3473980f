// The schema of every supported type, and random messages of any type in it.
#pragma once

#include <memory>
#include <random>
#include <string>

#include <google/protobuf/message.h>

#include "server/schema/schema.h"

namespace storegate::repository {

// Loaded once from tests/protos/types. Ends the process when it does not load.
const schema::Entity& SampleEntity();
const schema::Field& SampleField(const std::string& name);
std::unique_ptr<google::protobuf::Message> NewSample();

using Random = std::mt19937_64;

// Sets a field to a random valid value, by reflection alone: known enum numbers,
// times that storage holds exactly, finite or infinite numbers, no NaN, no -0.0.
void SetRandomField(google::protobuf::Message* message,
                    const google::protobuf::FieldDescriptor* field, Random* random, int depth = 0);

// 0 to n - 1.
uint64_t Below(uint64_t n, Random* random);

// Equal field by field; what differs is in *difference.
bool SameMessage(const google::protobuf::Message& a, const google::protobuf::Message& b,
                 std::string* difference);

}  // namespace storegate::repository
