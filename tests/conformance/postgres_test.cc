// PostgreSQL joins the suite.
#include "tests/support/postgres.h"

namespace storegate::test {
namespace {

const RegisterBackend registered(PostgresEmptied());

}  // namespace
}  // namespace storegate::test
