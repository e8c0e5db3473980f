// The story of clients/story.txt: `sample HOST:PORT`.

#include <absl/status/status.h>
#include <grpcpp/grpcpp.h>

#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "gateway.h"
#include "shop/v1/category_store.grpc.pb.h"
#include "shop/v1/order_store.grpc.pb.h"
#include "shop/v1/product_store.grpc.pb.h"
#include "shop/v1/user_store.grpc.pb.h"

using namespace shop::v1;

namespace {

template <typename Stub, typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

// The response; what fails ends the story.
template <typename Stub, typename Request, typename Response>
Response Call(const std::unique_ptr<Stub>& stub, Method<Stub, Request, Response> method,
              const Request& request) {
  gateway::Context context;
  Response response;
  const grpc::Status status = ((*stub).*method)(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(status.error_message());
  return response;
}

// The error of a call that must fail.
template <typename Stub, typename Request, typename Response>
grpc::Status Fail(const std::unique_ptr<Stub>& stub, Method<Stub, Request, Response> method,
                  const Request& request) {
  gateway::Context context;
  Response response;
  grpc::Status status = ((*stub).*method)(&context, request, &response);
  if (status.ok()) throw std::runtime_error("a call succeeded that must not");
  return status;
}

// NOT_FOUND and so on; gRPC has no names for its codes, Abseil has the same codes.
std::string NameOf(grpc::StatusCode code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

// Eight lower case letters and digits.
std::string RandomTag() {
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string tag;
  while (tag.size() < 8) tag += kDigits[random() % 36];
  return tag;
}

class Story {
 public:
  explicit Story(const std::shared_ptr<grpc::Channel>& channel)
      : categories_(CategoryStore::NewStub(channel)),
        products_(ProductStore::NewStub(channel)),
        orders_(OrderStore::NewStub(channel)),
        users_(UserStore::NewStub(channel)) {}

  void Tell() {
    FillAShelf();
    ListTheShelf();
    ChangeAPrice();
    MakeMistakes();
    Order();
    LookAtOrders();
    Purge();
  }

 private:
  void FillAShelf() {
    CreateCategoryRequest create;
    create.mutable_category()->set_name("Shoes " + tag_);
    create.mutable_category()->set_slug("shoes-" + tag_);
    category_ = Call(categories_, &CategoryStore::Stub::CreateCategory, create);
    std::cout << "category: created\n";

    BatchCreateProductsRequest batch;
    const auto add = [&](const std::string& name, int64_t price_cents) {
      Product* product = batch.add_requests()->mutable_product();
      product->set_name(name);
      product->set_price_cents(price_cents);
      product->set_category_slug(category_.slug());
    };
    add("Canvas sneaker", 4999);
    add("Derby", 12900);
    add("Sandal", 2900);
    const auto made = Call(products_, &ProductStore::Stub::BatchCreateProducts, batch);
    std::cout << "products: " << made.products_size() << " created\n";
  }

  void ListTheShelf() {
    ListProductsRequest list;
    list.set_category_slug(category_.slug());
    list.set_order_by("price_cents");
    list.set_page_size(2);
    int pages = 0;
    do {
      const auto page = Call(products_, &ProductStore::Stub::ListProducts, list);
      ++pages;
      for (const Product& product : page.products()) {
        std::cout << "product: " << product.name() << " " << product.price_cents() << "\n";
        shelf_.push_back(product);
      }
      list.set_page_token(page.next_page_token());
    } while (!list.page_token().empty());
    std::cout << "pages: " << pages << "\n";

    GetCategoryRequest get;
    get.set_slug(category_.slug());
    get.mutable_include()->add_paths("product_count");
    const Category counted = Call(categories_, &CategoryStore::Stub::GetCategory, get);
    std::cout << "on the shelf: " << counted.product_count() << "\n";
  }

  void ChangeAPrice() {
    Product& sneaker = shelf_.at(1);
    const UpdateProductRequest stale = NewPrice(sneaker, 1999);
    sneaker = Call(products_, &ProductStore::Stub::UpdateProduct, NewPrice(sneaker, 3999));
    std::cout << "updated: " << sneaker.name() << " " << sneaker.price_cents() << "\n";

    // The etag is that of before: somebody else was faster.
    const grpc::Status conflict = Fail(products_, &ProductStore::Stub::UpdateProduct, stale);
    std::cout << "conflict: " << NameOf(conflict.error_code()) << " "
              << gateway::DetailsOf(conflict).reason << "\n";
    GetProductRequest get;
    get.set_id(sneaker.id());
    sneaker = Call(products_, &ProductStore::Stub::GetProduct, get);
    sneaker = Call(products_, &ProductStore::Stub::UpdateProduct, NewPrice(sneaker, 3499));
    std::cout << "updated: " << sneaker.name() << " " << sneaker.price_cents() << "\n";
  }

  static UpdateProductRequest NewPrice(const Product& product, int64_t price_cents) {
    UpdateProductRequest update;
    update.mutable_product()->set_id(product.id());
    update.mutable_product()->set_etag(product.etag());
    update.mutable_product()->set_price_cents(price_cents);
    update.mutable_update_mask()->add_paths("price_cents");
    return update;
  }

  void MakeMistakes() {
    CreateProductRequest create;
    create.mutable_product()->set_price_cents(-5);
    create.mutable_product()->set_category_slug(category_.slug());
    const grpc::Status invalid = Fail(products_, &ProductStore::Stub::CreateProduct, create);
    std::string fields;
    for (const auto& [field, description] : gateway::DetailsOf(invalid).violations) {
      fields += (fields.empty() ? "" : ", ") + field;
    }
    std::cout << "invalid: " << NameOf(invalid.error_code()) << " " << fields << "\n";

    GetProductRequest get;
    get.set_id("00000000-0000-4000-8000-000000000000");
    const grpc::Status missing = Fail(products_, &ProductStore::Stub::GetProduct, get);
    std::cout << "missing: " << NameOf(missing.error_code()) << " "
              << gateway::DetailsOf(missing).reason << "\n";
  }

  void Order() {
    CreateUserRequest create;
    create.mutable_user()->set_email("ada-" + tag_ + "@example.com");
    create.mutable_user()->set_name("Ada");
    user_ = Call(users_, &UserStore::Stub::CreateUser, create);

    CreateOrderRequest first = NewOrder(9898, shop::v1::Order::SUCCESS);
    AddItem(first, shelf_.at(1), 2);
    AddItem(first, shelf_.at(0), 1);
    first.mutable_include()->add_paths("user");
    const shop::v1::Order order = Call(orders_, &OrderStore::Stub::CreateOrder, first);
    std::cout << "order: " << order.amount_cents() << " "
              << shop::v1::Order::Status_Name(order.status()) << " of " << order.user().name()
              << ", " << order.items_size() << " items\n";
    made_.push_back(order);
    for (const auto& more :
         {NewOrder(5000, shop::v1::Order::SUCCESS), NewOrder(100, shop::v1::Order::FAILED)}) {
      made_.push_back(Call(orders_, &OrderStore::Stub::CreateOrder, more));
    }

    ListOrdersRequest list;
    list.set_user_id(user_.id());
    list.set_include_total_size(true);
    const auto all = Call(orders_, &OrderStore::Stub::ListOrders, list);
    std::cout << "orders: " << all.total_size() << "\n";
  }

  CreateOrderRequest NewOrder(int64_t amount_cents, shop::v1::Order::Status status) const {
    CreateOrderRequest create;
    create.mutable_order()->set_user_id(user_.id());
    create.mutable_order()->set_email(user_.email());
    create.mutable_order()->set_amount_cents(amount_cents);
    create.mutable_order()->set_status(status);
    return create;
  }

  static void AddItem(CreateOrderRequest& create, const Product& product, int quantity) {
    shop::v1::Order::Item* item = create.mutable_order()->add_items();
    item->set_product_id(product.id());
    item->set_name(product.name());
    item->set_quantity(quantity);
    item->set_price_cents(product.price_cents());
  }

  void LookAtOrders() {
    grpc::ClientContext context;
    StreamOrdersRequest all;
    all.set_user_id(user_.id());
    const auto stream = orders_->StreamOrders(&context, all);
    StreamOrdersResponse message;
    int streamed = 0;
    while (stream->Read(&message)) streamed += message.orders_size();
    const grpc::Status status = stream->Finish();
    if (!status.ok()) throw std::runtime_error(status.error_message());
    std::cout << "streamed: " << streamed << "\n";

    GetOrderAnalyticsRequest between;
    *between.mutable_start_time() = made_.front().create_time();
    *between.mutable_end_time() = made_.back().create_time();
    const auto sold = Call(orders_, &OrderStore::Stub::GetOrderAnalytics, between);
    int64_t total = 0, revenue_cents = 0;
    for (const auto& month : sold.months()) {
      total += month.total();
      revenue_cents += month.revenue_cents();
    }
    std::cout << "analytics: " << total << " orders, " << revenue_cents << " cents\n";
  }

  void Purge() {
    for (const auto& order : made_) {
      PurgeOrderRequest purge;
      purge.set_id(order.id());
      Call(orders_, &OrderStore::Stub::PurgeOrder, purge);
    }
    PurgeUserRequest user;
    user.set_id(user_.id());
    Call(users_, &UserStore::Stub::PurgeUser, user);
    for (const Product& product : shelf_) {
      PurgeProductRequest purge;
      purge.set_id(product.id());
      Call(products_, &ProductStore::Stub::PurgeProduct, purge);
    }
    PurgeCategoryRequest category;
    category.set_id(category_.id());
    Call(categories_, &CategoryStore::Stub::PurgeCategory, category);
    std::cout << "purged\n";
  }

  const std::unique_ptr<CategoryStore::Stub> categories_;
  const std::unique_ptr<ProductStore::Stub> products_;
  const std::unique_ptr<OrderStore::Stub> orders_;
  const std::unique_ptr<UserStore::Stub> users_;
  const std::string tag_ = RandomTag();  // makes names of this run differ from those of others

  Category category_;
  std::vector<Product> shelf_;  // by price
  User user_;
  std::vector<shop::v1::Order> made_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: sample HOST:PORT\n";
    return 2;
  }
  try {
    Story(gateway::Connect(argv[1], {CategoryStore::service_full_name(),
                                     ProductStore::service_full_name(),
                                     OrderStore::service_full_name(),
                                     UserStore::service_full_name()}))
        .Tell();
  } catch (const std::exception& error) {
    std::cerr << "sample: " << error.what() << "\n";
    return 1;
  }
}
