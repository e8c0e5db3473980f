// SQLite joins the suite.
#include "tests/support/sqlite.h"

namespace storegate::test {
namespace {

const RegisterBackend registered(Sqlite());

}  // namespace
}  // namespace storegate::test
