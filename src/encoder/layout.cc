#include "encoder/layout.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"

namespace posbench {
namespace {

// Appends the parts of one encoder in their order.
class Appender {
 public:
  explicit Appender(ParameterLayout& parameters) : parameters_(parameters) {}

  std::size_t matrix(const std::string& name, int rows, int columns) {
    return matrix(name, {static_cast<std::size_t>(rows), static_cast<std::size_t>(columns)});
  }
  std::size_t matrix(const std::string& name, MatrixSize size) {
    if (size.count() == 0) return parameters_.buffer_size();  // nothing is no part
    return parameters_.add(name, size.rows, size.columns, /*decays=*/true);
  }
  std::size_t vector(const std::string& name, int size) {
    return parameters_.add(name, 1, static_cast<std::size_t>(size), /*decays=*/false);
  }
  LinearOffsets linear(const std::string& name, int in, int out) {
    const std::size_t weight = matrix(name, in, out);
    return {weight, vector(name + "_bias", out)};
  }
  NormOffsets norm(const std::string& name, int size) {
    const std::size_t gamma = vector(name + ".gamma", size);
    return {gamma, vector(name + ".beta", size)};
  }

 private:
  ParameterLayout& parameters_;
};

}  // namespace

void require_possible(const EncoderShape& s) {
  const auto positive = [](const char* name, int value) {
    constexpr int kMost = 1 << 24;  // products of two of them are far from the ends of the integers
    if (value < 1 || value > kMost) {
      throw UserError(
          fmt::format("{} is {}; it must be at least 1 and at most {}", name, value, kMost));
    }
  };
  positive("vocabulary", s.vocabulary);
  positive("classes", s.classes);
  positive("hidden", s.hidden);
  positive("layers", s.layers);
  positive("heads", s.heads);
  positive("feed_forward", s.feed_forward);
  positive("max_length", s.max_length);
  if (s.hidden % s.heads != 0) {
    throw UserError(fmt::format(
        "hidden {} is not a multiple of heads {}; choose heads that divide it", s.hidden, s.heads));
  }
}

void require_window(const EncoderShape& s) {
  if (s.window < 1 || s.window > s.max_length) {
    throw UserError(
        fmt::format("window is {}; it must be at least 1 and at most max_length, {}, where a query "
                    "sees everything",
                    s.window, s.max_length));
  }
  if (s.globals < 0 || s.globals > s.max_length) {
    throw UserError(
        fmt::format("globals is {}; it must be at least 0 and at most max_length, {}, where every "
                    "row is global",
                    s.globals, s.max_length));
  }
}

EncoderLayout::EncoderLayout(const EncoderShape& shape, const EncoderSystem& system,
                             MatrixSize position_size, MatrixSize layer_position)
    : ties_output(system.ties_output && shape.classes == shape.vocabulary) {
  Appender append(parameters);
  const int d = shape.hidden, ff = shape.feed_forward;
  token = append.matrix("token", shape.vocabulary, d);
  if (system.has_segments) segment = append.matrix("segment", kSegments, d);
  position = append.matrix("position", position_size);
  if (system.embedding_norm) norm0 = append.norm("norm0", d);
  for (int i = 0; i < shape.layers; ++i) {
    const std::string at = fmt::format("layer{}.", i);
    LayerOffsets layer{};
    layer.position = append.matrix(at + "position", layer_position);
    layer.qkv = append.linear(at + "qkv", d, 3 * d);
    if (system.has_window && shape.globals > 0)
      layer.global = append.linear(at + "global", d, 3 * d);
    layer.out = append.linear(at + "out", d, d);
    layer.norm1 = append.norm(at + "norm1", d);
    layer.ff1 = append.linear(at + "ff1", d, ff);
    layer.ff2 = append.linear(at + "ff2", ff, d);
    layer.norm2 = append.norm(at + "norm2", d);
    layers.push_back(layer);
  }
  if (system.norm_first) final_norm = append.norm("final_norm", d);
  if (!ties_output) head = append.linear("head", d, shape.classes);
}

}  // namespace posbench
