// storegate on MongoDB 4.2 and later: a replica set, a sharded cluster, or a server on
// its own. Writes are acknowledged by a majority and journaled, reads go to the primary,
// so that a read sees every write that was acknowledged before.
//
// A change of one record is all or nothing anywhere. Several changes that are all or
// nothing need transactions, which a server on its own does not have: whether they work
// is tried when the database is opened.
#pragma once

#include <memory>

#include "server/adapters/mongodb/generator.h"
#include "server/adapters/mongodb/options.h"
#include "server/base/status.h"
#include "server/repository/backend.h"

namespace storegate::mongodb {

// Opens the database; collections are made by migrations.
//   INVALID_ARGUMENT, reason INVALID_OPTION           a URL that cannot be, or breaks a promise
//   FAILED_PRECONDITION, reason CANNOT_OPEN_DATABASE  credentials, rights, certificates
//   FAILED_PRECONDITION, reason UNSUPPORTED_DATABASE  older than MongoDB 4.2
//   UNAVAILABLE, reason DATABASE_UNAVAILABLE          no server answers
// These are for who starts the gateway, not for callers.
Result<std::unique_ptr<repository::Backend>> Open(const Options& options);

}  // namespace storegate::mongodb
