#pragma once
#include <initializer_list>
#include <vector>
#include "litert/cc/litert_expected.h"
namespace litert {
class Environment {
 public:
  struct Option {
    int tag;
  };
  static Expected<Environment> Create(const std::vector<Option>& options);
};
}  // namespace litert
