#include "server/migrate/change.h"

namespace storegate::migrate {
namespace {

using Kind = Change::Kind;

std::string Show(const std::string& text) { return text.empty() ? "nothing" : text; }

// "is text, not uuid", of a property that differs.
void Differs(const std::string& property, const std::string& is, const std::string& should,
             std::string* list) {
  if (is == should) return;
  *list += (list->empty() ? "" : ", ") + property + Show(is) + ", not " + Show(should);
}

std::string ColumnDrift(const ColumnModel& is, const ColumnModel& should) {
  std::string list;
  Differs("is ", is.type, should.type, &list);
  if (is.not_null != should.not_null) {
    list += (list.empty() ? "" : ", ") + std::string(is.not_null ? "cannot be null" : "can be null");
  }
  Differs("has the default ", is.default_value, should.default_value, &list);
  Differs("has the check ", is.check, should.check, &list);
  Differs("says ", is.rest, should.rest, &list);
  return list;
}

// "integer becomes bigint".
std::string ColumnChange(const ColumnModel& was, const ColumnModel& will) {
  std::string list;
  const auto becomes = [&](const std::string& property, const std::string& from,
                           const std::string& to) {
    if (from == to) return;
    list += (list.empty() ? "" : ", ") + property + Show(from) + " becomes " + Show(to);
  };
  becomes("", was.type, will.type);
  if (was.not_null != will.not_null) {
    list += (list.empty() ? "" : ", ") + std::string(will.not_null ? "never null" : "may be null");
  }
  becomes("the default ", was.default_value, will.default_value);
  becomes("the check ", was.check, will.check);
  becomes("", was.rest, will.rest);
  return list;
}

std::string Show(const IndexModel& index) {
  return (index.unique ? "unique " : "") + index.definition +
         (index.valid ? "" : " and was never finished");
}

std::string Show(const ReferenceModel& reference) {
  return reference.table + "." + reference.target +
         (reference.rest.empty() ? "" : " " + reference.rest);
}

std::string TableProperties(const TableModel& table) {
  std::string list;
  for (const std::string& constraint : table.constraints) list += constraint + ", ";
  return list + (table.suffix.empty() ? "nothing behind its columns" : table.suffix);
}

struct Named {
  std::string table, column, index, reference;
};
Named NamesOf(const Change& change, std::string_view table_word) {
  const std::string word(table_word);
  return {word + " " + change.table,
          std::string(table_word == "collection" ? "field " : "column ") + change.table + "." +
              change.name,
          "index " + change.name + " of " + change.table,
          "foreign key of " + change.table + "." + change.name};
}

}  // namespace

std::string DescribeDrift(const Change& change, std::string_view table_word) {
  const Named name = NamesOf(change, table_word);
  const std::string missing = " is missing", extra = " is there and should not be";
  switch (change.kind) {
    case Kind::kAddTable: return "the " + name.table + missing;
    case Kind::kDropTable: return "the " + name.table + extra;
    case Kind::kRenameTable:
      return "the " + name.table + " is called " + change.was;
    case Kind::kAddColumn: return "the " + name.column + missing;
    case Kind::kDropColumn: return "the " + name.column + extra;
    case Kind::kRenameColumn: return "the " + name.column + " is called " + change.was;
    case Kind::kAlterColumn:
      return "the " + name.column + " " + ColumnDrift(*change.column_before, *change.column_after);
    case Kind::kAddIndex: return change.index_before ? "" : "the " + name.index + missing;
    case Kind::kDropIndex:
      if (change.index_after == nullptr) return "the " + name.index + extra;
      return "the " + name.index + " is " + Show(*change.index_before) + ", not " +
             Show(*change.index_after);
    case Kind::kAddReference:
      return "the " + name.reference + " to " + Show(*change.reference_after) + missing;
    case Kind::kDropReference:
      return "the " + name.reference + " to " + Show(*change.reference_before) + extra;
    case Kind::kReorderColumns:
      return "the columns of the " + name.table + " are in another order";
    case Kind::kAlterTable:
      return "the " + name.table + " has " + TableProperties(*change.table_before) + ", not " +
             TableProperties(*change.table_after);
  }
  return "";
}

std::string DescribeChange(const Change& change, std::string_view table_word) {
  const Named name = NamesOf(change, table_word);
  const std::string word(table_word);
  switch (change.kind) {
    case Kind::kAddTable: return "add the " + name.table;
    case Kind::kDropTable: return "drop the " + name.table;
    case Kind::kRenameTable: return "rename the " + word + " " + change.was + " to " + change.table;
    case Kind::kAddColumn: return "add the " + name.column;
    case Kind::kDropColumn: return "drop the " + name.column;
    case Kind::kRenameColumn: {
      Change before = change;
      before.name = change.was;
      return "rename the " + NamesOf(before, table_word).column + " to " + change.name;
    }
    case Kind::kAlterColumn:
      return "change the " + name.column + ": " +
             ColumnChange(*change.column_before, *change.column_after);
    case Kind::kAddIndex:
      return std::string(change.index_before ? "make the " : "add the ") +
             (change.index_after->unique ? "unique " : "") + name.index +
             (change.index_before ? " anew" : "");
    case Kind::kDropIndex: return change.index_after ? "" : "drop the " + name.index;
    case Kind::kAddReference:
      return "add the " + name.reference + " to " + Show(*change.reference_after);
    case Kind::kDropReference:
      return "drop the " + name.reference + " to " + Show(*change.reference_before);
    case Kind::kReorderColumns: return "";
    case Kind::kAlterTable: return "change the " + name.table;
  }
  return "";
}

}  // namespace storegate::migrate
