#pragma once
namespace litert {
enum class HwAccelerators { kNone, kCpu, kGpu, kNpu };
}  // namespace litert
