// MethodReader, the part of List: pages, order, and fields that filter.
#include "server/schema/location.h"
#include "server/schema/method_reader.h"
#include "server/schema/names.h"
#include "storegate/v1/schema.pb.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

std::string Label(const pb::FieldDescriptor* field) {
  return field->containing_type()->name() + "." + field->name();
}

}  // namespace

bool MethodReader::HasWhere(const FieldDescriptor* field) {
  return field->options().HasExtension(v1::where);
}

// What has `where` filters, whatever its name.
const MethodReader::FieldDescriptor* MethodReader::TakeFree(Reading* request, const char* name,
                                                            const Want& want) {
  const FieldDescriptor* field = request->message->FindFieldByName(name);
  return field != nullptr && HasWhere(field) ? nullptr : Take(request, name, want);
}

void MethodReader::ReadList(Reading* request) {
  method_->page_size = TakeFree(request, "page_size", Int32());
  method_->skip = TakeFree(request, "skip", Int32());
  method_->page = TakeFree(request, "page", Int32());
  method_->include_total_size = TakeFree(request, "include_total_size", Bool());
  ReadQuery(request);
  ReadListResponse();
}

void MethodReader::ReadStream(Reading* request) {
  ReadQuery(request);
  TakeRecords(&response_);
  method_->next_page_token =
      Take(&response_, "next_page_token", String(), method_->page_token != nullptr);
  RefuseRest(response_);
}

void MethodReader::ReadQuery(Reading* request) {
  ReadPredicates(request);
  method_->page_token = TakeFree(request, "page_token", String());
  method_->filter = TakeFree(request, "filter", String());
  method_->order_by = TakeFree(request, "order_by", String());
  method_->search = TakeFree(request, "search", String());
  if (entity_.soft_delete()) method_->show_deleted = TakeFree(request, "show_deleted", Bool());
  TakeMasks(request, true);
  if (method_->search != nullptr && entity_.searchable.empty()) {
    report_(LocationOf(method_->search),
            Label(method_->search) + " has nothing to search: no field of " + entity_.name +
                " is searchable; give one `searchable: true`");
  }
  for (int i = 0; i < request->message->field_count(); ++i) {
    const FieldDescriptor* field = request->message->field(i);
    if (request->taken.count(field) == 0) ReadEquality(request, field);
  }
}

void MethodReader::ReadPredicates(Reading* request) {
  for (int i = 0; i < request->message->field_count(); ++i) {
    const FieldDescriptor* field = request->message->field(i);
    if (!HasWhere(field)) continue;
    request->taken.insert(field);
    const std::string& where = field->options().GetExtension(v1::where);
    if (where.find_first_not_of(" \t\r\n") == std::string::npos) {
      report_(LocationOf(field), Label(field) + " has an empty `where`; write a predicate, as in "
                                                "\"age >= $\"");
    } else if (field->is_map()) {
      report_(LocationOf(field), Label(field) + " is a map, which no predicate can compare with");
    }
    method_->predicates.push_back({field, where, LocationOf(field)});
  }
}

// A field without `where` that is named like one of the entity.
void MethodReader::ReadEquality(Reading* request, const FieldDescriptor* field) {
  const Field* same = entity_.Find(field->name());
  const std::string advice =
      "say what it filters with (storegate.v1.where) = \"a_field >= $\", or remove it";
  if (same == nullptr) {
    std::vector<std::string> names;
    for (const Field* stored : entity_.stored) names.push_back(stored->name);
    std::string near = DidYouMean(field->name(), names);
    report_(LocationOf(field), Label(field) + " has no meaning in " + method_->name + ": " +
                                   entity_.name + " has no field of that name" +
                                   (near.empty() ? "; " + advice : near));
    return;
  }
  auto refuse = [&](const std::string& why, const std::string& then) {
    report_(LocationOf(field), Label(field) + " has no meaning in " + method_->name + ": " +
                                   entity_.name + "." + same->name + " " + why + "; " + then);
  };
  if (same->input_only) return refuse("is input_only and cannot be filtered by", "remove it");
  if (!same->sortable()) {
    return refuse("is no single value to be equal to",
                  "say how it filters with `where`: (storegate.v1.where) = \"" + same->name +
                      " : $\"");
  }
  request->taken.insert(field);
  bool type_fits = !field->is_map() && (SameValue(field, same->value) ||
                                        SameValue(field, same->descriptor));
  if (!type_fits) {
    return refuse(std::string("is of another type"),
                  "give it the type of that field, or say what it filters with `where`");
  }
  method_->predicates.push_back({field, same->name + " = $", LocationOf(field)});
}

void MethodReader::ReadListResponse() {
  TakeRecords(&response_);
  method_->next_page_token =
      Take(&response_, "next_page_token", String(), method_->page_token != nullptr);
  method_->total_size =
      Take(&response_, "total_size", Integer(), method_->include_total_size != nullptr);
  method_->page_info = Take(&response_, "page_info", Message("storegate.v1.PageInfo"),
                            method_->page != nullptr);
  RefuseRest(response_);
}

}  // namespace storegate::schema
