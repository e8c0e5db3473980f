// Backends that are right but for one thing: what a differential test must find.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/repository/backend.h"

namespace storegate::test {

struct Lie {
  std::string name;  // letters
  std::string what;
  std::function<std::unique_ptr<repository::Backend>(std::unique_ptr<repository::Backend>)> wrap;
};

const std::vector<Lie>& Lies();

}  // namespace storegate::test
