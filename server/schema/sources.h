// What owns the descriptors and prototypes that a Schema points to.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include "server/schema/schema.h"

namespace storegate::schema {

// The pool has no database behind it: once built it is only read, without locks.
struct Schema::Sources {
  google::protobuf::DescriptorPool pool;
  google::protobuf::DynamicMessageFactory factory{&pool};
};

}  // namespace storegate::schema
