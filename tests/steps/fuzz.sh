# Every fuzz target is built and run for some seconds, from its seeds.

step_fuzz() {
  if ! cargo fuzz --version >/dev/null 2>&1 && ! cargo install cargo-fuzz --locked --quiet; then
    left_out 'fuzzing' 'cargo-fuzz could not be installed'
    return 0
  fi
  fuzz/run all --dev --time "$fuzz_seconds" 2>&1 | tee "$notes/fuzzed"
  grep '^left out: ' "$notes/fuzzed" >>"$notes/left-out" || true
}
