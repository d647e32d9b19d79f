# What the steps share.

# left_out WHAT WHY: said here, and again at the end.
left_out() {
  echo "left out: $1: $2" | tee -a "$notes/left-out"
}

have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }

# counted COMMAND…: runs cargo test, keeps the counts of its result lines, hides the lines of tests that passed.
counted() {
  local said=$notes/said code=0
  "$@" 2>&1 | tee "$said" | sed -u '/^test .* \.\.\. ok$/d' || code=$?
  sed -n 's/^test result: [A-Za-z]*\. \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 \2/p' "$said" >>"$notes/counts"
  grep '^left out: ' "$said" >>"$notes/left-out" || true
  return "$code"
}

# install PACKAGE…: Debian's packages, as root. The list of packages is brought up to date once.
install() {
  if [[ $(id -u) != 0 ]] || ! have apt-get; then
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  if [[ ! -e $notes/apt-updated ]]; then
    apt-get update -qq && touch "$notes/apt-updated" || return 1
  fi
  echo "apt-get install $*"
  apt-get install -y -qq --no-install-recommends "$@" >"$notes/apt" 2>&1 || { tail -5 "$notes/apt"; return 1; }
}

# third_party ARGUMENTS…: the crates of others in a normal dependency tree, one a line.
third_party() {
  cargo tree --locked -e normal --prefix none -f '{p}' "$@" | sed 's/ (\*)$//' | grep -v ' (/' | sort -u
}

# The rooms whose code is published, and what `cargo` calls them.
packages() {
  sed -n 's/^name = "\(postrider-[a-z0-9]*\)"$/\1/p' ./*/Cargo.toml | grep -v -e postrider-tests -e postrider-fuzz
}

# manifest PACKAGE: its Cargo.toml.
manifest() { grep -l "^name = \"$1\"$" ./*/Cargo.toml; }
