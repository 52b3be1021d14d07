# Sourced by the scripts here: named phases with their wall times.
phase_times=()

# phase NAME COMMAND [ARGUMENT…]: a heading, the command, its wall time for print_phases.
phase() {
  local name=$1 start=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  "$@"
  phase_times+=("$(printf '%-28s %4d s' "$name" "$((SECONDS - start))")")
}

print_phases() {
  printf '\n=== wall time\n'
  printf '%s\n' "${phase_times[@]}"
  printf '%-28s %4d s\n' "in all" "$SECONDS"
}

# Not there is no error: every trial that needs a data set says so, and the others run.
fetch_data() {
  build/bin/posbench data fetch || echo "warning: going on without the data that is missing" >&2
}
