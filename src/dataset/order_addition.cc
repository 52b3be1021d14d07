// For decoders: two numbers and their sum, digit by digit, the least significant first, so that a
// carry goes the way the text does. `digits` long each, or longer with the text on the longer sides
// (`length` counts the digits of both numbers). Tagging: each word from [=] on is asked for the
// next digit of the sum.
//
// Whoever sees only which digits there are knows, of the numbers that could be made of them, how
// often each digit is next. That is counted over all pairs of numbers where they are few; on two
// digits each it is exact and costs a moment, so chance is computed for that length.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "dataset/order.h"

namespace posbench {
namespace {

using Digits = std::vector<int>;  // the least significant first

Digits sum_of(const Digits& a, const Digits& b) {
  Digits sum;
  int carry = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    carry += a[i] + b[i];
    sum.push_back(carry % 10);
    carry /= 10;
  }
  sum.push_back(carry);
  return sum;
}

// What a blind reader sees before the next digit: how often each digit stands there, and how many
// have come behind [=].
std::string seen(const Digits& a, const Digits& b, const Digits& sum, std::size_t step) {
  std::array<char, 10> counts{};
  for (const Digits* digits : {&a, &b}) {
    for (const int digit : *digits) ++counts[static_cast<std::size_t>(digit)];
  }
  for (std::size_t i = 0; i < step; ++i) ++counts[static_cast<std::size_t>(sum[i])];
  return fmt::format("{} {}", step, std::string_view(counts.data(), counts.size()));
}

// What is seen -> the share of the most frequent next digit, over all pairs of numbers.
std::map<std::string, double> blind_shares(std::size_t digits) {
  std::map<std::string, std::array<int, 10>> next;
  const auto numbers = static_cast<int>(std::pow(10, digits));
  const auto digits_of = [&](int number) {
    Digits d(digits);
    for (int& digit : d) {
      digit = number % 10;
      number /= 10;
    }
    return d;
  };
  for (int x = 0; x < numbers; ++x) {
    for (int y = 0; y < numbers; ++y) {
      const Digits a = digits_of(x), b = digits_of(y), sum = sum_of(a, b);
      for (std::size_t step = 0; step < sum.size(); ++step) {
        ++next[seen(a, b, sum, step)][static_cast<std::size_t>(sum[step])];
      }
    }
  }
  std::map<std::string, double> shares;
  for (const auto& [what, counts] : next) {
    const int all = std::accumulate(counts.begin(), counts.end(), 0);
    shares[what] = static_cast<double>(*std::max_element(counts.begin(), counts.end())) / all;
  }
  return shares;
}

Dataset read_order_addition(const std::vector<std::filesystem::path>&,
                            const ReaderOptions& options) {
  const int length = options.get<int>("length");
  if (length != 6) {
    throw UserError(
        fmt::format("order_addition: length is {}; chance is computed for numbers of up to three "
                    "digits, so the trained length is 6",
                    length));
  }
  const auto draw = [](Random& random, int longest, LabelNumbers& labels) {
    const auto digits = static_cast<std::size_t>(std::max(2, longest / 2));
    Digits a(digits), b(digits);
    for (Digits* number : {&a, &b}) {
      for (int& digit : *number) digit = static_cast<int>(random.below(10));
    }
    Example example;
    const auto add = [&](const std::string& word, std::int32_t label) {
      example.words.push_back(word);
      example.labels.push_back(label);
    };
    for (const int digit : a) add(std::to_string(digit), kNoLabel);
    add("[+]", kNoLabel);
    for (const int digit : b) add(std::to_string(digit), kNoLabel);
    std::string before = "[=]";
    for (const int digit : sum_of(a, b)) {
      add(before, labels.number(std::to_string(digit)));
      before = std::to_string(digit);
    }
    return example;
  };
  static const std::map<std::string, double> shares[] = {blind_shares(2), blind_shares(3)};
  const auto blind = [](const Example& example) {
    const auto digits = static_cast<std::size_t>(
        std::find(example.words.begin(), example.words.end(), "[+]") - example.words.begin());
    const auto number = [&](std::size_t first) {
      Digits d;
      for (std::size_t i = 0; i < digits; ++i) d.push_back(example.words[first + i].front() - '0');
      return d;
    };
    const Digits a = number(0), b = number(digits + 1), sum = sum_of(a, b);
    BlindScore score{0, 0};
    for (std::size_t step = 0; step < sum.size(); ++step) {
      score.right += shares[digits - 2].at(seen(a, b, sum, step));
      score.asked += 1;
    }
    return score;
  };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_addition", "generated, for causal systems: two numbers and their sum, digit by digit",
     order_options()},
    read_order_addition);

}  // namespace
}  // namespace posbench
