// What can be wrong with a database's file, and who else may be using it.
#include <fstream>
#include <functional>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/adapters/library.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

namespace fs = std::filesystem;
using query::Predicate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Author(int i) {
  const std::string n = std::to_string(i);
  return "id: '" + n + "' name: 'N" + n + "' slug: 's" + n + "'";
}

class SqliteFile : public ::testing::Test {
 protected:
  std::string Path(const std::string& name = "test.db") const {
    return (directory_.path() / name).string();
  }
  Status OpenStatus(const std::string& path) {
    const auto backend = sqlite::Open({.path = path});
    return backend.ok() ? Status() : backend.status();
  }
  // Runs SQL as another program would.
  void Elsewhere(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(Path().c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_free(error);
    sqlite3_close(db);
  }
  // Runs `body` in a process of its own; what it answers is the exit status.
  int InChild(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body());
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  TempDir directory_;
};

TEST_F(SqliteFile, AFileThatIsNoDatabaseIsNamed) {
  std::ofstream(Path()) << std::string(5000, 'x');
  const Status status = OpenStatus(Path());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("NOT_A_DATABASE"));
  EXPECT_THAT(status.message(), HasSubstr("test.db"));
  // And is left as it was.
  std::ifstream in(Path());
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text, std::string(5000, 'x'));
}

TEST_F(SqliteFile, AnEmptyFileIsAnEmptyDatabase) {
  std::ofstream(Path()) << "";
  EXPECT_TRUE(OpenStatus(Path()).ok());
}

TEST_F(SqliteFile, WhatCannotBeOpenedSaysWhy) {
  EXPECT_THAT(OpenStatus(directory_.path().string()).message(), HasSubstr("is a directory"));
  EXPECT_THAT(OpenStatus(Path("none/test.db")), HasReason("CANNOT_OPEN_DATABASE"));
  EXPECT_THAT(OpenStatus(Path("none/test.db")).message(), HasSubstr("does not exist"));
  std::ofstream(Path("file")) << "x";
  EXPECT_THAT(OpenStatus(Path("file/test.db")), HasReason("CANNOT_OPEN_DATABASE"));
  EXPECT_THAT(OpenStatus("/dev/null").message(), HasSubstr("not a regular file"));
  EXPECT_THAT(OpenStatus(""), HasReason("INVALID_OPTION"));
  EXPECT_THAT(OpenStatus(std::string("a\0b", 3)), HasReason("INVALID_OPTION"));
  EXPECT_THAT(sqlite::Open({.path = Path(), .page_size = 1000}).status(),
              HasReason("INVALID_OPTION"));
}

TEST_F(SqliteFile, ANameIsNeverAUri) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_.path());
  EXPECT_TRUE(OpenStatus("file:odd?mode=memory").ok());
  fs::current_path(before);
  EXPECT_TRUE(fs::exists(Path("file:odd?mode=memory")));
}

// Permissions mean nothing to root, so a child becomes somebody else.
TEST_F(SqliteFile, AFileThatMayOnlyBeReadIsRefused) {
  OpenBackend({.path = Path()}).reset();
  fs::permissions(directory_.path(), fs::perms(0755));
  fs::permissions(Path(), fs::perms(0444));
  const int code = InChild([&] {
    if (geteuid() == 0 && setuid(65534) != 0) return 2;
    return OpenStatus(Path()).reason() == "DATABASE_READ_ONLY" ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(SqliteFile, ADamagedPageIsAStatusAndNotACrash) {
  OpenBackend({.path = Path()});
  const size_t tables = fs::file_size(Path());
  {
    const auto backend = OpenBackend({.path = Path()});
    const auto writer = Writer(*backend);
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(InsertText(*writer, test::Author(), Author(i)).ok());
    }
  }
  {
    std::fstream file(Path(), std::ios::in | std::ios::out | std::ios::binary);
    for (size_t at = tables; at < fs::file_size(Path()); at += 4096) {
      file.seekp(at);
      file << std::string(200, '\xee');
    }
  }
  const auto backend = sqlite::Open({.path = Path()});
  ASSERT_TRUE(backend.ok());
  const auto writer = Writer(**backend);
  const auto rows = Rows(*writer, All(test::Author()));
  EXPECT_EQ(rows.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(rows.status(), HasReason("NOT_A_DATABASE"));
  EXPECT_FALSE(InsertText(*writer, test::Author(), Author(1)).ok());
}

TEST_F(SqliteFile, WhenItIsFullNothingOfTheCommitIsKeptAndRoomMakesItGoOn) {
  const auto backend = OpenBackend({.path = Path(), .max_pages = 40});
  const auto writer = Writer(*backend);
  const std::string big(3000, 'b');
  int kept = 0;
  Status status;
  for (; kept < 200; ++kept) {
    auto record = Record(Note(), "id: 'n" + std::to_string(kept) + "' key: 'k" +
                                     std::to_string(kept) + "' tags: '" + big + "'");
    status = Apply(*writer, {Insert(*record)});
    if (!status.ok()) break;
  }
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_THAT(status, HasReason("STORAGE_FULL"));
  // A group of which one write fits: nothing of it is kept either.
  repository::Write writes[2];
  const auto small = Record(Note(), "id: 'small' key: 'small'");
  const auto large = Record(Note(), "id: 'large' key: 'large' tags: '" + std::string(90000, 'b') +
                                        "'");
  writes[0].mutations = {Insert(*small)};
  writes[1].mutations = {Insert(*large)};
  repository::Write* const all[] = {&writes[0], &writes[1]};
  EXPECT_THAT(writer->Apply(all), HasReason("STORAGE_FULL"));
  EXPECT_THAT(writes[0].outcomes, IsEmpty());
  EXPECT_THAT(Where(*writer, Note(), Predicate::True()), SizeIs(kept));

  for (int i = 0; i < 5; ++i) {
    const Status purged = Apply(*writer, {Change(repository::Change::kPurge, Note(),
                                                 std::string("n" + std::to_string(i)))});
    ASSERT_TRUE(purged.ok()) << purged.ToString();
  }
  EXPECT_TRUE(Apply(*writer, {Insert(*small)}).ok());
}

// As a disk that is full: what is past the limit cannot be written.
TEST_F(SqliteFile, WhenTheDiskIsFullTheSessionGoesOnAsSoonAsThereIsRoom) {
  OpenBackend({.path = Path()}).reset();
  const int code = InChild([&]() -> int {
    signal(SIGXFSZ, SIG_IGN);
    const auto backend = sqlite::Open({.path = Path()});
    const auto writer = Writer(**backend);
    const rlimit before{RLIM_INFINITY, RLIM_INFINITY};
    const rlimit full{200000, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &full);
    int kept = 0;
    Status status;
    for (; kept < 1000 && status.ok(); ++kept) {
      status = InsertText(*writer, test::Author(), Author(kept));
    }
    if (status.reason() != "STORAGE_FULL") return 1;
    setrlimit(RLIMIT_FSIZE, &before);
    if (!InsertText(*writer, test::Author(), Author(kept - 1)).ok()) return 2;
    return *writer->Count(All(test::Author())) == kept ? 0 : 3;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(SqliteFile, RowsOfAnotherProgramAreReadable) {
  const auto backend = OpenBackend({.path = Path()});
  Elsewhere("INSERT INTO authors (id, name, slug) VALUES ('a', 'Ann', 'ann');"
            "INSERT INTO books (title, author_slug, shelf) VALUES ('t', 'ann', 'A');"
            "INSERT INTO notes (id, tags, labels, key) VALUES ('n', ' [ \"x\" ] ', ' { } ', x'01')");
  const auto writer = Writer(*backend);
  EXPECT_THAT(*Rows(*writer, All(test::Author())),
              ElementsAre("id: \"a\" name: \"Ann\" slug: \"ann\""));
  EXPECT_THAT(*Rows(*writer, All(Book())),
              ElementsAre("id: 1 title: \"t\" author_slug: \"ann\" shelf: \"A\""));
  EXPECT_THAT(Where(*writer, Note(), "tags : 'x'"), ElementsAre("n"));
  EXPECT_THAT(Where(*writer, Note(), Predicate::IsSet(Note().Find("labels"))), IsEmpty());
  const auto record = Record(test::Author(), "id: 'a' name: 'Eve'");
  EXPECT_TRUE(Apply(*writer, {Update(*record, "name")}).ok());
}

TEST_F(SqliteFile, WhatCannotBeInAColumnIsAnErrorOfThatRowAlone) {
  const auto backend = OpenBackend({.path = Path()});
  Elsewhere("INSERT INTO authors (id, name, slug, create_time) VALUES ('a', 'A', 'a', 1 << 62);"
            "INSERT INTO notes (id, tags, key) VALUES ('n', 'no json', x'01');"
            "INSERT INTO authors (id, name, slug) VALUES ('b', 'B', 'b')");
  const auto writer = Writer(*backend);
  const Status status = Rows(*writer, All(test::Author())).status();
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_THAT(status, HasReason("MALFORMED_DATA"));
  EXPECT_THAT(Rows(*writer, All(Note())).status(), HasReason("MALFORMED_DATA"));
  EXPECT_EQ(Get(*writer, test::Author(), "id", {{std::string("b")}})[0].state, "living");
  // An update of it is taken back as a whole, in a group and alone.
  const auto record = Record(test::Author(), "id: 'a' name: 'X'");
  EXPECT_THAT(Apply(*writer, {Update(*record, "name")}), HasReason("MALFORMED_DATA"));
  const auto good = Record(test::Author(), "id: 'b' name: 'X'");
  repository::Write writes[2];
  std::string bytes;
  class Discard : public repository::Sink {
   public:
    void BeginRow() override {}
    bool EndRow() override { return true; }
    void Bool(const schema::Field&, bool) override {}
    void Int64(const schema::Field&, int64_t) override {}
    void Double(const schema::Field&, double) override {}
    void Text(const schema::Field&, std::string_view) override {}
    void Bytes(const schema::Field&, std::string_view) override {}
    Status Json(const schema::Field&, std::string_view) override { return {}; }
    void Wire(const schema::Field&, std::string_view) override {}
    void Version(int64_t) override {}
  } sink;
  writes[0].mutations = {Update(*record, "name")};
  writes[1].mutations = {Update(*good, "name")};
  writes[0].sink = writes[1].sink = &sink;
  repository::Write* const all[] = {&writes[0], &writes[1]};
  ASSERT_TRUE(writer->Apply(all).ok());
  EXPECT_TRUE(writes[0].failed);
  EXPECT_FALSE(writes[1].failed);
  EXPECT_THAT(Where(*writer, test::Author(), "name = 'X' AND id != 'a'"), ElementsAre("b"));
  repository::Query count = All(test::Author());
  count.where = Predicate::Equals(test::Author().Find("name"), std::string("X"));
  EXPECT_EQ(*writer->Count(count), 1);
}

TEST_F(SqliteFile, TwoProcessesWriteOneFileAndLoseNothing) {
  OpenBackend({.path = Path()}).reset();
  constexpr int kEach = 100;
  const auto insert = [&](int from) {
    const auto backend = sqlite::Open({.path = Path()});
    if (!backend.ok()) return 1;
    const auto writer = Writer(**backend);
    for (int i = from; i < from + kEach; ++i) {
      if (!InsertText(*writer, test::Author(), Author(i)).ok()) return 1;
    }
    return 0;
  };
  std::vector<pid_t> children;
  for (int child = 0; child < 3; ++child) {
    const pid_t pid = fork();
    if (pid == 0) _exit(insert(child * kEach));
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  const auto backend = sqlite::Open({.path = Path()});
  EXPECT_EQ(*Reader(**backend)->Count(All(test::Author())), 3 * kEach);
}

TEST_F(SqliteFile, ALockThatIsHeldTooLongIsUnavailableAndReadersGoOn) {
  const auto backend =
      OpenBackend({.path = Path(), .busy_timeout = std::chrono::milliseconds(50)});
  const auto writer = Writer(*backend);
  const auto reader = Reader(*backend);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(Path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const Status status = InsertText(*writer, test::Author(), Author(1));
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status, HasReason("DATABASE_BUSY"));
  EXPECT_THAT(*Rows(*reader, All(test::Author())), IsEmpty());
  sqlite3_close(other);
  EXPECT_TRUE(InsertText(*writer, test::Author(), Author(1)).ok());
  EXPECT_THAT(*Rows(*reader, All(test::Author())), SizeIs(1));
}

TEST_F(SqliteFile, AFileHasTheSettingsThatMakeAWriteDurable) {
  const auto backend = OpenBackend({.path = Path(), .page_size = 8192});
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(Path().c_str(), &db), SQLITE_OK);
  const auto setting = [&](const char* pragma) {
    std::string value;
    sqlite3_exec(
        db, pragma,
        [](void* out, int, char** columns, char**) {
          *static_cast<std::string*>(out) = columns[0];
          return 0;
        },
        &value, nullptr);
    return value;
  };
  EXPECT_EQ(setting("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(setting("PRAGMA page_size"), "8192");
  sqlite3_close(db);
}

TEST_F(SqliteFile, OneInMemoryIsSharedByItsSessionsAndByNoOtherBackend) {
  const auto one = OpenMemory();
  const auto two = OpenMemory();
  ASSERT_TRUE(InsertText(*Writer(*one), test::Author(), Author(1)).ok());
  EXPECT_THAT(*Rows(*Reader(*one), All(test::Author())), SizeIs(1));
  EXPECT_THAT(*Rows(*Reader(*two), All(test::Author())), IsEmpty());
}

TEST_F(SqliteFile, InMemoryReadersAndTheWriterTakeTurns) {
  const auto backend = OpenMemory();
  constexpr int kRows = 300;
  std::vector<std::thread> readers;
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      const auto reader = Reader(*backend);
      while (!done) {
        if (!reader->Count(All(test::Author())).ok()) ++failed;
      }
    });
  }
  const auto writer = Writer(*backend);
  for (int i = 0; i < kRows; ++i) {
    const Status status = InsertText(*writer, test::Author(), Author(i));
    if (!status.ok()) ++failed;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(*writer->Count(All(test::Author())), kRows);
}

TEST_F(SqliteFile, WhoeverKeepsASecretFirstWins) {
  const auto one = sqlite::Open({.path = Path()});
  const auto two = sqlite::Open({.path = Path()});
  const std::string secret("\0first\xff", 7);
  EXPECT_EQ(*(*one)->KeepSecret("key", secret), secret);
  EXPECT_EQ(*(*two)->KeepSecret("key", "second"), secret);
  EXPECT_EQ(*(*two)->KeepSecret("other", "third"), "third");
}

}  // namespace
}  // namespace storegate::test
