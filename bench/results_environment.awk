# results_environment.awk -- Where the figures come from: one list item for each fact.
{
    line = environment($0)
    split("time cpu cpus memory kernel file_system journal mount_options device device_cache " \
          "sync_of_4_KiB strandline liblz4 lmdb peers peers_absent build compiler", names, " ")
    for (i = 1; i in names; i++) {
        value = field(line, names[i])
        if (value == "")
            continue
        name = names[i]
        gsub(/_/, " ", name)
        printf "- %s: %s\n", name, value
    }
}
