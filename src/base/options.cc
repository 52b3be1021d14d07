#include "base/options.h"

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace po = boost::program_options;

po::variables_map parse_options(const std::vector<std::string>& arguments,
                                const po::options_description& options,
                                const po::positional_options_description& positions) {
  namespace style = po::command_line_style;
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(options)
                  .positional(positions)
                  .style(style::default_style & ~style::allow_guessing)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    std::vector<std::string> known;
    for (const auto& option : options.options()) {
      // A positional's name is no flag that anybody should type.
      const bool positional = option->description().empty();
      if (!positional) known.push_back("--" + option->long_name());
    }
    const std::string flag = error.get_option_name();
    throw UserError(unknown_word("flag", flag.substr(0, flag.find('=')), known));
  } catch (const po::too_many_positional_options_error&) {
    throw UserError("'" + arguments.back() + "' is one word too many; see --help");
  } catch (const po::error& error) {
    throw UserError(error.what());
  }
  return values;
}

}  // namespace posbench
