# rows.awk -- Reads lines of strandline-bench's JSON, one figure in each; used with what it is for.
#
# field(LINE, NAME) is the value of the first member with that name: of the conditions before those of
# a ratio's base, and before the environment.

function field(line, name,    place, rest, value) {
    place = index(line, "\"" name "\":")
    if (place == 0)
        return ""
    rest = substr(line, place + length(name) + 3)
    if (substr(rest, 1, 1) == "\"") {
        rest = substr(rest, 2)
        value = substr(rest, 1, index(rest, "\"") - 1)
    } else {
        match(rest, /^[^,}]*/)
        value = substr(rest, 1, RLENGTH)
    }
    return value
}

# What is behind "environment", for facts whose names other members have, too.
function environment(line) {
    return substr(line, index(line, "\"environment\":"))
}

# Do the conditions of LINE have all of WANTED, "name=value name=value"?
function has_conditions(line, wanted,    count, parts, i, pair) {
    count = split(wanted, parts, " ")
    for (i = 1; i <= count; i++) {
        split(parts[i], pair, "=")
        if (field(line, pair[1]) != pair[2])
            return 0
    }
    return 1
}

# " (N runs)" of LINE where most others have more, USUAL.
function few_runs(line, usual,    runs) {
    runs = field(line, "runs") + 0
    return runs < usual + 0 ? " (" runs (runs == 1 ? " run)" : " runs)") : ""
}

# VALUE as people read it.
function human(value, unit) {
    value += 0
    if (unit == "ratio")
        return sprintf(value >= 100 ? "%.0fx" : value >= 0.1 || value == 0 ? "%.2fx" : "%.2gx", value)
    if (unit == "s") {
        if (value >= 1)
            return digits(value) " s"
        if (value >= 1e-3)
            return digits(value * 1e3) " ms"
        if (value >= 1e-6)
            return digits(value * 1e6) " us"
        return digits(value * 1e9) " ns"
    }
    if (unit == "B") {
        if (value >= 1048576)
            return digits(value / 1048576) " MiB"
        if (value >= 1024)
            return digits(value / 1024) " KiB"
        return sprintf("%d B", value)
    }
    if (unit == "B/s")
        return value >= 1e9 ? digits(value / 1e9) " GB/s" : digits(value / 1e6) " MB/s"
    if (unit == "1/s")
        return value >= 1e6 ? digits(value / 1e6) " M/s" : value >= 1e4 ? digits(value / 1e3) " k/s" : digits(value) "/s"
    return sprintf("%d", value)
}

function digits(value) {
    return sprintf(value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value)
}
