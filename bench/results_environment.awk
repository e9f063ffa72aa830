# results_environment.awk -- Where the figures come from, read from the first line of each file: one list
# item for each fact, as the first file has it that is not of --loop; the time is that of all; last, what
# should be the same in all files and is not.  FACTS: only these.

BEGIN {
    if (facts == "") {
        facts = "time cpu cpus memory kernel file_system journal mount_options device device_cache " \
                "sync_of_4_KiB strandline liblz4 lmdb peers peers_absent build compiler"
        identity = "cpu kernel strandline liblz4 lmdb peers build compiler"
    }
    fact_count = split(facts, fact_names, " ")
    identity_count = split(identity, identity_names, " ")
}

# Servers tell no environment.
FNR == 1 && /"environment":/ {
    line = environment($0)
    is_loop = FILENAME ~ /\/(ext4|xfs)-[^\/]*$/
    if (shown == "" || (is_shown_loop && !is_loop)) {
        shown = line
        is_shown_loop = is_loop
    }
    time = field(line, "time")
    if (first == "" || time < first)
        first = time
    if (time > last)
        last = time
    for (i = 1; i <= identity_count; i++)
        note(identity_names[i], field(line, identity_names[i]))
}

END {
    for (i = 1; i <= fact_count; i++)
        tell("", fact_names[i], fact_names[i] == "time" && first != last ? first " to " last \
                                                                         : field(shown, fact_names[i]))
    for (i = 1; i <= identity_count; i++) {
        name = identity_names[i]
        text = ""
        for (k = 1; k <= value_count[name]; k++)
            text = text (k > 1 ? "; " : "") counted(name, values[name, k])
        if (value_count[name] > 1)
            tell("differs between runs: ", name, text)
    }
}

function note(name, value) {
    if (!((name, value) in seen))
        values[name, ++value_count[name]] = value
    seen[name, value]++
}

function counted(name, value,    count) {
    count = seen[name, value]
    return (value == "" ? "none" : value) " (" count (count == 1 ? " file)" : " files)")
}

function tell(begin, name, value) {
    gsub(/_/, " ", name)
    if (value != "")
        printf "- %s%s: %s\n", begin, name, value
}
