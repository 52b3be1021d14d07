// The errors that a user can cause and mend. Mains print `error: <message>` and exit with 2.
#pragma once

#include <stdexcept>

namespace posbench {

/// Bad input. The message names the thing, the place and the way out.
class UserError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A data set that is not on this machine. The message ends with the command that fetches it.
class MissingData : public UserError {
  using UserError::UserError;
};

/// Something that this machine cannot do at all, such as an instruction set of another CPU.
class Unavailable : public UserError {
  using UserError::UserError;
};

}  // namespace posbench
