# The interpreter that can render reports. `python3` on PATH may be a shim without the modules, so the
# one probe in ci/report-python decides, for CMake and for scripts alike.
set(REPORT_PYTHON "" CACHE FILEPATH "Python with matplotlib, jinja2, numpy and scipy")
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/ci/report-python "${REPORT_PYTHON}"
                OUTPUT_VARIABLE report_python OUTPUT_STRIP_TRAILING_WHITESPACE
                RESULT_VARIABLE report_python_missing ERROR_VARIABLE why)
if(report_python_missing)
  message(WARNING "${why}")
endif()
