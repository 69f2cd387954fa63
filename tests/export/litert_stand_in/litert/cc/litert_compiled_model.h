#pragma once
#include <string>
#include <vector>
#include "litert/cc/litert_common.h"
#include "litert/cc/litert_environment.h"
#include "litert/cc/litert_tensor_buffer.h"
namespace litert {
class CompiledModel {
 public:
  static Expected<CompiledModel> Create(Environment& environment, const std::string& file, HwAccelerators accelerators);
  Expected<std::vector<TensorBuffer>> CreateInputBuffers() const;
  Expected<std::vector<TensorBuffer>> CreateOutputBuffers() const;
  Expected<void> Run(const std::vector<TensorBuffer>& inputs, const std::vector<TensorBuffer>& outputs) const;
};
}  // namespace litert
