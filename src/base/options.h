// Flags of a subcommand, with errors that name the nearest valid flag.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

namespace posbench {

/// Parses with Boost.Program_options, without guessing at abbreviated flags. Throws UserError for
/// an unknown flag, a flag without its value and a value that does not fit.
boost::program_options::variables_map parse_options(
    const std::vector<std::string>& arguments,
    const boost::program_options::options_description& options,
    const boost::program_options::positional_options_description& positions = {});

}  // namespace posbench
