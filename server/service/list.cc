// List: a page of records that match the request's predicates and search.
#include <utility>

#include "server/service/context.h"
#include "server/service/listing.h"
#include "server/service/paging.h"
#include "server/service/reflect.h"

namespace storegate::service {
namespace {

struct Listing : ListQuery {
  CallPtr call;
  Paging paging;
  bool count = false;       // total_size is asked for
  int64_t total = 0;
};

// Everything about the request that can be wrong; then the query is complete.
Status ReadRequest(Listing* listing) {
  const CallPtr& call = listing->call;
  const schema::Method& method = call->method();
  Result<Paging> paging =
      ReadPaging(method, *call->request, call->context->options.max_page_size);
  if (!paging.ok()) return paging.status();
  listing->count = paging->page > 0 || GetBool(*call->request, method.include_total_size);
  if (Status status = ReadListQuery(*call, listing); !status.ok()) return status;
  repository::Query& query = listing->query;
  query.skip = paging->skip;
  listing->paging = *std::move(paging);
  return {};
}

void SetField(Message* message, const char* name, int64_t value) {
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
  if (field != nullptr) SetInteger(message, field, value);
}

void SetPageInfo(const Listing& listing, Message* info) {
  const auto* r = info->GetReflection();
  const int64_t size = listing.paging.size, page = listing.paging.page;
  const int64_t pages = listing.total / size + (listing.total % size != 0);
  SetField(info, "page", page);
  SetField(info, "total_pages", pages);
  SetField(info, "total_size", listing.total);
  const Descriptor* type = info->GetDescriptor();
  if (const auto* next = type->FindFieldByName("has_next")) r->SetBool(info, next, page < pages);
  if (const auto* previous = type->FindFieldByName("has_previous")) {
    r->SetBool(info, previous, page > 1 && listing.total > 0);
  }
}

// The records are in the response already; what else it has is appended.
void AppendRest(const Listing& listing, Page* page) {
  const CallPtr& call = listing.call;
  const schema::Method& method = call->method();
  Message* rest = method.response->New(&call->arena);
  if (page->more && method.next_page_token != nullptr) {
    rest->GetReflection()->SetString(rest, method.next_page_token,
                                     call->context->sealer.Seal(listing.fingerprint, page->last));
  }
  if (listing.count && method.total_size != nullptr) {
    SetInteger(rest, method.total_size, listing.total);
  }
  if (listing.paging.page > 0 && method.page_info != nullptr) {
    SetPageInfo(listing, MutableMessageAt(rest, method.page_info));
  }
  rest->AppendToString(&page->rows);
}

void Run(const std::shared_ptr<Listing>& listing, repository::Session* session) {
  const CallPtr& call = listing->call;
  const size_t max_bytes = call->context->options.max_page_bytes;
  listing->query.deadline = QueryDeadline(*call);
  Result<Page> read = ReadPage(*call, listing.get(), listing->paging.size, max_bytes, session);
  if (!read.ok()) return call->Fail(QueryStatus(*call, listing->query.deadline, read.status()));
  if (listing->count) {
    Result<int64_t> total = session->Count(listing->query);
    if (!total.ok()) return call->Fail(QueryStatus(*call, listing->query.deadline, total.status()));
    listing->total = *total;
  }
  auto page = std::make_shared<Page>(*std::move(read));
  FillPage(call, listing->selection, max_bytes, page, [listing, page](const Status& status) {
    if (!status.ok()) return listing->call->Fail(status);
    AppendRest(*listing, page.get());
    listing->call->Succeed(std::move(page->rows));
  });
}

}  // namespace

void List(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/false); !status.ok()) return call->Fail(status);
  auto listing = std::make_shared<Listing>();
  listing->call = call;
  if (Status status = ReadRequest(listing.get()); !status.ok()) return call->Fail(status);
  repository::SessionTask task;
  task.lane = repository::Lane::kScan;
  task.what = call->entity().full_name + " list";
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [listing](const Status& status, repository::Session* session) {
    if (!status.ok()) return listing->call->Fail(status);
    Run(listing, session);
  };
  call->executor().Submit(std::move(task));
}

}  // namespace storegate::service
