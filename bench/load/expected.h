// Whether a product is the one that it must be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace storegate::bench {

// Made once before the load starts; then read by all threads.
class Expected {
 public:
  // Digests every product of the catalog.
  Expected();

  // Empty when `wire` is that product, with this id, as a Get answers it.
  // Otherwise what is wrong.
  std::string Check(std::string_view wire, std::string_view id, int number) const;

  // The same for a product just created with the content of `number`: its times
  // and etag are the server's, and must be there.
  std::string CheckCreated(std::string_view wire, std::string_view id, int number) const;

 private:
  std::vector<uint64_t> contents_, stamps_;
};

}  // namespace storegate::bench
