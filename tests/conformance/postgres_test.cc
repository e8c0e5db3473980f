// PostgreSQL joins the suite.
#include "tests/support/postgres.h"

namespace storegate::test {
namespace {

const RegisterBackend registered(Postgres());

}  // namespace
}  // namespace storegate::test
