#include "server/query/order.h"

#include <algorithm>
#include <string>

#include "server/base/text.h"

namespace storegate::query {
namespace {

constexpr size_t kMaxOrderBytes = 1024;
constexpr size_t kMaxTerms = 8;
constexpr std::string_view kSpace = " \t\r\n";

Status OrderError(std::string message) {
  Status status(Code::kInvalidArgument, "INVALID_ORDER_BY", "order_by: " + message);
  status.WithViolation("order_by", std::move(message));
  return status;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Result<SortKey> ParseTerm(std::string_view term, const schema::Entity& entity) {
  if (term.empty()) return OrderError("a term is empty; write \"name, other desc\"");
  const size_t space = term.find_first_of(kSpace);
  const std::string_view name = term.substr(0, space);
  const std::string_view direction =
      space == std::string_view::npos ? std::string_view() : Trim(term.substr(space));
  const schema::Field* field = entity.Find(name);
  if (field == nullptr) {
    std::string message =
        "in " + Quoted(term) + ": " + entity.name + " has no field " + Quoted(name);
    if (name.find('.') != std::string_view::npos) {
      message += "; what is inside a field cannot be sorted by";
    }
    return OrderError(std::move(message));
  }
  const std::string what = "in " + Quoted(term) + ": " + entity.name + "." + field->name;
  if (!field->stored()) return OrderError(what + " is not stored, so it cannot be sorted by");
  if (field->input_only || field->password) {
    return OrderError(what + " is input only, so it cannot be sorted by");
  }
  // Bytes sort differently in each database.
  if (!field->sortable() || field->role == schema::Role::kEtag ||
      field->type == schema::Type::kBytes) {
    return OrderError(what + " has no order");
  }
  if (!direction.empty() && direction != "asc" && direction != "desc") {
    return OrderError("in " + Quoted(term) + ": the direction is \"asc\" or \"desc\", not " +
                      Quoted(direction));
  }
  return SortKey{field, direction == "desc"};
}

}  // namespace

Result<Order> ParseOrder(std::string_view text, const schema::Entity& entity) {
  if (Trim(text).empty()) text = entity.default_order_by;
  if (text.size() > kMaxOrderBytes) {
    return OrderError("at most " + std::to_string(kMaxOrderBytes) + " bytes, not " +
                      std::to_string(text.size()));
  }
  Order terms;
  if (!Trim(text).empty()) {
    for (size_t start = 0; start <= text.size();) {
      const size_t comma = std::min(text.find(',', start), text.size());
      if (terms.size() == kMaxTerms) {
        return OrderError("at most " + std::to_string(kMaxTerms) + " terms");
      }
      Result<SortKey> term = ParseTerm(Trim(text.substr(start, comma - start)), entity);
      if (!term.ok()) return term.status();
      for (const SortKey& other : terms) {
        if (other.field == term->field) {
          return OrderError(entity.name + "." + term->field->name + " is named twice");
        }
      }
      terms.push_back(*term);
      start = comma + 1;
    }
  }
  if (entity.id == nullptr) return terms;  // a computed row
  // Nothing behind the id can matter.
  const auto id = std::find_if(terms.begin(), terms.end(),
                               [&](const SortKey& key) { return key.field == entity.id; });
  if (id == terms.end()) {
    terms.push_back({entity.id, false});
  } else {
    terms.erase(id + 1, terms.end());
  }
  return terms;
}

}  // namespace storegate::query
