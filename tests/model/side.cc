#include "tests/model/side.h"

#include <map>

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/support/expected.h"

namespace storegate::test {
namespace {

// An entry of a map<int32, google.rpc.Status>. Details are read: the bytes of their
// maps come in any order.
std::string FailureOf(const Message& entry) {
  const FieldDescriptor* value = entry.GetDescriptor()->FindFieldByNumber(2);
  google::rpc::Status status;
  status.ParseFromString(
      entry.GetReflection()->GetMessage(entry, value).SerializeAsString());
  std::string text =
      ToText(GetValue(entry, entry.GetDescriptor()->FindFieldByNumber(1))) + ": " +
      std::to_string(status.code()) + " " + status.message();
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) {
      text += "\n  " + detail.type_url() + " " + detail.value();
      continue;
    }
    text += "\n  " + info.reason();
    const std::map<std::string, std::string> sorted(info.metadata().begin(),
                                                    info.metadata().end());
    for (const auto& [key, said] : sorted) text += "\n  " + key + "=" + said;
  }
  return text;
}

}  // namespace

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
  if (method.failed_requests != nullptr) {
    std::set<std::string> failures;
    for (const Message* entry : Elements(response, method.failed_requests)) {
      failures.insert(FailureOf(*entry));
    }
    for (const std::string& failure : failures) Say(failure);
  }
  for (const FieldDescriptor* field :
       {method.records, method.next_page_token, method.failed_requests}) {
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
