# results_peers.awk -- What Strandline does against each peer, from the ratios of compare; times are
# turned over, so that more is better everywhere.  USUAL: how many runs most figures are of.
#
# seek and crash have times only.  Of an even number of runs their median, turned over, is the harmonic
# mean of the two runs in the middle, not the arithmetic one: the ratios of single runs are not in the JSON.
BEGIN {
    figures["append"] = figures["append-64"] = figures["durable"] = figures["durable-16"] = "appends"
    figures["scan"] = "records"
    figures["seek"] = "mean"
    figures["crash"] = "time"
    print "| work | Strandline | against | its own | Strandline is faster by: min | median | max |"
    print "|---|---|---|---|---|---|---|"
}

{
    work = field($0, "work")
    if (field($0, "figure") != figures[work])
        next
    side = field($0, "side")
    preparation = field($0, "preparation")
    key = work (preparation == "auto" ? "" : ", preparation " preparation)
    if (index(side, " / ") == 0)
        own[key, side] = human(field($0, "median"), field($0, "unit"))
    else {
        if (!(key in seen)) {
            seen[key] = 1
            order[++count] = key
        }
        sub(/.* \/ /, "", side)
        is_time = figures[work] == "mean" || figures[work] == "time"
        low = field($0, is_time ? "max" : "min") + 0
        middle = field($0, "median") + 0
        high = field($0, is_time ? "min" : "max") + 0
        if (is_time) {
            low = low > 0 ? 1 / low : 0
            middle = middle > 0 ? 1 / middle : 0
            high = high > 0 ? 1 / high : 0
        }
        sides[key] = sides[key] " " side
        few[key, side] = few_runs($0, usual)
        ratios[key, side] = sprintf("%s | %s%s%s | %s", human(low, "ratio"), middle < 1 ? "**" : "",
                                    human(middle, "ratio"), middle < 1 ? "**" : "", human(high, "ratio"))
    }
}

END {
    for (i = 1; i <= count; i++) {
        key = order[i]
        number = split(sides[key], names, " ")
        for (k = 1; k <= number; k++)
            printf "| %s | %s | %s%s | %s | %s |\n", k == 1 ? key : "", k == 1 ? own[key, "strandline"] : "",
                   names[k], few[key, names[k]], own[key, names[k]], ratios[key, names[k]]
    }
}
