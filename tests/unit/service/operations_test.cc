// What the suite over real databases cannot reach: references between databases,
// databases without transactions, somebody else at the worst moment.
#include <gtest/gtest.h>

#include "server/base/wire.h"
#include "tests/unit/service/harness.h"

namespace storegate::service {
namespace {

using Operations = Harness;

std::string Book(const std::string& id, const std::string& author, const std::string& more = "") {
  return "book { id: '" + id + "' title: 't' author_id: '" + author + "' " + more + " }";
}

TEST_F(Operations, ReferencesIntoAnotherDatabaseAreCheckedBeforeTheWrite) {
  Author(kA, "ada");
  Author(kB, "bob");
  EXPECT_EQ(Try("BookStore", "CreateBook", Book("1", kA, "author_slug: 'BOB'")), "OK");
  EXPECT_EQ(Try("BookStore", "CreateBook", Book("2", kC)),
            "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  EXPECT_EQ(Try("BookStore", "CreateBook", Book("2", kA, "author_slug: 'nobody'")),
            "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  EXPECT_EQ(Try("AuthorStore", "DeleteAuthor", "id: " + Q(kA)),
            "FAILED_PRECONDITION RECORD_REFERENCED");
  const Reply by_slug = Send("AuthorStore", "DeleteAuthor", "id: " + Q(kB));
  EXPECT_EQ(by_slug.status.metadata().at("referrer"), "Book.author_slug");
  EXPECT_EQ(books_.rows.size(), 1u);
}

TEST_F(Operations, ADeletedTargetIsNoTarget) {
  Author(kA, "ada");
  ASSERT_EQ(Try("BookStore", "CreateBook", Book("1", kA)), "OK");
  ASSERT_EQ(Try("BookStore", "DeleteBook", "id: '1'"), "OK");
  // The deleted book holds the author against purging, not against deleting.
  EXPECT_EQ(Try("AuthorStore", "PurgeAuthor", "id: " + Q(kA)),
            "FAILED_PRECONDITION RECORD_REFERENCED");
  ASSERT_EQ(Try("AuthorStore", "DeleteAuthor", "id: " + Q(kA)), "OK");
  EXPECT_EQ(Try("BookStore", "CreateBook", Book("2", kA)),
            "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  EXPECT_EQ(Try("BookStore", "UndeleteBook", "id: '1'"), "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  ASSERT_EQ(Try("AuthorStore", "UndeleteAuthor", "id: " + Q(kA)), "OK");
  EXPECT_EQ(Try("BookStore", "UndeleteBook", "id: '1'"), "OK");
}

TEST_F(Operations, UpdatesCheckOnlyTheReferencesThatTheMaskNames) {
  Author(kA, "ada");
  ASSERT_EQ(Try("BookStore", "CreateBook", Book("1", kA)), "OK");
  EXPECT_EQ(Try("BookStore", "UpdateBook",
                "book { id: '1' title: 'new' author_id: " + Q(kC) +
                    " } update_mask { paths: 'title' }"),
            "OK");
  EXPECT_EQ(Try("BookStore", "UpdateBook",
                "book { id: '1' author_id: " + Q(kC) + " } update_mask { paths: 'author_id' }"),
            "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  // It would be inserted, with a reference that leads nowhere.
  EXPECT_EQ(Try("BookStore", "UpdateBook",
                "book { id: '9' title: 'new' author_id: " + Q(kC) +
                    " } update_mask { paths: 'title' } allow_missing: true"),
            "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  EXPECT_EQ(Try("BookStore", "UpdateBook",
                "book { id: '9' title: 'new' author_id: " + Q(kA) +
                    " } update_mask { paths: 'title' } allow_missing: true"),
            "OK");
}

TEST_F(Operations, ABatchNamesEveryReferenceThatLeadsNowhere) {
  Author(kA, "ada");
  const std::string requests = "requests { " + Book("1", kA) + " } requests { " + Book("2", kB) +
                               " } requests { " + Book("3", kC) + " }";
  const Reply all = Send("BookStore", "BatchCreateBooks", requests);
  EXPECT_EQ(Outcome(all), "FAILED_PRECONDITION REFERENCE_NOT_FOUND");
  ASSERT_EQ(all.status.violations().size(), 2u);
  EXPECT_EQ(all.status.violations()[0].field, "requests[1].book.author_id");
  EXPECT_EQ(all.status.violations()[1].field, "requests[2].book.author_id");
  EXPECT_TRUE(books_.rows.empty());
  const Reply partial = Send("BookStore", "BatchCreateBooks", requests + " allow_partial: true");
  EXPECT_EQ(Outcome(partial), "OK");
  EXPECT_EQ(books_.rows.size(), 1u);
  const std::string text = Text(*partial.response);
  EXPECT_NE(text.find("failed_requests { key: 1"), std::string::npos) << text;
  EXPECT_NE(text.find("failed_requests { key: 2"), std::string::npos);
  EXPECT_NE(text.find("REFERENCE_NOT_FOUND"), std::string::npos);
}

TEST_F(Operations, WithoutTransactionsABatchMustBePartial) {
  database_.transactions = false;
  const std::string two =
      "requests { author { name: 'a' slug: 'a' } } "
      "requests { author { name: 'b' slug: 'b' } }";
  EXPECT_EQ(Try("AuthorStore", "BatchCreateAuthors", two),
            "UNIMPLEMENTED TRANSACTIONS_UNAVAILABLE");
  EXPECT_TRUE(database_.rows.empty());
  EXPECT_EQ(Try("AuthorStore", "BatchCreateAuthors", two + " allow_partial: true"), "OK");
  EXPECT_EQ(Try("AuthorStore", "BatchCreateAuthors", "requests { author { name: 'c' slug: 'c' } }"),
            "OK");
  EXPECT_EQ(database_.rows.size(), 3u);
  EXPECT_EQ(Try("AuthorStore", "BatchCreateAuthors", ""), "OK");
}

TEST_F(Operations, AFailedBatchNamesTheItemAndKeepsNothing) {
  Author(kA, "ada");
  const Reply reply = Send("AuthorStore", "BatchCreateAuthors",
                           "requests { author { name: 'a' slug: 'a' } } requests { author { id: " +
                               Q(kA) + " name: 'b' slug: 'b' } }");
  EXPECT_EQ(Outcome(reply), "ALREADY_EXISTS RECORD_EXISTS");
  EXPECT_EQ(reply.status.metadata().at("index"), "1");
  EXPECT_TRUE(reply.status.message().starts_with("requests[1]: ")) << reply.status.message();
  EXPECT_EQ(database_.rows.size(), 1u);
}

TEST_F(Operations, APartialBatchTellsWhyEachFailedInItsOwnPlace) {
  const Reply reply = Send("AuthorStore", "BatchCreateAuthors",
                           "allow_partial: true requests { author { name: 'a' slug: 'a' } } "
                           "requests { author { slug: 'B!' } } requests {} "
                           "requests { author { name: 'd' slug: 'd' } }");
  ASSERT_EQ(Outcome(reply), "OK");
  const std::string text = Text(*reply.response);
  EXPECT_NE(text.find("requests[1].author.name"), std::string::npos) << text;
  EXPECT_NE(text.find("requests[1].author.slug"), std::string::npos);
  EXPECT_NE(text.find("requests[2].author"), std::string::npos);
  EXPECT_LT(text.find("name: \"a\""), text.find("name: \"d\""));
  EXPECT_EQ(database_.rows.size(), 2u);
}

TEST_F(Operations, AnUpdateBelowAFieldTriesAgainWhenSomebodyIsFaster) {
  Author(kA, "ada", "links { key: 'a' value: 'x:1' }");
  int faster = 3;
  database_.before_mutation = [&](const repository::Mutation& mutation) {
    if (faster-- <= 0) return;
    MemoryRow& row = database_.rows.at({&EntityOf("Author"), mutation.id});
    auto changed = MessagePtr(row.record->New());
    changed->CopyFrom(*row.record);
    changed->MergeFrom(*MakeRecord("Author", "rating: " + std::to_string(faster)));
    row = {std::move(changed), row.version + 1};
  };
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) +
                    " links { key: 'b' value: 'x:2' } } update_mask { paths: 'links.b' }"),
            "OK");
  const std::string stored = Stored(kA);
  EXPECT_NE(stored.find("x:1"), std::string::npos) << stored;
  EXPECT_NE(stored.find("x:2"), std::string::npos) << stored;
  EXPECT_NE(stored.find("rating: 1"), std::string::npos) << stored;
  faster = 1000;
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " } update_mask { paths: 'links.b' }"),
            "ABORTED CONTENTION");
}

TEST_F(Operations, AnUpdateThatMayCreateDoesSoOnlyWhenTheRecordIsWhole) {
  const std::string missing = "author { id: " + Q(kA) + " name: 'n' ";
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor", missing + "} update_mask { paths: 'name' }"),
            "NOT_FOUND RECORD_NOT_FOUND");
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                missing + "} update_mask { paths: 'name' } allow_missing: true"),
            "INVALID_ARGUMENT INVALID_FIELD");
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                missing + "slug: 's' etag: '00000000000000ff' } update_mask { paths: 'name' } "
                          "allow_missing: true"),
            "ABORTED ETAG_MISMATCH");
  EXPECT_EQ(Stored(kA), "");
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                missing + "slug: 's' } update_mask { paths: 'name' } allow_missing: true"),
            "OK");
  EXPECT_NE(Stored(kA).find("age: 18"), std::string::npos) << Stored(kA);
  // It is there now: a part of a record is enough, and the default is no update.
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " } update_mask { paths: 'age' } allow_missing: true"),
            "OK");
  EXPECT_EQ(Stored(kA).find("age"), std::string::npos) << Stored(kA);
}

TEST_F(Operations, AnUpdateBelowAFieldMayCreateToo) {
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " name: 'n' slug: 's' links { key: 'a' value: 'x:1' } } "
                "update_mask { paths: 'links.a' } allow_missing: true"),
            "OK");
  EXPECT_NE(Stored(kA).find("x:1"), std::string::npos);
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " links { key: 'a' value: 'none' } } "
                "update_mask { paths: 'links.a' }"),
            "INVALID_ARGUMENT INVALID_FIELD");
}

TEST_F(Operations, SettingAMemberOfAOneofClearsTheOthers) {
  Author(kA, "ada", "phone: '1'");
  ASSERT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " mail: 'm' } update_mask { paths: 'mail' }"),
            "OK");
  EXPECT_EQ(Stored(kA).find("phone"), std::string::npos);
  // Clearing one that is not set leaves the one that is.
  ASSERT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " } update_mask { paths: 'phone' }"),
            "OK");
  EXPECT_NE(Stored(kA).find("mail: \"m\""), std::string::npos);
}

TEST_F(Operations, ARecordNeverGrowsPastItsLimit) {
  Stop();
  repository::Executor executor(&backend_, {}), books_executor(&books_backend_, {});
  ASSERT_TRUE(executor.Start().ok());
  Service::Routes routes;
  for (const schema::Entity& entity : Library().entities) routes[&entity] = &executor;
  Options options;
  options.max_record_bytes = 100'000;
  service_ = std::make_unique<Service>(Library(), routes, query::TokenSealer(std::string(32, 'k')),
                                       options);
  const std::string big(60'000, 'x');
  EXPECT_EQ(Try("AuthorStore", "CreateAuthor",
                "author { name: 'n' slug: 's' phone: " + Q(std::string(100'000, 'x')) + " }"),
            "INVALID_ARGUMENT RECORD_TOO_LARGE");
  Author(kA, "ada", "secret: " + Q(big));
  // Each is small enough, both together are not.
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " phone: " + Q(big) +
                    " } update_mask { paths: 'phone' }"),
            "INVALID_ARGUMENT RECORD_TOO_LARGE");
  EXPECT_EQ(Try("AuthorStore", "UpdateAuthor",
                "author { id: " + Q(kA) + " secret: 's' phone: " + Q(big) +
                    " } update_mask { paths: 'phone' paths: 'secret' }"),
            "OK");
  executor.Stop();
  service_.reset();
}

TEST_F(Operations, DeletingWhatIsNotThereIsFineWhenAllowed) {
  EXPECT_EQ(Try("AuthorStore", "DeleteAuthor", "id: " + Q(kA)), "NOT_FOUND RECORD_NOT_FOUND");
  const Reply none = Send("AuthorStore", "DeleteAuthor", "id: " + Q(kA) + " allow_missing: true");
  EXPECT_EQ(Text(*none.response), "id: \"" + std::string(kA) + "\"");
  Author(kA, "ada", "secret: 'hidden'");
  ASSERT_EQ(Try("AuthorStore", "DeleteAuthor", "id: " + Q(kA)), "OK");
  EXPECT_EQ(Try("AuthorStore", "DeleteAuthor", "id: " + Q(kA)), "NOT_FOUND RECORD_DELETED");
  const Reply again = Send("AuthorStore", "DeleteAuthor", "id: " + Q(kA) + " allow_missing: true");
  EXPECT_EQ(Outcome(again), "OK");
  EXPECT_NE(Text(*again.response).find("slug: \"ada\""), std::string::npos);
  EXPECT_EQ(Text(*again.response).find("hidden"), std::string::npos);
  EXPECT_EQ(Try("AuthorStore", "PurgeAuthor", "id: " + Q(kA)), "OK");
  EXPECT_EQ(Try("AuthorStore", "PurgeAuthor", "id: " + Q(kA) + " allow_missing: true"), "OK");
}

TEST_F(Operations, PasswordsAreVerifiedAndNeverReturned) {
  const Reply created = Send("AccountStore", "CreateAccount",
                             "account { id: 'a' email: 'Ann@Example.com' "
                             "password: 'correct horse' }");
  ASSERT_EQ(Outcome(created), "OK");
  EXPECT_EQ(Text(*created.response).find("password"), std::string::npos);
  const auto verify = [&](const std::string& email, const std::string& password) {
    return Text(*Send("AccountStore", "VerifyPassword",
                      "email: " + Q(email) + " password: " + Q(password)).response);
  };
  const std::string valid = verify("ANN@example.com", "correct horse");
  EXPECT_TRUE(valid.starts_with("valid: true account { id: \"a\" email: \"ann@example.com\""))
      << valid;
  EXPECT_EQ(valid.find("password"), std::string::npos);
  EXPECT_EQ(valid.find("argon2"), std::string::npos);
  EXPECT_EQ(verify("ann@example.com", "correct hors"), "");
  EXPECT_EQ(verify("ann@example.com", ""), "");
  EXPECT_EQ(verify("bob@example.com", "correct horse"), "");
  ASSERT_EQ(Try("AccountStore", "UpdateAccount",
                "account { id: 'a' password: 'battery staple' } update_mask { paths: 'password' }"),
            "OK");
  EXPECT_EQ(verify("ann@example.com", "correct horse"), "");
  EXPECT_NE(verify("ann@example.com", "battery staple"), "");
  // "*" leaves a password alone that the message does not hold.
  ASSERT_EQ(Try("AccountStore", "UpdateAccount",
                "account { id: 'a' email: 'ann@example.com' active: false } "
                "update_mask { paths: '*' }"),
            "OK");
  EXPECT_EQ(verify("ann@example.com", "battery staple"), "") << "inactive";
  const Reply too_long = Send("AccountStore", "VerifyPassword",
                              "email: 'ann@example.com' password: " + Q(std::string(1025, 'p')));
  EXPECT_EQ(Outcome(too_long), "INVALID_ARGUMENT INVALID_FIELD");
  EXPECT_EQ(too_long.status.message().find("ppp"), std::string::npos);
}

TEST_F(Operations, AnIntegerIdIsCountedByTheDatabaseOrGiven) {
  EXPECT_EQ(Text(*Send("NoteStore", "CreateNote", "note { text: 'a' }").response),
            "id: 1 text: \"a\"");
  EXPECT_EQ(Text(*Send("NoteStore", "CreateNote", "note { id: 77 text: 'b' }").response),
            "id: 77 text: \"b\"");
  EXPECT_EQ(Try("NoteStore", "CreateNote", "note { id: -1 }"), "INVALID_ARGUMENT INVALID_FIELD");
  EXPECT_EQ(Try("NoteStore", "GetNote", "id: 77"), "OK");
  EXPECT_EQ(Try("NoteStore", "GetNote", "id: 78"), "NOT_FOUND RECORD_NOT_FOUND");
}

TEST_F(Operations, PagesGoOnWhereTheLastOneEnded) {
  for (char c = 'a'; c < 'h'; ++c) {
    Author("01890a5d-ac96-774b-bcce-b302099a805" + std::string(1, c < 'g' ? c : '0'),
           std::string(1, c));
  }
  std::string seen, token;
  int pages = 0;
  do {
    const Reply reply = Send("AuthorStore", "ListAuthors",
                             "page_size: 3 order_by: 'slug desc' search: 'N' page_token: " +
                                 Q(token));
    ASSERT_EQ(Outcome(reply), "OK") << reply.status.ToString();
    const auto* r = reply.response->GetReflection();
    const auto* type = reply.response->GetDescriptor();
    const auto* authors = type->FindFieldByName("authors");
    for (int i = 0; i < r->FieldSize(*reply.response, authors); ++i) {
      const auto& author = r->GetRepeatedMessage(*reply.response, authors, i);
      seen += author.GetReflection()->GetString(author,
                                                author.GetDescriptor()->FindFieldByName("slug"));
    }
    token = r->GetString(*reply.response, type->FindFieldByName("next_page_token"));
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen, "gfedcba");
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(database_.counted, 0);
}

TEST_F(Operations, PageNumbersFillPageInfo) {
  for (char c = 'a'; c < 'f'; ++c) {
    Author("01890a5d-ac96-774b-bcce-b302099a805" + std::string(1, c), std::string(1, c));
  }
  const std::string second = Text(*Send("AuthorStore", "ListAuthors",
                                        "page: 3 page_size: 2").response);
  EXPECT_NE(second.find("total_size: 5 page_info { page: 3 total_pages: 3 total_size: 5 "
                        "has_previous: true }"),
            std::string::npos) << second;
  EXPECT_EQ(Text(*Send("AuthorStore", "ListAuthors", "page: 2147483647 page_size: 1000").response),
            "total_size: 5 page_info { page: 2147483647 total_pages: 1 total_size: 5 "
            "has_previous: true }");
  for (const char* wrong : {"page: 1 skip: 1", "page_token: 'x' skip: 1",
                            "page_token: 'x' page: 1"}) {
    EXPECT_EQ(Try("AuthorStore", "ListAuthors", wrong), "INVALID_ARGUMENT PAGING_CONFLICT")
        << wrong;
  }
  for (const char* wrong : {"page: -1", "skip: -1", "page_size: -1"}) {
    EXPECT_EQ(Try("AuthorStore", "ListAuthors", wrong), "INVALID_ARGUMENT INVALID_FIELD") << wrong;
  }
  EXPECT_EQ(Try("AuthorStore", "ListAuthors", "page_token: 'x'"),
            "INVALID_ARGUMENT INVALID_PAGE_TOKEN");
  EXPECT_EQ(Try("AuthorStore", "ListAuthors", "search: " + Q(std::string(1025, 'x'))),
            "INVALID_ARGUMENT INVALID_FIELD");
}

TEST_F(Operations, UnknownFieldsAreRefusedInWritesAndPassedOverInReads) {
  std::string unknown;
  wire::AppendBytes(99, "x", &unknown);
  EXPECT_EQ(Outcome(CallBytes("AuthorStore", "ListAuthors", unknown)), "OK");
  EXPECT_EQ(Outcome(CallBytes("AuthorStore", "BatchGetAuthors", unknown)), "OK");
  EXPECT_EQ(Outcome(CallBytes("AuthorStore", "GetAuthor", unknown)),
            "INVALID_ARGUMENT KEY_REQUIRED");
  for (const char* method : {"CreateAuthor", "BatchCreateAuthors", "UpdateAuthor", "DeleteAuthor",
                             "UndeleteAuthor", "PurgeAuthor"}) {
    EXPECT_EQ(Outcome(CallBytes("AuthorStore", method, unknown)), "INVALID_ARGUMENT UNKNOWN_FIELD");
  }
}

TEST_F(Operations, ACallPastItsDeadlineCostsTheDatabaseNothing) {
  const std::string request =
      Make(*MethodOf("AuthorStore", "CreateAuthor").request, "author { name: 'n' slug: 's' }")
          ->SerializeAsString();
  EXPECT_EQ(Outcome(CallBytes("AuthorStore", "CreateAuthor", request, Deadline::min())),
            "DEADLINE_EXCEEDED DEADLINE_EXCEEDED");
  EXPECT_EQ(database_.applied, 0);
}

TEST_F(Operations, LargeRequestsTakeTheSameWay) {
  const std::string text(200'000, 'x');
  EXPECT_EQ(Try("AuthorStore", "CreateAuthor", "author { name: 'n' slug: 's' phone: " + Q(text) +
                " }"), "OK");
  EXPECT_EQ(Try("AuthorStore", "GetAuthor", "id: " + Q(text)), "INVALID_ARGUMENT INVALID_FIELD");
}

}  // namespace
}  // namespace storegate::service
