#pragma once
#include <cstddef>
#include <vector>
namespace absl {
template <typename T>
class Span {
 public:
  Span(T* data, size_t size);
};
template <typename T>
Span<T> MakeSpan(std::vector<T>& items);
template <typename T>
Span<const T> MakeConstSpan(const std::vector<T>& items);
}  // namespace absl
