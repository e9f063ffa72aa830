# results_servers.awk -- What one client of each server gets, from peers_remote.sh's figures; rates that
# it has withheld are told as such.
BEGIN {
    print "| server | written | durable, many under way | durable, one at a time |"
    print "|---|---|---|---|"
}

{
    side = field($0, "side")
    if (!(side in version))
        order[++count] = side
    version[side] = field($0, "version")
    if (field($0, "figure") == "appends")
        value[side, field($0, "work")] = human(field($0, "median"), field($0, "unit"))
}

function rate(side, work) {
    return (side, work) in value ? value[side, work] : "not given"
}

END {
    for (i = 1; i <= count; i++) {
        side = order[i]
        printf "| %s %s | %s | %s | %s |\n", side, version[side], rate(side, "written"),
               rate(side, "durable"), rate(side, "durable, one at a time")
    }
}
