#include "tests/unit/migrate/fake_migrator.h"

#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

namespace storegate::migrate {

using repository::AppliedMigration;
using repository::ColumnModel;
using repository::DatabaseModel;
using repository::ReferenceModel;
using repository::Step;
using repository::TableModel;

namespace {

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::pair<std::string, std::string> Halves(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

Status Refused() { return Status(Code::kFailedPrecondition, "MIGRATION_FAILED", "It is refused."); }
Status Dead() { return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "Gone."); }

TableModel* Find(DatabaseModel* model, const std::string& name) {
  for (TableModel& table : model->tables) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

ColumnModel Column(const std::string& name, const std::string& type) {
  ColumnModel column;
  column.name = name;
  column.type = type;
  return column;
}

std::string TableText(const TableModel& table) {
  std::string text = "table " + table.name + "\n";
  for (const ColumnModel& column : table.columns) {
    text += "add " + table.name + "." + column.name + " " + column.type + "\n";
  }
  return text;
}

std::string ReferenceText(const std::string& table, const ReferenceModel& reference) {
  return "ref " + table + "." + reference.column + " " + reference.table + "." +
         reference.target + "\n";
}

}  // namespace

std::string FakeGenerator::CreateAll(const std::vector<const schema::Entity*>& database) const {
  std::string text, references;
  for (const TableModel& table : Model(database).tables) {
    text += TableText(table);
    for (const ReferenceModel& each : table.references) {
      references += ReferenceText(table.name, each);
    }
  }
  return text + references;
}

std::string FakeGenerator::Create(const schema::Entity& entity,
                                  const std::vector<const schema::Entity*>&) const {
  return TableText(*Model({&entity}).Table(entity.collection));
}

DatabaseModel FakeGenerator::Model(const std::vector<const schema::Entity*>& database) const {
  DatabaseModel model;
  for (const schema::Entity* entity : database) {
    TableModel table;
    table.name = entity->collection;
    table.entity = entity;
    for (const schema::Field* field : entity->stored) {
      ColumnModel column;
      column.name = field->column;
      column.type = field->descriptor->type_name();
      column.field = field;
      table.columns.push_back(column);
      if (!field->references) continue;
      const schema::Entity* target = field->references->entity;
      if (std::ranges::find(database, target) == database.end()) continue;
      ReferenceModel reference;
      reference.column = field->column;
      reference.table = target->collection;
      reference.target = field->references->field->column;
      table.references.push_back(reference);
    }
    model.tables.push_back(std::move(table));
  }
  return model;
}

std::string FakeGenerator::Render(const std::vector<Change>& changes, const DatabaseModel&,
                                  const RenderOptions&) const {
  std::string text;
  for (const Change& change : changes) {
    const std::string column = change.table + "." + change.name;
    switch (change.kind) {
      case Change::Kind::kAddTable: text += TableText(*change.table_after); break;
      case Change::Kind::kDropTable: text += "drop table " + change.table + "\n"; break;
      case Change::Kind::kAddColumn:
        text += "add " + column + " " + change.column_after->type + "\n";
        break;
      case Change::Kind::kDropColumn: text += "drop " + column + "\n"; break;
      case Change::Kind::kAlterColumn:
        text += "type " + column + " " + change.column_after->type + "\n";
        break;
      case Change::Kind::kAddIndex:
        text += "index " + change.table + " " + change.name + " " +
                change.index_after->definition + "\n";
        break;
      case Change::Kind::kAddReference:
        text += ReferenceText(change.table, *change.reference_after);
        break;
      case Change::Kind::kDropReference:
        text += "un" + ReferenceText(change.table, *change.reference_before);
        break;
      default: break;
    }
  }
  return text;
}

Result<Script> FakeGenerator::Steps(const std::string& file, std::string_view text) const {
  Script script;
  Step step;
  const auto end = [&](int line, Step::Kind kind) {
    if (!Words(step.script).empty() || step.kind == Step::Kind::kRefold) {
      script.steps.push_back(step);
    }
    step = Step();
    step.kind = kind;
    step.line = line;
  };
  std::istringstream in{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::vector<std::string> words = Words(line);
    if (words.empty() || words[0] == "#") continue;
    if (words[0] != "==") {
      step.script += line + "\n";
    } else if (words[1] == "transaction") {
      end(number, Step::Kind::kTransaction);
    } else if (words[1] == "no") {
      end(number, Step::Kind::kNoTransaction);
    } else if (words[1] == "repeat") {
      end(number, Step::Kind::kRepeat);
      if (words.size() > 2) step.total = words[2];
    } else if (words[1] == "refold") {
      end(number, Step::Kind::kRefold);
      std::tie(step.table, step.column) = Halves(words[2]);
      end(number, Step::Kind::kTransaction);
    } else if (words[1] == "needs") {
      script.needs = words[2] == "this" ? Script::kNeedsThis : std::stoi(words[2]);
    } else {
      return Status(Code::kInvalidArgument, "INVALID_MIGRATION", file + ": no such directive");
    }
  }
  end(number, Step::Kind::kTransaction);
  return script;
}

std::string FakeGenerator::Significant(std::string_view text) const {
  std::istringstream in{std::string(text)};
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = Words(line);
    if (words.empty() || words[0] == "#") continue;
    for (const std::string& word : words) kept += word + " ";
  }
  return kept;
}

std::vector<std::string> FakeGenerator::Parts(const schema::Entity& entity) const {
  std::vector<std::string> parts;
  for (const schema::Field* field : entity.stored) parts.push_back(field->column);
  return parts;
}

Status FakeMigrator::WithLock(const std::function<Status()>& work) {
  if (dead()) return Dead();
  if (held_by) TellWaiting(*held_by);
  if (locked_for_good) return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED", "Locked.");
  EXPECT_FALSE(locked);
  locked = true;
  const Database before = database;
  const Status status = work();
  if (transactional && !status.ok()) database = before;
  locked = false;
  at_migration = 0;
  return status;
}

Status FakeMigrator::Do(const std::function<Status()>& work) {
  EXPECT_TRUE(locked);
  if (lock_lost) return Status(Code::kFailedPrecondition, "MIGRATION_LOCK_LOST", "Lost.");
  ++calls;
  if (!dead()) return work();
  // What a transaction around all did is gone with it, and WithLock sees to that.
  if (calls == die_at && die_behind) {
    if (Status status = work(); !status.ok()) return status;
  }
  return Dead();
}

Result<std::vector<AppliedMigration>> FakeMigrator::History() {
  if (dead()) return Dead();
  std::vector<AppliedMigration> rows;
  for (const auto& [number, row] : database.history) rows.push_back(row);
  return rows;
}

Status FakeMigrator::Run(const Step& step, const AppliedMigration& row) {
  return Do([&]() -> Status {
    DatabaseModel model = database.model;
    if (Status ran = RunScript(step.script, &model); !ran.ok()) return ran;
    database.model = std::move(model);
    EXPECT_EQ(at_migration, row.number);
    log.push_back(step.script);
    database.history[row.number] = row;
    database.history[row.number].duration_millis += 5;
    return {};
  });
}

Result<int64_t> FakeMigrator::RunBatch(const Step& step) {
  int64_t changed = 0;
  Status status = Do([&]() -> Status {
    int& to_go = database.to_go[step.script];
    changed = std::min(to_go, 10);
    to_go -= static_cast<int>(changed);
    return {};
  });
  if (!status.ok()) return status;
  return changed;
}

Result<int64_t> FakeMigrator::CountTotal(const Step& step) {
  if (dead()) return Dead();
  return std::stoi(step.total);
}

Result<int64_t> FakeMigrator::Refold(const schema::Field& field, const Value& after,
                                     Value* last) {
  Status status = Do([&]() -> Status {
    ++database.refolded[field.column];
    return {};
  });
  if (!status.ok()) return status;
  if (!IsNull(after)) return int64_t{0};
  *last = int64_t{7};
  return int64_t{3};
}

Status FakeMigrator::Record(const AppliedMigration& row) {
  return Do([&]() -> Status {
    database.history[row.number] = row;
    return {};
  });
}

Status FakeMigrator::Forget(int number) {
  return Do([&]() -> Status {
    database.history.erase(number);
    return {};
  });
}

Result<DatabaseModel> FakeMigrator::Describe() {
  if (dead()) return Dead();
  DatabaseModel model = database.model;
  std::ranges::sort(model.tables, {}, &TableModel::name);
  return model;
}

Result<DatabaseModel> FakeMigrator::Rehearse(const std::vector<Step>& steps) {
  DatabaseModel model;
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::kRepeat || step.kind == Step::Kind::kRefold) continue;
    if (Status ran = RunScript(step.script, &model); !ran.ok()) return ran;
  }
  std::ranges::sort(model.tables, {}, &TableModel::name);
  return model;
}

Status FakeMigrator::KeepSchema(const std::string& descriptors) {
  return Do([&]() -> Status {
    database.kept = descriptors;
    return {};
  });
}

Result<bool> FakeMigrator::HoldsRows(const std::string& table, const std::string& column) {
  const TableModel* there = database.model.Table(table);
  if (there == nullptr || (!column.empty() && there->Column(column) == nullptr)) return false;
  return database.holds.contains(column.empty() ? table : table + "." + column);
}

Status FakeMigrator::Execute(const std::string& sql) {
  return Do([&] { return RunScript(sql, &database.model); });
}

Result<std::vector<std::string>> FakeMigrator::Parts(std::string_view table) {
  std::vector<std::string> parts;
  if (const TableModel* there = database.model.Table(table)) {
    for (const ColumnModel& column : there->columns) parts.push_back(column.name);
  }
  return parts;
}

Status FakeMigrator::RunScript(const std::string& script, DatabaseModel* model) {
  std::istringstream in(script);
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = Words(line);
    if (words.empty()) continue;
    if (words[0] == "fail") {
      if (refuses) return Refused();
      continue;
    }
    if (words[0] == "drop" && words[1] == "table") {
      std::erase_if(model->tables, [&](const TableModel& each) { return each.name == words[2]; });
      continue;
    }
    const auto [name, column] = Halves(words[1]);
    TableModel* table = Find(model, name);
    if (words[0] == "table") {
      if (table != nullptr) return Refused();
      TableModel made;
      made.name = name;
      for (size_t i = 2; i < words.size(); ++i) {
        made.columns.push_back(Column(words[i], "string"));
      }
      model->tables.push_back(std::move(made));
      continue;
    }
    if (table == nullptr) return Refused();
    const auto at = std::ranges::find(table->columns, column, &ColumnModel::name);
    const bool there = at != table->columns.end();
    if (words[0] == "add") {
      if (there) return Refused();
      table->columns.push_back(Column(column, words[2]));
    } else if (words[0] == "index") {
      if (table->Index(words[2]) != nullptr) return Refused();
      table->indexes.push_back({.name = words[2], .definition = words[3]});
    } else if (!there) {
      return Refused();
    } else if (words[0] == "drop") {
      table->columns.erase(at);
      std::erase_if(table->references, [&](const auto& each) { return each.column == column; });
    } else if (words[0] == "type") {
      at->type = words[2];
    } else if (words[0] == "rename") {
      at->name = words[2];
    } else if (words[0] == "ref" || words[0] == "unref") {
      const auto [target, key] = Halves(words[2]);
      std::erase_if(table->references, [&](const auto& each) { return each.column == column; });
      if (words[0] == "unref") continue;
      if (refuses_references || Find(model, target) == nullptr) return Refused();
      ReferenceModel reference;
      reference.column = column;
      reference.table = target;
      reference.target = key;
      table->references.push_back(reference);
    } else {
      return Refused();
    }
  }
  return {};
}

}  // namespace storegate::migrate
