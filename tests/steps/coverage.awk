# Reads lcov, prints the lines covered of each crate and of the whole; ends with 1 if a goal is not reached.
# With `word`, the uncovered lines of the files whose names contain it.

# The first line of `file` that only tests are built from.
function first_of_tests(file,    line, number, attribute) {
  number = attribute = 0
  while ((getline line < (root file)) > 0) {
    number++
    if (line ~ /^#\[cfg\((all\()?test/) attribute = number
    else if (attribute && line ~ /^(pub(\([a-z]+\))? )?mod [a-z_0-9]+ \{/) { close(root file); return attribute }
    else if (line !~ /^#\[/) attribute = 0
  }
  close(root file)
  return number + 1
}

/^SF:/ {
  file = substr($0, 4)
  counted = index(file, root) == 1
  if (!counted) next
  file = substr(file, length(root) + 1)
  counted = file ~ /^[a-z0-9-]+\/src\// && file !~ /^tests\// && file !~ /\/tests(\/|\.rs$)/ && file !~ /\/sync\/model/
  if (!counted) next
  crate = substr(file, 1, index(file, "/") - 1)
  end = first_of_tests(file)
  shown = word != "" && index(file, word)
}

/^DA:/ && counted {
  split(substr($0, 4), at, ",")
  if (at[1] >= end) next
  all[crate]++
  if (at[2] > 0) hit[crate]++
  else if (shown) print file ":" at[1]
}

END {
  goal["wire"] = goal["mime"] = goal["smtp-client"] = goal["pop3-client"] = 95
  count = split("wire mime smtp-client pop3-client sandbox notify", crates, " ")
  if (word == "") printf "%-12s %8s %8s %8s %6s\n", "crate", "lines", "covered", "%", "goal"
  for (i = 1; i <= count; i++) {
    crate = crates[i]
    if (!all[crate]) continue
    lines += all[crate]
    covered += hit[crate]
    if (!row(crate, all[crate], hit[crate], goal[crate])) short = 1
  }
  if (!row("all", lines, covered, 90)) short = 1
  exit short
}

function row(name, lines, covered, goal,    percent) {
  percent = lines ? 100 * covered / lines : 0
  if (word == "") printf "%-12s %8d %8d %8.1f %6s\n", name, lines, covered, percent, goal ? goal : ""
  return percent >= goal
}
