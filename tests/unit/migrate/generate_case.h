// Migrations generated over the fake dialects, and what is said of them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/migrate/generate.h"
#include "server/migrate/sql_generator.h"
#include "tests/unit/migrate/fake_dialect.h"
#include "tests/unit/migrate/schema_pair.h"

namespace storegate::migrate {

using SchemaPtr = std::unique_ptr<const schema::Schema>;

inline const FakeDialect kOnline(false), kWithTable(true);

inline const GenerateOptions kAll = {{}, true, true};

inline Result<GeneratedMigration> Make(const SchemaPtr& before, const SchemaPtr& after,
                                const GenerateOptions& options = {},
                                const Dialect& dialect = kOnline) {
  const SqlGenerator generator(dialect, "fake");
  return Generate(before.get(), *after, generator, options);
}

// The script without the comment that it begins with.
inline std::string Body(const std::string& script) {
  EXPECT_THAT(script, ::testing::StartsWith("-- Made by storegate, to\n--   "));
  const size_t blank = script.find("\n\n");
  return blank == std::string::npos ? "" : script.substr(blank + 2);
}

struct Both {
  std::string up, down;
};
inline Both Bodies(const SchemaPtr& before, const SchemaPtr& after, const GenerateOptions& options = {},
            const Dialect& dialect = kOnline) {
  const Result<GeneratedMigration> made = Make(before, after, options, dialect);
  if (!made.ok()) {
    ADD_FAILURE() << made.status().ToString();
    for (const Violation& each : made.status().violations()) ADD_FAILURE() << each.description;
    return {};
  }
  const SqlGenerator generator(dialect, "fake");
  for (const std::string& script : {made->up, made->down}) {
    const Result<Script> steps = generator.Steps("0002_x", script);
    EXPECT_TRUE(steps.ok()) << steps.status().ToString() << "\n" << script;
  }
  return {Body(made->up), Body(made->down)};
}

// "books.title: what" of each violation.
inline std::vector<std::string> Violations(const Status& status) {
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "UNSAFE_MIGRATION");
  std::vector<std::string> lines;
  for (const Violation& violation : status.violations()) {
    lines.push_back(violation.field + ": " + violation.description);
  }
  return lines;
}

}  // namespace storegate::migrate
