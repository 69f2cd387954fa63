#pragma once
#include "absl/types/span.h"
#include "litert/cc/litert_expected.h"
namespace litert {
class TensorBuffer {
 public:
  template <typename T>
  Expected<void> Write(absl::Span<const T> data);
  template <typename T>
  Expected<void> Read(absl::Span<T> data);
};
}  // namespace litert
