# `posbench_version` tells which commit and compiler made this build. The commit is read at every
# build, not at configure time, so that a record never names a stale one.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
set(version_file ${PROJECT_BINARY_DIR}/version.cc)
add_custom_target(
  posbench_commit
  COMMAND
    ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${version_file}
    -DVERSION=${PROJECT_VERSION} "-DFLAGS=${CMAKE_CXX_FLAGS_${build_type}}"
    -DCOMPILER=${CMAKE_CXX_COMPILER_ID}\ ${CMAKE_CXX_COMPILER_VERSION}
    -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
  BYPRODUCTS ${version_file}
  VERBATIM)
add_library(posbench_version STATIC ${version_file})
add_dependencies(posbench_version posbench_commit)
target_include_directories(posbench_version PRIVATE ${PROJECT_SOURCE_DIR}/src)
