# Every fuzz target is built and run for some seconds, from its seeds. Those that compare our parser with others are compiled.

step_fuzz() {
  if ! cargo fuzz --version >/dev/null 2>&1 && ! cargo install cargo-fuzz --locked --quiet; then
    left_out 'fuzzing' 'cargo-fuzz could not be installed'
    return 0
  fi
  fuzz/run all --dev --time "$fuzz_seconds" 2>&1 | tee "$notes/fuzzed"
  grep '^left out: ' "$notes/fuzzed" >>"$notes/left-out" || true
  check_peers
}

# The parsers of others are fetched for this. What differs between them and ours is looked for by `fuzz/run peers`, and not here.
check_peers() {
  local cargo=(cargo) host
  host=$(rustc -vV | sed -n 's/^host: //p')
  if cargo +nightly --version >/dev/null 2>&1; then cargo=(cargo +nightly); fi
  if ! (cd fuzz && "${cargo[@]}" fetch --target "$host") >"$notes/fetched" 2>&1; then
    tail -5 "$notes/fetched"
    left_out 'fuzz/peers' 'the parsers that it compares with could not be fetched'
    return 0
  fi
  (cd fuzz && "${cargo[@]}" check --offline --features peers --bin mail_parser --bin mailparse)
}
