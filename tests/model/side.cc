#include "tests/model/side.h"

#include <gtest/gtest.h>

#include "tests/support/expected.h"

namespace storegate::test {

void Side::Say(const Status& status) {
  if (status.ok()) return Say("OK");
  std::string line = std::string(CodeName(status.code())) + " " + status.reason() + ": " +
                     status.message();
  for (const auto& [key, value] : status.metadata()) line += "\n  " + key + "=" + value;
  for (const Violation& violation : status.violations()) {
    line += "\n  " + violation.field + ": " + violation.description;
  }
  Say(std::move(line));
}

void Side::SayRest(const Message& response, const schema::Method& method) {
  MessagePtr rest = Clone(response);
  for (const FieldDescriptor* field : {method.records, method.next_page_token}) {
    if (field != nullptr) rest->GetReflection()->ClearField(rest.get(), field);
  }
  Say(rest->ShortDebugString());
}

std::string Side::EtagOfChoice(const EtagChoice& choice, const Value& id) const {
  const Row* row = model.Find(id);
  switch (choice.kind) {
    case EtagChoice::Kind::kNone:
      return "";
    case EtagChoice::Kind::kCurrent:
      return row != nullptr ? EtagOf(*row->record, store.entity()) : "";
    case EtagChoice::Kind::kOld:
      return old_etags.at(choice.old);
  }
  return "";
}

void Side::Forget(const Row& row) {
  if (store.entity().etag == nullptr) return;
  old_etags.push_back(EtagOf(*row.record, store.entity()));
  if (old_etags.size() > 20) old_etags.erase(old_etags.begin());
}

void Side::Take(const Message& answered, const Message& expected, bool deleted) {
  const schema::Entity& entity = store.entity();
  EXPECT_TRUE(SameData(answered, expected, entity)) << name;
  if (entity.etag != nullptr) {
    const std::string etag = EtagOf(answered, entity);
    EXPECT_TRUE(all_etags.insert(etag).second) << name << ": an etag came again: " << etag;
  }
  if (const Row* before = model.Find(IdOf(answered, entity)); before != nullptr) Forget(*before);
  model.Put(answered, deleted);
}

std::vector<MessagePtr> Side::Walk(ListArgs args) {
  const schema::Method& list = store.method(schema::Operation::kList);
  std::vector<MessagePtr> all;
  for (int pages = 0; pages < 1000; ++pages) {
    const Reply reply = store.List(args);
    Say(reply.status);
    EXPECT_TRUE(reply.ok()) << name << ": " << reply.status.ToString();
    if (!reply.ok()) return all;
    std::string page = "page:";
    for (const Message* record : store.Records(reply, schema::Operation::kList)) {
      page += " " + ToText(IdOf(*record, store.entity()));
      all.push_back(Clone(*record));
    }
    Say(page);
    SayRest(*reply.response, list);
    args.page_token = store.NextPageToken(reply);
    args.skip = 0;
    if (args.page_token.empty()) return all;
  }
  ADD_FAILURE() << name << ": the list does not end";
  return all;
}

}  // namespace storegate::test
