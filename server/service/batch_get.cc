// BatchGet: up to a thousand records by id, in the order asked, in one statement.
#include <map>
#include <utility>

#include "server/repository/wire_sink.h"
#include "server/base/wire_fields.h"
#include "server/service/context.h"
#include "server/service/include.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/validate.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using repository::Found;

// What is asked for: distinct ids, and for each place in the answer which.
struct Asked {
  Selection selection;
  repository::GetRequest request;
  std::vector<size_t> order;
  bool show_deleted = false;
};

Value IdAt(const Message& request, const FieldDescriptor* ids, int index) {
  if (ids->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return IntegerAt(request, ids, index);
  std::string scratch;
  return TextAt(request, ids, index, &scratch);
}

Status ReadIds(const CallPtr& call, Asked* asked) {
  const FieldDescriptor* ids = call->method().ids;
  const schema::Field& id = *call->entity().id;
  const int count = call->request->GetReflection()->FieldSize(*call->request, ids);
  std::map<Value, size_t> known;
  Violations violations;
  const Path root, list(root, ids->name());
  for (int i = 0; i < count; ++i) {
    Value value = IdAt(*call->request, ids, i);
    const Path at(list, i);
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && text->empty()) {
      violations.Add(at, "must not be empty");
      continue;
    }
    CheckKeyValue(id, at, &value, &violations);
    const auto [where, fresh] = known.emplace(value, asked->request.values.size());
    if (fresh) asked->request.values.push_back({std::move(value)});
    asked->order.push_back(where->second);
  }
  asked->request.entity = &call->entity();
  asked->request.key = &call->entity().keys[0];
  asked->show_deleted = GetBool(*call->request, call->method().show_deleted);
  return violations.ToStatus();
}

Status TooLarge() {
  Status status(Code::kResourceExhausted, reason::kResponseTooLarge,
                "these records are more than " + std::to_string(kMaxResponseBytes) +
                    " bytes, as much as one answer holds; ask for fewer");
  status.With("limit", std::to_string(kMaxResponseBytes));
  return status;
}

void AddMissing(const Value& id, const FieldDescriptor* field, Message* rest) {
  const auto* r = rest->GetReflection();
  if (const auto* text = std::get_if<std::string>(&id)) {
    r->AddString(rest, field, *text);
    return;
  }
  const int64_t number = std::get<int64_t>(id);
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64: r->AddInt64(rest, field, number); break;
    case FieldDescriptor::CPPTYPE_INT32:
      r->AddInt32(rest, field, static_cast<int32_t>(number));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      r->AddUInt32(rest, field, static_cast<uint32_t>(number));
      break;
    default: break;
  }
}

// The answer from one record a value, empty where there is none to show; each as the
// response holds it.
Status Answer(const CallPtr& call, const Asked& asked,
              const std::vector<std::string_view>& records, std::string* response) {
  const FieldDescriptor* missing = call->method().missing_ids;
  Message* rest = call->method().response->New(&call->arena);
  std::vector<bool> listed(records.size());
  for (size_t which : asked.order) {
    if (!records[which].empty()) {
      if (response->size() + records[which].size() > kMaxResponseBytes) return TooLarge();
      response->append(records[which]);
    } else if (!listed[which]) {
      listed[which] = true;
      if (missing != nullptr) AddMissing(asked.request.values[which][0], missing, rest);
    }
  }
  rest->AppendToString(response);
  return {};
}

void Finish(const CallPtr& call, const Asked& asked,
            const std::vector<std::string_view>& records) {
  std::string response;
  Status answered = Answer(call, asked, records, &response);
  answered.ok() ? call->Succeed(std::move(response)) : call->Fail(answered);
}

// Where rows are not yet what the caller wants of them.
void FillAndFinish(const CallPtr& call, const std::shared_ptr<const Asked>& asked,
                   const std::vector<std::string_view>& records, int list_field) {
  auto rows = std::make_shared<std::vector<std::string>>();
  auto places = std::make_shared<std::vector<size_t>>();
  for (size_t i = 0; i < records.size(); ++i) {
    wire::Field element;
    if (std::string_view in = records[i]; !wire::NextField(&in, &element)) continue;
    rows->emplace_back(element.content);
    places->push_back(i);
  }
  const size_t count = records.size();
  FillIncluded(call, asked->selection, rows,
               [call, asked, rows, places, count, list_field](const Status& status) {
                 if (!status.ok()) return call->Fail(status);
                 std::vector<std::string> elements(count);
                 for (size_t i = 0; i < rows->size(); ++i) {
                   wire::AppendBytes(list_field, (*rows)[i], &elements[(*places)[i]]);
                 }
                 Finish(call, *asked, {elements.begin(), elements.end()});
               });
}

}  // namespace

void BatchGet(const CallPtr& call) {
  const schema::Method& method = call->method();
  Status status = call->Parse(/*write=*/false, method.ids);
  if (!status.ok()) return call->Fail(status);
  auto asked = std::make_shared<Asked>();
  Result<Selection> selection = ReadSelection(method, *call->request);
  if (!selection.ok()) return call->Fail(selection.status());
  asked->selection = *std::move(selection);
  asked->request.fields = asked->selection.read();
  if (status = ReadIds(call, asked.get()); !status.ok()) return call->Fail(status);
  if (asked->order.empty()) return call->Succeed("");

  repository::SessionTask task;
  task.lane = repository::Lane::kPoint;
  task.what = call->entity().full_name + " batch get";
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [call, asked](const Status& status, repository::Session* session) {
    if (!status.ok()) return call->Fail(status);
    const int records_number = call->method().records->number();
    repository::WireSink sink(&call->rows, records_number);
    sink.SetEntity(&call->entity());
    // A thousand records of a megabyte must not be held only to be refused.
    sink.StopAfter(kMaxResponseBytes);
    std::vector<Found> found;
    Status got = session->Get(asked->request, &sink, &found);
    if (!got.ok()) return call->Fail(got);
    if (sink.full()) return call->Fail(TooLarge());
    std::vector<std::string_view> records(found.size());
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i].found || (found[i].deleted && !asked->show_deleted)) continue;
      records[i] = std::string_view(call->rows).substr(found[i].begin,
                                                       found[i].end - found[i].begin);
    }
    if (asked->selection.trivial()) return Finish(call, *asked, records);
    FillAndFinish(call, asked, records, records_number);
  };
  call->executor().Submit(std::move(task));
}

}  // namespace storegate::service
