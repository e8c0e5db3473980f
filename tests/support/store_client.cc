#include "tests/support/store_client.h"

#include <cstdio>
#include <cstdlib>
#include <set>

#include <gtest/gtest.h>

namespace storegate::test {
namespace {

using schema::Method;
using schema::Operation;

void SetIf(Message* request, const FieldDescriptor* field, const Value& value) {
  if (field != nullptr) SetValue(request, field, value);
}

Value Int(int64_t number) { return number; }

}  // namespace

StoreClient::StoreClient(Gateway* gateway, const schema::Entity* entity)
    : gateway_(gateway), entity_(entity) {}

bool StoreClient::Has(Operation operation) const {
  return FindMethod(gateway_->schema(), *entity_, operation) != nullptr;
}

const Method& StoreClient::method(Operation operation) const {
  const Method* method = FindMethod(gateway_->schema(), *entity_, operation);
  if (method == nullptr) {
    std::fprintf(stderr, "%s has no operation %d\n", entity_->full_name.c_str(),
                 static_cast<int>(operation));
    std::abort();
  }
  return *method;
}

MessagePtr StoreClient::NewRequest(Operation operation) const {
  return MessagePtr(method(operation).request->New());
}

Reply StoreClient::Call(Operation operation, const Message& request) {
  return gateway_->Call(method(operation), request);
}

MessagePtr StoreClient::CreateRequest(const Message& record) const {
  MessagePtr request = NewRequest(Operation::kCreate);
  request->GetReflection()
      ->MutableMessage(request.get(), method(Operation::kCreate).record)
      ->CopyFrom(record);
  return request;
}

Reply StoreClient::Create(const Message& record) {
  return Call(Operation::kCreate, *CreateRequest(record));
}

Reply StoreClient::BatchCreate(const std::vector<const Message*>& records, bool allow_partial) {
  const Method& batch = method(Operation::kBatchCreate);
  MessagePtr request(batch.request->New());
  for (const Message* record : records) {
    Message* item = request->GetReflection()->AddMessage(request.get(), batch.requests);
    item->GetReflection()->MutableMessage(item, batch.item_record)->CopyFrom(*record);
  }
  if (allow_partial) SetValue(request.get(), batch.allow_partial, true);
  return gateway_->Call(batch, *request);
}

Reply StoreClient::CreateMany(const std::vector<const Message*>& records) {
  Reply reply = BatchCreate(records, !gateway_->backend().capabilities().transactions);
  if (reply.ok()) EXPECT_EQ(Records(reply, Operation::kBatchCreate).size(), records.size());
  return reply;
}

Reply StoreClient::Get(const Value& id, bool show_deleted) {
  const Method& get = method(Operation::kGet);
  return GetBy(get.keys.front(), {id}, show_deleted);
}

Reply StoreClient::GetBy(const Method::RequestKey& key, const std::vector<Value>& values,
                         bool show_deleted) {
  const Method& get = method(Operation::kGet);
  MessagePtr request(get.request->New());
  for (size_t i = 0; i < key.fields.size(); ++i) {
    SetValue(request.get(), key.fields[i], values[i]);
  }
  if (show_deleted) SetIf(request.get(), get.show_deleted, true);
  return gateway_->Call(get, *request);
}

Reply StoreClient::BatchGet(const std::vector<Value>& ids, bool show_deleted) {
  const Method& batch = method(Operation::kBatchGet);
  MessagePtr request(batch.request->New());
  for (const Value& id : ids) SetValue(request.get(), batch.ids, id);
  if (show_deleted) SetIf(request.get(), batch.show_deleted, true);
  return gateway_->Call(batch, *request);
}

Reply StoreClient::Update(const Message& record, const std::vector<std::string>& mask,
                          bool allow_missing) {
  const Method& update = method(Operation::kUpdate);
  MessagePtr request(update.request->New());
  const google::protobuf::Reflection* reflection = request->GetReflection();
  reflection->MutableMessage(request.get(), update.record)->CopyFrom(record);
  Message* paths = reflection->MutableMessage(request.get(), update.update_mask);
  for (const std::string& path : mask) {
    SetValue(paths, paths->GetDescriptor()->FindFieldByNumber(1), path);
  }
  if (allow_missing) SetIf(request.get(), update.allow_missing, true);
  return gateway_->Call(update, *request);
}

Reply StoreClient::ById(Operation operation, const Value& id, const DeleteArgs& args) {
  const Method& by_id = method(operation);
  MessagePtr request(by_id.request->New());
  SetValue(request.get(), by_id.id, id);
  if (!args.etag.empty()) SetIf(request.get(), by_id.etag, args.etag);
  if (args.allow_missing) SetIf(request.get(), by_id.allow_missing, true);
  return gateway_->Call(by_id, *request);
}

Reply StoreClient::Delete(const Value& id, const DeleteArgs& args) {
  return ById(Operation::kDelete, id, args);
}

Reply StoreClient::Undelete(const Value& id, const std::string& etag) {
  return ById(Operation::kUndelete, id, {etag, false});
}

Reply StoreClient::Purge(const Value& id, const DeleteArgs& args) {
  return ById(Operation::kPurge, id, args);
}

MessagePtr StoreClient::PageRequest(Operation operation, const ListArgs& args) const {
  const Method& list = method(operation);
  MessagePtr request(list.request->New());
  if (args.page_size != 0) SetIf(request.get(), list.page_size, Int(args.page_size));
  if (!args.page_token.empty()) SetIf(request.get(), list.page_token, args.page_token);
  if (args.skip != 0) SetIf(request.get(), list.skip, Int(args.skip));
  if (args.page != 0) SetIf(request.get(), list.page, Int(args.page));
  if (!args.order_by.empty()) SetIf(request.get(), list.order_by, args.order_by);
  if (args.show_deleted) SetIf(request.get(), list.show_deleted, true);
  if (args.include_total_size) SetIf(request.get(), list.include_total_size, true);
  if (!args.search.empty()) SetIf(request.get(), list.search, args.search);
  if (args.fill) args.fill(request.get());
  return request;
}

MessagePtr StoreClient::ListRequest(const ListArgs& args) const {
  return PageRequest(Operation::kList, args);
}

MessagePtr StoreClient::StreamRequest(const ListArgs& args) const {
  return PageRequest(Operation::kStream, args);
}

std::unique_ptr<StreamReader> StoreClient::Stream(const ListArgs& args) {
  return gateway_->Stream(method(Operation::kStream), StreamRequest(args)->SerializeAsString());
}

std::vector<MessagePtr> StoreClient::StreamAll(const ListArgs& args) {
  std::vector<MessagePtr> all;
  std::set<Value> seen;
  const std::unique_ptr<StreamReader> stream = Stream(args);
  bool more = true;
  while (const MessagePtr message = stream->Next()) {
    EXPECT_TRUE(more) << "a message follows one without a token";
    more = !StreamToken(*message).empty();
    for (const Message* record : Streamed(*message)) {
      // A read mask may leave it out.
      const Value id = IdOf(*record, *entity_);
      const bool shown = id != Value(std::string()) && id != Value(int64_t{0});
      EXPECT_TRUE(!shown || seen.insert(id).second) << "twice in one stream: " << ToText(id);
      all.push_back(Clone(*record));
    }
  }
  EXPECT_TRUE(stream->status().ok()) << stream->status().ToString();
  EXPECT_FALSE(more) << "the last message has a token";
  return all;
}

std::vector<const Message*> StoreClient::Streamed(const Message& message) const {
  return Elements(message, method(Operation::kStream).records);
}

std::string StoreClient::StreamToken(const Message& message) const {
  return message.GetReflection()->GetString(message, method(Operation::kStream).next_page_token);
}

Reply StoreClient::List(const ListArgs& args) { return Call(Operation::kList, *ListRequest(args)); }

std::vector<MessagePtr> StoreClient::ListAll(ListArgs args) {
  std::vector<MessagePtr> all;
  std::set<Value> seen;
  for (int pages = 0; pages < 100000; ++pages) {
    Reply reply = List(args);
    EXPECT_TRUE(reply.ok()) << reply.status.ToString();
    if (!reply.ok()) return all;
    for (const Message* record : Records(reply, Operation::kList)) {
      EXPECT_TRUE(seen.insert(IdOf(*record, *entity_)).second)
          << "twice in one walk: " << ToText(IdOf(*record, *entity_));
      all.push_back(Clone(*record));
    }
    args.page_token = NextPageToken(reply);
    args.skip = 0;
    if (args.page_token.empty()) return all;
  }
  ADD_FAILURE() << "the list does not end";
  return all;
}

std::vector<const Message*> StoreClient::Records(const Reply& reply, Operation operation) const {
  if (reply.response == nullptr) return {};
  return Elements(*reply.response, method(operation).records);
}

std::string StoreClient::NextPageToken(const Reply& reply) const {
  const FieldDescriptor* field = method(Operation::kList).next_page_token;
  if (reply.response == nullptr || field == nullptr) return "";
  return reply.response->GetReflection()->GetString(*reply.response, field);
}

}  // namespace storegate::test
