// What a pull makes of each table: names, types and options, before they are text.
#pragma once

#include <string>
#include <vector>

#include "server/migrate/pull.h"
#include "server/migrate/pull_names.h"

namespace storegate::migrate {

struct PlannedField {
  const PulledColumn* column = nullptr;  // null: the etag, which has none
  std::string name;
  std::string type;
  bool optional = false;
  bool repeated = false;
  // "required: true", in the order of schema.proto.
  std::vector<std::string> options;
  std::string comment;
  // Of those that follow it is a key by itself; of those that it refers to, nothing.
  bool unique = false;
  bool refers = false;

  bool Is(const std::string& option) const;
  void Add(std::string option);
  void Remove(const std::string& prefix);
};

struct PlannedEnum {
  std::string name;
  std::string zero;
  std::vector<std::string> values;
};

struct PlannedEntity {
  const PulledTable* table = nullptr;
  std::string name;            // "BookLoan"
  std::string plural;          // "BookLoans"
  std::string record;          // "book_loan"
  std::string records;         // "book_loans"
  std::vector<PlannedField> fields;  // in order of number, from 1; the id first
  std::vector<PlannedEnum> enums;
  std::vector<std::string> indexes;  // as they are written: `fields: "a" unique: ALL`
  std::vector<std::string> left_out;  // "price (numeric(10,2)): …"
  bool soft_delete = false;

  PlannedField* ByColumn(const std::string& column);
};

// In order of the tables. What is left out of all is in `left_out`, a line each.
std::vector<PlannedEntity> PlanEntities(const PulledDatabase& database,
                                        std::vector<std::string>* left_out);

}  // namespace storegate::migrate
