// SQLite as a backend under test.
#pragma once

#include "tests/support/backend_under_test.h"

namespace storegate::test {

BackendUnderTest Sqlite();

}  // namespace storegate::test
