#include "server/repository/reading.h"

#include <algorithm>

namespace storegate::repository {

using schema::Field;

RowColumns ColumnsToRead(const schema::Entity& entity, const std::vector<const Field*>& mask,
                         bool with_secrets, bool found) {
  RowColumns columns;
  columns.version = mask.empty() || std::ranges::find(mask, entity.etag) != mask.end();
  for (const Field* field : mask.empty() ? entity.stored : mask) {
    const bool column = field->stored() && field->role != schema::Role::kEtag;
    if (column && (with_secrets || !field->input_only)) columns.fields.push_back(field);
  }
  columns.count = static_cast<int>(columns.fields.size()) + (columns.version ? 1 : 0);
  const auto deleted = std::ranges::find(columns.fields, entity.delete_time);
  if (deleted != columns.fields.end()) {
    columns.deleted = static_cast<int>(deleted - columns.fields.begin());
  } else if (found && entity.soft_delete()) {
    columns.hidden = entity.delete_time;
    columns.deleted = columns.count++;
  }
  // A row has at least one column.
  columns.count = std::max(columns.count, 1);
  return columns;
}

std::string RowColumns::Listed(std::string (*quote)(std::string_view)) const {
  std::string list;
  const auto add = [&list](std::string_view column) {
    list += list.empty() ? "" : ", ";
    list += column;
  };
  for (const Field* field : fields) add(quote(field->column));
  if (version) add(quote("_version"));
  if (hidden != nullptr) add(quote(hidden->column));
  return list.empty() ? "NULL" : list;
}

RowColumns ColumnsToRead(const schema::Aggregate& aggregate) {
  RowColumns columns;
  columns.version = false;
  columns.fields = aggregate.row.entity.stored;
  columns.count = static_cast<int>(columns.fields.size());
  return columns;
}

std::vector<int> IntegerSums(const schema::Aggregate& aggregate, const RowColumns& columns) {
  std::vector<int> sums;
  for (const schema::Compute& compute : aggregate.computes) {
    const bool real = compute.into->type == schema::Type::kDouble;
    if (compute.function != schema::Compute::Function::kSum || real) continue;
    const auto at = std::ranges::find(columns.fields, compute.into);
    sums.push_back(static_cast<int>(at - columns.fields.begin()));
  }
  return sums;
}

query::Order EachFirst(const Query& query) {
  query::Order order = {{query.each, false}};
  for (const query::SortKey& key : query.order) {
    if (key.field != query.each) order.push_back(key);
  }
  return order;
}

}  // namespace storegate::repository
