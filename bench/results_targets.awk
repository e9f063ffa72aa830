# results_targets.awk -- A row for each line of targets.txt.  With prefix only those that were measured
# in runs that begin with it.  USUAL: how many runs most figures are of.

function trim(text) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}

BEGIN {
    FS = "|"
    print "| # | what | target | min | median | max | | run |"
    print "|---|---|---|---|---|---|---|---|"
}

/^#/ || NF < 6 { next }

{
    for (i = 1; i <= NF; i++)
        $i = trim($i)
    found = ""
    file = out "/" prefix $4 ".json"
    while ((getline line < file) > 0)
        if (field(line, "figure") == $5 && field(line, "side") == $6 && has_conditions(line, $7)) {
            found = line
            break
        }
    close(file)
    if (found == "") {
        if (prefix == "")
            printf "| %s | %s | %s | | | | not measured | `%s` |\n", $1, $2, target($3, ""), $4
        next
    }
    unit = field(found, "unit")
    median = field(found, "median") + 0
    split($3, bound, " ")
    verdict = ""
    if (bound[1] == ">=")
        verdict = median >= bound[2] + 0 ? "met" : "**short**"
    else if (bound[1] == "<=")
        verdict = median <= bound[2] + 0 ? "met" : "**short**"
    printf "| %s | %s | %s | %s | %s | %s | %s | `%s`%s |\n", $1, $2, target($3, unit), human(field(found, "min"), unit),
           human(median, unit), human(field(found, "max"), unit), verdict, prefix $4, few_runs(found, usual)
}

function target(text, unit,    parts) {
    if (split(text, parts, " ") < 2)
        return text
    return (parts[1] == ">=" ? "at least " : "at most ") (unit == "" ? parts[2] : human(parts[2], unit))
}
