# Every command that README.md and CONTRIBUTING.md show is run: the lines of each ```sh block, in one shell, from the root.
# A block is skipped if the line above it says why: <!-- not run: REASON -->

step_commands() {
  local before page
  before=$(git status --porcelain)
  for page in README.md CONTRIBUTING.md; do
    [[ -f $page ]] || { left_out "$page" 'there is none'; continue; }
    run_blocks "$page"
  done
  if [[ $(git status --porcelain) != "$before" ]]; then
    echo 'a command left something behind in the repository:'
    git status --porcelain
    return 1
  fi
}

run_blocks() {
  local page=$1 number=0 line above='' block='' inside=''
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ -n $inside && $line == '```' ]]; then
      run_block "$page:$number" "$block"
      inside=''
    elif [[ -n $inside ]]; then
      block+=$line$'\n'
    elif [[ $line == '```sh' ]]; then
      if [[ $above == '<!-- not run: '*' -->' ]]; then
        echo "$page:$((number + 1)) not run: ${above:14:-4}"
      else
        inside=yes block=''
      fi
    fi
    number=$((number + 1))
    [[ -z $line ]] || above=$line
  done <"$page"
}

run_block() {
  echo "-- $1"
  sed 's/^/   $ /' <<<"${2%$'\n'}"
  timeout 900 bash -euo pipefail -c "$2" </dev/null || { echo "$1 ended with $?"; return 1; }
}
