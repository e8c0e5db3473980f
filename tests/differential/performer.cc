#include "tests/differential/performer.h"

#include <cctype>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/time.h"
#include "tests/differential/symbols.h"

namespace storegate::test {
namespace {

using schema::Entity;

constexpr int kMaxPages = 60;

// The message and all in it that are no entries of maps.
void ForEachMessage(Message* message, const std::function<void(Message*)>& visit) {
  visit(message);
  const google::protobuf::Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection->ListFields(*message, &set);
  for (const FieldDescriptor* field : set) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (!field->is_repeated()) {
      ForEachMessage(reflection->MutableMessage(message, field), visit);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      ForEachMessage(reflection->MutableRepeatedMessage(message, field, i), visit);
    }
  }
}

// Of a repeated field too.
std::vector<Value> ValuesOf(const Message& message, const FieldDescriptor* field) {
  if (!field->is_repeated()) return {GetValue(message, field)};
  std::vector<Value> values;
  const google::protobuf::Reflection* reflection = message.GetReflection();
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      values.push_back(reflection->GetRepeatedString(message, field, i));
    } else {
      values.push_back(reflection->GetRepeatedInt64(message, field, i));
    }
  }
  return values;
}

void ReplaceEach(Message* message, const FieldDescriptor* field,
                 const std::function<Value(const Value&)>& by) {
  const std::vector<Value> before = ValuesOf(*message, field);
  bool changed = false;
  std::vector<Value> after;
  for (const Value& value : before) {
    after.push_back(IsNull(value) ? value : by(value));
    changed = changed || after.back() != value;
  }
  if (!changed) return;
  message->GetReflection()->ClearField(message, field);
  for (const Value& value : after) SetValue(message, field, value);
}

// The entity whose ids a field of a record holds; null when it holds others.
const Entity* IdsOf(const schema::Field& field) {
  if (field.role == schema::Role::kId) return field.entity;
  if (!field.references || field.references->field != field.references->entity->id) return nullptr;
  return field.references->entity;
}

// As a word of its own, not as part of a longer number or of a UUID.
void ReplaceNumber(std::string* text, const std::string& number, const std::string& by) {
  auto part = [&](size_t at) {
    return at < text->size() &&
           ((*text)[at] == '-' || std::isalnum(static_cast<unsigned char>((*text)[at])) != 0);
  };
  for (size_t at = text->find(number); at != std::string::npos; at = text->find(number, at)) {
    const size_t end = at + number.size();
    if ((at > 0 && part(at - 1)) || part(end)) {
      at = end;
      continue;
    }
    text->replace(at, number.size(), by);
    at += by.size();
  }
}

void ReplaceText(std::string* text, const std::string& what, const std::string& by) {
  for (size_t at = text->find(what); at != std::string::npos; at = text->find(what, at)) {
    text->replace(at, what.size(), by);
    at += by.size();
  }
}

// Details are read: the bytes of a map come in any order.
std::string Describe(const google::rpc::Status& status) {
  std::string text = std::to_string(status.code()) + " " + status.message();
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info)) {
      text += " | " + ToLine(info);  // its map in order of key
    } else if (detail.UnpackTo(&bad)) {
      text += " | " + ToLine(bad);
    } else {
      text += " | " + ToLine(detail);
    }
  }
  return text;
}

}  // namespace

void Timeline::Begin(int label) {
  const int64_t free = spans_.empty() ? 0 : spans_.back().end + 2;
  int64_t now = NowMillis();
  for (; now < free; now = NowMillis()) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  spans_.push_back({label, now, INT64_MAX});
}

void Timeline::End() { spans_.back().end = NowMillis(); }

int Timeline::LabelAt(int64_t millis) const {
  for (const Span& span : spans_) {
    if (span.begin <= millis && millis <= span.end) return span.label;
  }
  return -1;
}

int64_t Timeline::Before(int label, int64_t otherwise) const {
  for (const Span& span : spans_) {
    if (span.label == label) return span.begin - 1;
  }
  return otherwise;
}

Performer::Performer(Gateway* gateway, const Timeline* timeline)
    : gateway_(gateway), timeline_(timeline) {
  for (const Entity& entity : gateway->schema().entities) entities_[entity.descriptor] = &entity;
}

const Entity* Performer::EntityOf(const Message& message) const {
  auto found = entities_.find(message.GetDescriptor());
  return found == entities_.end() ? nullptr : found->second;
}

Value Performer::ActualId(const Entity& entity, const Value& id) const {
  auto found = actual_ids_.find({&entity, id});
  return found == actual_ids_.end() ? Nobodys(id) : found->second;
}

std::string Performer::ActualEtag(const std::string& etag, const Row& row) const {
  if (etag != kEtagNow && etag != kEtagBefore) return etag;
  auto found = etags_of_.find(row);
  const size_t back = etag == kEtagNow ? 1 : 2;
  if (found != etags_of_.end() && found->second.size() >= back) {
    return found->second[found->second.size() - back];
  }
  // Of another row: an etag all the same.
  return etags_of_.empty() ? "" : etags_of_.begin()->second.front();
}

void Performer::TranslateRecords(Message* message) const {
  ForEachMessage(message, [&](Message* record) {
    const Entity* entity = EntityOf(*record);
    if (entity == nullptr) return;
    if (entity->etag != nullptr) {
      const std::string etag = EtagOf(*record, *entity);
      if (!etag.empty()) {
        SetValue(record, *entity->etag, ActualEtag(etag, {entity, IdOf(*record, *entity)}));
      }
    }
    for (const schema::Field& field : entity->fields) {
      const Entity* of = IdsOf(field);
      if (of == nullptr) continue;
      ReplaceEach(record, field.descriptor, [&](const Value& id) { return ActualId(*of, id); });
    }
  });
}

MessagePtr Performer::Translated(const Operation& operation) const {
  const schema::Method& method = *operation.method;
  const Entity& entity = *method.entity;
  MessagePtr request = Clone(*operation.request);
  TranslateRecords(request.get());
  auto replace = [&](const FieldDescriptor* field, const Entity& of) {
    ReplaceEach(request.get(), field, [&](const Value& id) { return ActualId(of, id); });
  };
  if (method.etag != nullptr) {
    const std::string etag =
        request->GetReflection()->GetString(*request, method.etag);
    const Row row = {&entity, GetValue(*operation.request, method.id)};
    SetValue(request.get(), method.etag, ActualEtag(etag, row));
  }
  if (method.id != nullptr) replace(method.id, entity);
  if (method.ids != nullptr) replace(method.ids, entity);
  for (const schema::Method::RequestKey& key : method.keys) {
    for (size_t i = 0; i < key.fields.size(); ++i) {
      if (const Entity* of = IdsOf(*key.key->fields[i])) replace(key.fields[i], *of);
    }
  }
  for (const schema::RequestPredicate& predicate : method.predicates) {
    const schema::Field* same = entity.Find(predicate.field->name());
    if (same != nullptr && IdsOf(*same) != nullptr) replace(predicate.field, *IdsOf(*same));
    if (IsTimestamp(predicate.field) && !predicate.field->is_repeated()) {
      ReplaceEach(request.get(), predicate.field, [&](const Value& value) -> Value {
        const int64_t millis = std::get<int64_t>(value);
        const std::optional<int> label = LabelOfTime(millis);
        return label ? timeline_->Before(*label, millis) : millis;
      });
    }
  }
  if (method.page_token != nullptr) {
    const std::optional<int> label =
        LabelOfToken(request->GetReflection()->GetString(*request, method.page_token));
    if (label) {
      auto found = tokens_.find(*label);
      SetValue(request.get(), method.page_token,
               found == tokens_.end() ? std::string() : found->second);
    }
  }
  return request;
}

void Performer::Learn(const Operation& operation, const Message& sent, const Message& response) {
  const schema::Method& method = *operation.method;
  const Entity& entity = *method.entity;
  auto given = [&](const Message& before, const Message& after, int item) {
    const Value id = IdOf(after, entity);
    if (IdOf(before, entity) == id) return;
    const Value symbol = GivenId(entity, operation.label, item);
    actual_ids_[{&entity, symbol}] = id;
    symbols_[{&entity, id}] = symbol;
  };
  if (method.operation == schema::Operation::kCreate) {
    given(sent.GetReflection()->GetMessage(sent, method.record), response, 0);
  }
  if (method.operation != schema::Operation::kBatchCreate) return;
  std::set<int64_t> failed;
  if (method.failed_requests != nullptr) {
    for (const Message* entry : Elements(response, method.failed_requests)) {
      failed.insert(std::get<int64_t>(GetValue(*entry, entry->GetDescriptor()->map_key())));
    }
  }
  const std::vector<const Message*> created = Elements(response, method.records);
  size_t next = 0;
  int64_t item = 0;
  for (const Message* request : Elements(sent, method.requests)) {
    const int64_t index = item++;
    if (failed.count(index) > 0 || next >= created.size()) continue;
    given(request->GetReflection()->GetMessage(*request, method.item_record), *created[next++],
          static_cast<int>(index));
  }
}

std::string Performer::SymbolOfEtag(const std::string& etag, const Row& row) {
  auto [found, fresh] =
      etags_.try_emplace(etag, "<etag " + std::to_string(etags_.size() + 1) + ">");
  // Only what is new: an answer may show an earlier etag of a row, and says so then.
  if (fresh) etags_of_[row].push_back(etag);
  return found->second;
}

void Performer::Symbolize(Message* record, const Entity& entity) {
  for (const schema::Field& field : entity.fields) {
    const Entity* of = IdsOf(field);
    if (of == nullptr) continue;
    ReplaceEach(record, field.descriptor, [&](const Value& id) {
      auto found = symbols_.find({of, id});
      return found == symbols_.end() ? id : found->second;
    });
  }
  for (const schema::Field* time : {entity.create_time, entity.update_time, entity.delete_time}) {
    if (time == nullptr) continue;
    ReplaceEach(record, time->descriptor, [&](const Value& value) -> Value {
      const int label = timeline_->LabelAt(std::get<int64_t>(value));
      return label < 0 ? value : Value(TimeOf(label));
    });
  }
  if (entity.etag == nullptr) return;
  const std::string etag = EtagOf(*record, entity);
  if (!etag.empty()) {
    SetValue(record, *entity.etag, SymbolOfEtag(etag, {&entity, IdOf(*record, entity)}));
  }
}

void Performer::SymbolizeRecords(Message* message) {
  ForEachMessage(message, [&](Message* record) {
    if (const Entity* entity = EntityOf(*record)) Symbolize(record, *entity);
  });
}

std::string Performer::InSymbols(std::string text) const {
  // Records of two entities may have the same number: where the text says of which, that
  // one is meant.
  for (const auto& [row, symbol] : symbols_) {
    const int64_t* number = std::get_if<int64_t>(&row.second);
    if (number == nullptr) continue;
    ReplaceNumber(&text, row.first->name + " " + std::to_string(*number),
                  row.first->name + " " + std::to_string(std::get<int64_t>(symbol)));
  }
  for (const auto& [row, symbol] : symbols_) {
    if (const int64_t* number = std::get_if<int64_t>(&row.second)) {
      ReplaceNumber(&text, std::to_string(*number), std::to_string(std::get<int64_t>(symbol)));
    } else {
      ReplaceText(&text, std::get<std::string>(row.second), std::get<std::string>(symbol));
    }
  }
  for (const auto& [etag, symbol] : etags_) ReplaceText(&text, etag, symbol);
  return text;
}

void Performer::Say(const Status& status, Answer* answer) const {
  std::string text = std::string(CodeName(status.code()));
  if (!status.ok()) text += " " + status.reason() + ": " + status.message();
  for (const auto& [key, value] : status.metadata()) text += "\n    " + key + " = " + value;
  for (const Violation& violation : status.violations()) {
    text += "\n    " + violation.field + ": " + violation.description;
  }
  answer->lines.push_back(InSymbols(text));
  answer->plain.push_back(std::move(text));
}

void Performer::Say(const schema::Method& method, Message* response, Answer* answer) {
  SymbolizeRecords(response);
  if (method.missing_ids != nullptr) {
    ReplaceEach(response, method.missing_ids, [&](const Value& id) {
      auto found = symbols_.find({method.entity, id});
      return found == symbols_.end() ? id : found->second;
    });
  }
  auto both = [&](const std::string& line) {
    answer->lines.push_back(line);
    answer->plain.push_back(line);
  };
  if (method.failed_requests != nullptr) {
    std::map<int64_t, std::string> failures;
    for (const Message* entry : Elements(*response, method.failed_requests)) {
      google::rpc::Status status;
      status.ParseFromString(
          entry->GetReflection()
              ->GetMessage(*entry, entry->GetDescriptor()->map_value())
              .SerializeAsString());
      failures[std::get<int64_t>(GetValue(*entry, entry->GetDescriptor()->map_key()))] =
          Describe(status);
    }
    for (const auto& [index, failure] : failures) {
      // The index and the code are no ids.
      const size_t code = failure.find(' ');
      const std::string start = "failed " + std::to_string(index) + ": " + failure.substr(0, code);
      answer->lines.push_back(start + InSymbols(failure.substr(code)));
      answer->plain.push_back(start + failure.substr(code));
    }
    response->GetReflection()->ClearField(response, method.failed_requests);
  }
  if (method.records != nullptr) {
    for (const Message* record : Elements(*response, method.records)) {
      both("record " + ToLine(*record));
    }
    response->GetReflection()->ClearField(response, method.records);
  }
  if (method.next_page_token != nullptr &&
      !response->GetReflection()->GetString(*response, method.next_page_token).empty()) {
    SetValue(response, method.next_page_token, std::string("<more>"));
  }
  both(ToLine(*response));
}

Answer Performer::Perform(const Operation& operation) {
  const schema::Method& method = *operation.method;
  Answer answer;
  MessagePtr request = Translated(operation);
  for (int page = 0;; ++page) {
    Reply reply = gateway_->Call(method, *request);
    Say(reply.status, &answer);
    if (!reply.ok()) break;
    Learn(operation, *request, *reply.response);
    std::string token;
    if (method.next_page_token != nullptr) {
      token = reply.response->GetReflection()->GetString(*reply.response, method.next_page_token);
      tokens_[operation.label] = token;
    }
    Say(method, reply.response.get(), &answer);
    if (!operation.to_the_end || token.empty() || page == kMaxPages) break;
    SetValue(request.get(), method.page_token, token);
    for (const FieldDescriptor* start : {method.skip, method.page}) {
      if (start != nullptr) request->GetReflection()->ClearField(request.get(), start);
    }
  }
  return answer;
}

}  // namespace storegate::test
