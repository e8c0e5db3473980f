// The least that a gRPC server in C++ can do with a Product: generated code and
// the callback API, which is what gRPC's documentation recommends. No database:
// GetProduct answers the product it was started with, under the id asked for.
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/message_allocator.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

#include "bench/load/catalog.h"
#include "shop/v1/product_store.grpc.pb.h"

namespace {

using shop::v1::GetProductRequest;
using shop::v1::Product;

// Hands out responses that are filled already, and takes them back as they are:
// what is left for a call is to set the id and to serialize.
class FilledProducts : public grpc::MessageAllocator<GetProductRequest, Product> {
 public:
  grpc::MessageHolder<GetProductRequest, Product>* AllocateMessages() override {
    std::lock_guard lock(mutex_);
    if (spare_.empty()) {
      all_.push_back(std::make_unique<Holder>(this));
      return all_.back().get();
    }
    Holder* holder = spare_.back();
    spare_.pop_back();
    return holder;
  }

 private:
  class Holder : public grpc::MessageHolder<GetProductRequest, Product> {
   public:
    explicit Holder(FilledProducts* owner) : owner_(owner) {
      storegate::bench::FillProduct(0, &product_);
      set_request(&request_);
      set_response(&product_);
    }
    void Release() override {
      std::lock_guard lock(owner_->mutex_);
      owner_->spare_.push_back(this);
    }

   private:
    FilledProducts* const owner_;
    GetProductRequest request_;
    Product product_;
  };

  std::mutex mutex_;
  std::vector<std::unique_ptr<Holder>> all_;
  std::vector<Holder*> spare_;
};

class Echo final : public shop::v1::ProductStore::CallbackService {
 public:
  Echo() { SetMessageAllocatorFor_GetProduct(&products_); }

  grpc::ServerUnaryReactor* GetProduct(grpc::CallbackServerContext* context,
                                       const GetProductRequest* request,
                                       Product* response) override {
    response->set_id(request->id());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  FilledProducts products_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_echo HOST:PORT\n");
    return 2;
  }
  Echo echo;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&echo);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
}
