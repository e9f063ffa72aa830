# results_servers.awk -- What one client of each server gets, from peers_remote.sh's figures.
BEGIN {
    print "| server | written | durable, many under way | durable, one at a time |"
    print "|---|---|---|---|"
}

field($0, "figure") == "appends" {
    side = field($0, "side")
    if (!(side in version))
        order[++count] = side
    version[side] = field($0, "version")
    value[side, field($0, "work")] = human(field($0, "median"), field($0, "unit"))
}

END {
    for (i = 1; i <= count; i++) {
        side = order[i]
        printf "| %s %s | %s | %s | %s |\n", side, version[side], value[side, "written"],
               value[side, "durable"], value[side, "durable, one at a time"]
    }
}
