// The filter parser under libFuzzer: ./dev fuzz.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/unit/query/filter_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const storegate::query::FilterTarget target;
  target.Try(std::string(reinterpret_cast<const char*>(data), size), [](const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
  });
  return 0;
}
