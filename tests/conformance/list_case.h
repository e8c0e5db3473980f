// What the themes about lists share: expected answers from the plain evaluation
// of predicates and orders (query/evaluate.h).
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "server/query/evaluate.h"
#include "server/query/order.h"
#include "tests/conformance/store_case.h"

namespace storegate::test {

class ListCase : public StoreCase {
 protected:
  std::vector<Value> Ids(const std::vector<MessagePtr>& records) const {
    std::vector<Value> ids;
    for (const MessagePtr& record : records) ids.push_back(Id(*record));
    return ids;
  }
  std::vector<Value> Ids(const std::vector<const Message*>& records) const {
    std::vector<Value> ids;
    for (const Message* record : records) ids.push_back(Id(*record));
    return ids;
  }
  static std::set<Value> Set(const std::vector<Value>& values) {
    return {values.begin(), values.end()};
  }

  query::Order ParsedOrder(const std::string& text) const {
    Result<query::Order> order = query::ParseOrder(text, entity());
    EXPECT_TRUE(HasStatus(order.status(), Code::kOk)) << text;
    return order.ok() ? *order : query::Order();
  }

  // The ids in the order that `order_by` gives the records.
  std::vector<Value> Sorted(const std::vector<MessagePtr>& records,
                            const std::string& order_by) const {
    const query::Order order = ParsedOrder(order_by);
    std::vector<const Message*> sorted;
    for (const MessagePtr& record : records) sorted.push_back(record.get());
    std::sort(sorted.begin(), sorted.end(), [&](const Message* a, const Message* b) {
      return query::CompareRecords(order, *a, *b) < 0;
    });
    return Ids(sorted);
  }

  // Everything that a list sees now, by id.
  std::vector<MessagePtr> Everything() {
    ListArgs args;
    args.page_size = 1000;
    return store().ListAll(args);
  }

  std::vector<const schema::Field*> SortableFields() const {
    std::vector<const schema::Field*> fields;
    for (const schema::Field& field : entity().fields) {
      // Bytes have no order that all databases share.
      if (field.stored() && field.sortable() && !field.input_only &&
          field.role != schema::Role::kEtag && field.type != schema::Type::kBytes) {
        fields.push_back(&field);
      }
    }
    return fields;
  }
};

}  // namespace storegate::test
