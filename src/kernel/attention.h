#pragma once
#include <span>
#include <cstdint>
#include <cstddef>
#include "kernel/sum.h"
namespace posbench {
struct AttentionShape { std::span<const std::int32_t> offsets; std::span<const std::int32_t> lengths; int hidden; int heads; bool causal = false; };
template <class Real> struct ScoreBias { const Real* values = nullptr; long reach = 0; };
std::size_t attention_weights(const AttentionShape& shape);
std::size_t attention_scratch(const AttentionShape& shape);
#define P(S,R) void attention(const AttentionShape& shape, const S* qkv, const R* qkv_bias, const ScoreBias<R>&, R* scratch, S* weights, S* context); void attention_backward(const AttentionShape& shape, const S* qkv, const R* qkv_bias, const ScoreBias<R>&, const S* weights, const S* dcontext, R* scratch, S* dqkv, R* dqkv_bias, R* dscore_bias);
P(float,float) P(double,double) P(Bf16,float)
}
