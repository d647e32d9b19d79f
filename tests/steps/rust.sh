# What cargo can say about the whole workspace. Clippy and the tests share one set of features, so nothing is built twice.

step_fmt() {
  cargo fmt --all --check
}

step_clippy() {
  cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
}

step_test() {
  [[ -z $quick ]] || export POSTRIDER_NO_SERVERS=1
  # Histories of the crash matrix: every kill point against every hostile server, however many those are.
  [[ -n $quick ]] || export POSTRIDER_HISTORIES=${POSTRIDER_HISTORIES:-all}
  ! servers_ready || export POSTRIDER_REQUIRE_SERVERS=1
  # The tests of notify have it built; building it once more with other features would take a minute.
  export POSTRIDER_PROGRAM=${CARGO_TARGET_DIR:-$PWD/target}/debug/postrider
  counted cargo test --workspace --all-features --locked --no-fail-fast
}

step_docs() {
  RUSTDOCFLAGS='-D warnings' cargo doc --workspace --all-features --no-deps --locked
}

# Each crate without its default features, and with each feature alone.
step_features() {
  local package feature
  for package in $(packages); do
    echo "$package: no features"
    cargo check --quiet --locked -p "$package" --no-default-features
    for feature in $(features "$package"); do
      echo "$package: $feature"
      cargo check --quiet --locked -p "$package" --no-default-features --features "$feature"
    done
  done
  echo 'postrider-tests: as the fuzz targets use it'
  cargo check --quiet --locked -p postrider-tests --lib --no-default-features --features notify
}

# The names in the [features] section of a manifest.
features() {
  awk '/^\[/ { inside = ($0 == "[features]") } inside && /^[a-z0-9_-]+ *=/ { print $1 }' "$(manifest "$1")" | grep -vx default || true
}
