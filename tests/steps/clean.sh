# The repository itself: nothing of the machine it was written on, no file that has outgrown its idea, nothing unsafe.

step_clean() {
  local bad=0
  # Written in pieces, so that this file does not find itself.
  local paths='/(work|root|home/[a-z]+|Users/[A-Za-z]+|tmp/t)''/'
  if git grep -nIE "(^|[^A-Za-z0-9_.}-])$paths" -- . ':!Cargo.lock' ':!fuzz/Cargo.lock'; then
    echo 'a path of one machine is in a tracked file'
    bad=1
  fi
  local file lines
  while read -r file; do
    lines=$(wc -l <"$file")
    ((lines <= 600)) || { echo "$file has $lines lines: is it still one idea?"; bad=1; }
  done < <(git ls-files '*.rs')
  local package
  for package in $(packages); do
    file=$(dirname "$(manifest "$package")")/src/lib.rs
    grep -q '^#!\[forbid(unsafe_code)\]' "$file" || { echo "$file does not forbid unsafe code"; bad=1; }
  done
  for file in LICENSE-MIT LICENSE-APACHE; do
    [[ -s $file ]] || { echo "$file is missing"; bad=1; }
  done
  grep -q 'tests/run' .ci/run || { echo '.ci/run does not call tests/run'; bad=1; }
  return "$bad"
}
