# Reads the catalogue, one JSON object a line, and from `said` what the tests said: their names, and the id of each entry before it is played.

function value(key,    at, rest) {
  at = index($0, "\"" key "\": \"")
  if (!at) return "-"
  rest = substr($0, at + length(key) + 5)
  return substr(rest, 1, index(rest, "\"") - 1)
}

{ ids[++count] = value("id"); component[count] = value("component"); kind[count] = value("kind"); known[ids[count]] = 1 }

END {
  last = ""
  while ((getline line < said) > 0) {
    # A test begins; what it says first stands behind its name. It has named no entry yet.
    if (sub(/^test [^ ]+ (- should panic )?\.\.\. /, "", line)) last = ""
    word = line
    gsub(/"/, "", word)
    sub(/[: ].*/, "", word)
    if (word in known) { seen[word] = 1; last = word }
    else if (line ~ /panicked at/ && last != "") failed[last] = 1
    else if (line ~ /panicked at/) strays++
    else if (line ~ /^(== |error)/) last = ""
    if (line ~ /^error/) broken = 1
  }
  printf "%-44s %-9s %-9s %s\n", "entry", "component", "kind", "result"
  for (i = 1; i <= count; i++) {
    id = ids[i]
    verdict = failed[id] ? "FAILED" : seen[id] ? "safe" : "NOT CHECKED"
    printf "%-44s %-9s %-9s %s\n", id, component[i], kind[i], verdict
    all[component[i]]++
    if (verdict == "safe") { safe[component[i]]++; good++ }
  }
  split("mime smtp pop3 notify", names, " ")
  for (i = 1; i <= 4; i++) printf "%-9s %3d of %3d safe\n", names[i], safe[names[i]], all[names[i]]
  printf "%-9s %3d of %3d safe\n", "all", good, count
  if (strays) printf "%d failed before a test had named its entry\n", strays
  exit !(good == count && count > 0 && !broken && !strays)
}
