# Writes OUTPUT, a source file that defines src/record/version.h; touches it only when it changes.
execute_process(COMMAND git rev-parse HEAD WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
endif()
execute_process(COMMAND git status --porcelain --untracked-files=no -- src bench CMakeLists.txt cmake
                WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE changes ERROR_QUIET)
set(dirty false)
if(changes)
  set(dirty true)
endif()
set(text "#include \"record/version.h\"

namespace posbench {
const Version kVersion{\"${VERSION}\", \"${commit}\", ${dirty}, \"${COMPILER}\", \"${FLAGS}\"};
}  // namespace posbench
")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
