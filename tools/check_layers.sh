#!/bin/sh
# check_layers.sh -- Who includes whom, and who may speak to the operating system.
#
# A folder includes itself, include/ and the folders listed for it; headers that are not C's own are
# included by exactly the files listed for them.  Prints each line that breaks a rule.
set -eu
cd "$(dirname "$0")/.."

files=$(find include base simulation storage index recovery engine crashtest tools bench examples \
    -name '*.[ch]' | sort)
# shellcheck disable=SC2086 # a list of names without spaces
awk '
BEGIN {
    # Folder: what it may include besides itself and include/.
    below["include"] = ""
    below["base"] = ""
    below["simulation"] = "base"
    below["storage"] = "base"
    below["index"] = "base"
    below["recovery"] = "base storage index"
    below["engine"] = "base storage index recovery"
    below["crashtest"] = "base simulation storage index recovery engine"
    below["tools"] = "base storage index recovery engine crashtest"
    below["bench"] = "base storage tools"
    below["examples"] = ""

    # Headers of C11 that any file may use.
    split("assert ctype errno inttypes limits stdalign stdarg stdatomic stdbool stddef stdint " \
          "stdio stdlib stdnoreturn string time", names)
    for (i in names)
        is_c[names[i] ".h"] = 1

    # Headers with a single home in the library.
    home["lz4.h"] = home["lz4hc.h"] = home["lz4frame.h"] = "storage/codec_lz4.c"
    home["lmdb.h"] = "index/index_lmdb.h bench/side_lmdb.c"
    home["zlib.h"] = "storage/codec_gzip.c"
    home["snappy-c.h"] = "storage/codec_snappy.c"
    home["zstd.h"] = home["zstd_errors.h"] = "storage/codec_zstd.c"
    home["sys/mman.h"] = "base/fs_posix.c base/fork_guard.c"
    home["sys/eventfd.h"] = "base/notifier.c"
    home["pthread.h"] = "base/thread.h base/thread.c"
    home["semaphore.h"] = "base/thread.h base/thread.c"

    # Files that may include every other header of the system.
    split("base/fs_posix.c base/thread.c base/fork_guard.c base/notifier.c base/crc32c.c", names)
    for (i in names)
        is_system[names[i]] = 1
    split("base/fs_posix.c base/thread.c base/fork_guard.c", names)
    for (i in names)
        is_gnu[names[i]] = 1
}

function is_listed(word, list) {
    return index(" " list " ", " " word " ") > 0
}

function complain(why) {
    printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0
    failures++
}

FNR == 1 {
    folder = FILENAME
    sub(/\/.*/, "", folder)
    is_library = folder != "tools" && folder != "bench" && folder != "examples"
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    target = $0
    sub(/^[^"]*"/, "", target)
    sub(/".*/, "", target)
    other = target
    sub(/\/.*/, "", other)
    if (target !~ /\//)
        complain("not named from the root of the tree")
    else if (other == "strandline") {
        if (folder == "examples")
            complain("an example includes <strandline/...>, as its readers will")
    } else if (other != folder && !is_listed(other, below[folder]))
        complain(folder " may not include " other)
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    target = $0
    sub(/^[^<]*</, "", target)
    sub(/>.*/, "", target)
    if (target in home) {
        if (!is_listed(FILENAME, home[target]) && folder != "examples")
            complain("<" target "> belongs to " home[target])
    } else if (is_library && !(target in is_c) && !(FILENAME in is_system))
        complain("the library speaks to the system in base/ alone")
}

/_GNU_SOURCE/ && is_library && !(FILENAME in is_gnu) {
    complain("_GNU_SOURCE is for base/fs_posix.c, base/thread.c and base/fork_guard.c")
}

END {
    exit failures > 0
}
' $files
