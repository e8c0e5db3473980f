// What is pulled of a database, read back as a schema.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/migrate/pull.h"
#include "server/query/check.h"
#include "server/schema/loader.h"

namespace storegate::test {

struct PulledSchema {
  std::unique_ptr<const schema::Schema> schema;  // null where it has mistakes
  std::vector<std::string> left_out;
};

inline PulledSchema ReadBack(const migrate::PulledDatabase& database) {
  PulledSchema pulled;
  Result<migrate::PullResult> result = migrate::WriteProtos(database, "data.v1");
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  if (!result.ok()) return pulled;
  schema::LoadResult loaded = schema::LoadEmbedded(result->files);
  if (loaded.schema != nullptr) loaded.diagnostics = query::CheckTexts(*loaded.schema);
  for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
    ADD_FAILURE() << diagnostic.ToString();
  }
  pulled.schema = std::move(loaded.schema);
  pulled.left_out = std::move(result->left_out);
  return pulled;
}

}  // namespace storegate::test
