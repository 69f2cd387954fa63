#pragma once
#include "litert/cc/litert_expected.h"
#define STAND_IN_JOIN_(a, b) a##b
#define STAND_IN_JOIN(a, b) STAND_IN_JOIN_(a, b)
#define LITERT_ASSIGN_OR_RETURN(declaration, expression) \
  STAND_IN_ASSIGN(STAND_IN_JOIN(expected_, __LINE__), declaration, (expression))
#define STAND_IN_ASSIGN(name, declaration, expression)       \
  auto name = expression;                                    \
  if (!name) return ::litert::Unexpected(name.Error());      \
  declaration = std::move(*name)
#define LITERT_RETURN_IF_ERROR(expression) \
  if (auto done = (expression); !done) return ::litert::Unexpected(done.Error())
