// Writer: what became of new documents that were sent together.
#include <algorithm>

#include "server/adapters/mongodb/session.h"

namespace storegate::mongodb {

using repository::Mutation;

// Takes down which of them the server refused. False: it says that there are some, and
// not which.
bool Writer::NoteRefused(std::span<Item* const> items, const Answer& answer) {
  bson_iter_t at, errors;
  if (!bson_iter_init_find(&at, answer.reply.get(), "writeErrors")) return true;
  if (!BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &errors)) return false;
  bool understood = true;
  while (bson_iter_next(&errors)) {
    const uint8_t* data = nullptr;
    uint32_t length = 0;
    bson_t entry;
    bson_iter_t index;
    if (BSON_ITER_HOLDS_DOCUMENT(&errors)) bson_iter_document(&errors, &length, &data);
    const int64_t which = data != nullptr && bson_init_static(&entry, data, length) &&
                                  bson_iter_init_find(&index, &entry, "index") &&
                                  BSON_ITER_HOLDS_NUMBER(&index)
                              ? bson_iter_as_int64(&index)
                              : -1;
    if (which < 0 || which >= static_cast<int64_t>(items.size())) {
      understood = false;
      continue;
    }
    items[which]->failure = ExplainWriteError(entry);
  }
  return understood;
}

// What the server did not refuse it must have counted, or nobody knows what became of it.
// Some servers count also what they refuse.
void Writer::CheckCount(std::span<Item* const> items, const Answer& answer, bool understood) {
  bson_iter_t at;
  const bool counts = bson_iter_init_find(&at, answer.reply.get(), "n") &&
                      BSON_ITER_HOLDS_NUMBER(&at);
  const auto refused = std::ranges::count_if(
      items, [](const Item* item) { return item->failure.has_value(); });
  // In a transaction the first that is refused is the last that is tried.
  if (connection_.in_transaction() && refused > 0) return;
  if (understood && counts &&
      bson_iter_as_int64(&at) + refused >= static_cast<int64_t>(items.size())) {
    return;
  }
  const Failure unknown{Failure::What::kUnknown, WriteUnknown(), ""};
  static_cast<void>(MalformedAnswer());
  for (Item* item : items) {
    if (!item->failure) item->failure = unknown;
  }
}

// The command failed as a whole, perhaps when some of them were there already.
void Writer::LookForSome(std::span<Item* const> items, const Failure& failure) {
  const Failure unknown{Failure::What::kUnknown, WriteUnknown(), ""};
  bool seen = true;
  for (Item* item : items) {
    const Result<bool> made = seen ? Made(*item) : Result<bool>(unknown.status);
    seen = made.ok();
    if (!seen) {
      if (failure.status.code() != Code::kDeadlineExceeded) item->failure = unknown;
    } else if (*made && failure.what == Failure::What::kUnreachable) {
      // The server did not stay to see it confirmed by others.
      item->failure = unknown;
    } else if (*made) {
      item->failure.reset();
    }
  }
}

// Whether the document is there as this write would have made it.
Result<bool> Writer::Made(const Item& item) {
  Mutation made = *item.mutation;
  made.id = item.id;
  Result<State> state = ReadState(made, {});
  if (!state.ok()) return state.status();
  return state->found && state->version == made.new_version;
}

}  // namespace storegate::mongodb
