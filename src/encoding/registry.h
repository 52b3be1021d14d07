// How encodings make themselves known: each file of this room ends with one register_encoding, and
// nobody edits a list. For the files of this room; everybody else includes encoding/encoding.h.
#pragma once

#include <memory>
#include <string>

#include "encoding/encoding.h"

namespace posbench {

template <class Real>
using EncodingMaker = std::unique_ptr<Encoding<Real>> (*)(const EncodingOptions&);

struct EncodingEntry {
  EncodingAbout about;
  EncodingMaker<float> make_float;
  EncodingMaker<double> make_double;
};

bool add_encoding(EncodingEntry entry);

/// Kind is a class template over Real with a constructor from EncodingOptions.
/// Use: `const bool kRegistered = register_encoding<Learned>({.name = "learned", …});`
template <template <class> class Kind>
bool register_encoding(EncodingAbout about) {
  return add_encoding({std::move(about),
                       [](const EncodingOptions& options) -> std::unique_ptr<Encoding<float>> {
                         return std::make_unique<Kind<float>>(options);
                       },
                       [](const EncodingOptions& options) -> std::unique_ptr<Encoding<double>> {
                         return std::make_unique<Kind<double>>(options);
                       }});
}

}  // namespace posbench
