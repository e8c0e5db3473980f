// Names for a schema that is pulled out of a database.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace storegate::migrate {

// "book_loans" → "BookLoan", "stories" → "Story", "news" → "News".
std::string MessageName(std::string_view table);

// "shelfMark" → "shelf_mark", "2nd line" → "f_2nd_line".
std::string FieldName(std::string_view column);

// Gives names out that differ from all before, as protobuf compares them: also as JSON
// names, which have no "_".
class NameSet {
 public:
  // The name, or it with "_2", "_3" … behind.
  std::string Take(const std::string& name);
  bool Has(const std::string& name) const;

 private:
  std::set<std::string> taken_;
};

// Whether the package is one that protos can have: names joined by dots, none that hides
// google's or storegate's.
bool IsPackage(std::string_view package);

// [A-Za-z_][A-Za-z0-9_]*, and none of what protobuf reads as something else.
bool IsEnumValue(std::string_view text);

}  // namespace storegate::migrate
