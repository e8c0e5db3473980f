// MongoDB joins the suite.
#include "tests/support/mongodb.h"

namespace storegate::test {
namespace {

const RegisterBackend registered(MongodbEmptied());

}  // namespace
}  // namespace storegate::test
