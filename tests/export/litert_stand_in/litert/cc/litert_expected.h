#pragma once
#include <string>
#include <utility>
namespace litert {
class Error {
 public:
  const std::string& Message() const;
};
class Unexpected {
 public:
  explicit Unexpected(Error error);
};
template <typename T>
class Expected {
 public:
  Expected(T value);
  Expected(Unexpected error);
  explicit operator bool() const;
  T& operator*();
  litert::Error Error() const;
};
template <>
class Expected<void> {
 public:
  Expected();
  Expected(Unexpected error);
  explicit operator bool() const;
  litert::Error Error() const;
};
}  // namespace litert
