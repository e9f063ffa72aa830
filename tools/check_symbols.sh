#!/bin/sh
# check_symbols.sh DIRECTORY_OR_OBJECT... -- Only base/fs_posix.c does I/O.
#
# Each symbol that an object of the library takes from outside must be listed here: either for every
# object, or for the one file whose work it is.  Prints "OBJECT: SYMBOL" for each one that is not.
# What a source file can hide behind a macro or a function pointer, its undefined symbols still show.
set -eu
[ $# -gt 0 ] || {
    echo "usage: check_symbols.sh DIRECTORY_OR_OBJECT..." >&2
    exit 2
}

symbols=$(find "$@" -type f \( -name '*.o' -o -name '*.a' \) -exec nm -A -P -u {} +)
printf '%s\n' "$symbols" | awk '
function allow(object, list,    names, count, i) {
    count = split(list, names, " ")
    for (i = 1; i <= count; i++)
        allowed[object, names[i]] = 1
}

BEGIN {
    # Memory, text, sorting: nothing that leaves the process, waits, or prints.
    allow("*", "malloc calloc realloc free")
    allow("*", "memcpy memmove memset memcmp memchr bcmp")
    allow("*", "strlen strnlen strcmp strncmp strchr strrchr strstr strspn strcspn strpbrk strdup")
    allow("*", "strtol strtoll strtoul strtoull snprintf vsnprintf sscanf bsearch qsort errno_location")
    # What compilers add.
    allow("*", "_GLOBAL_OFFSET_TABLE_ __stack_chk_fail __tls_get_addr")

    allow("base/assert", "stderr fprintf abort")
    allow("base/error", "xpg_strerror_r")
    allow("base/crc32c", "pthread_once __cpu_model __cpu_features2 __cpu_indicator_init getauxval")
    allow("base/fork_guard", "mmap madvise munmap sysconf")
    allow("base/notifier", "eventfd read write close")
    allow("base/thread", "pthread_mutex_init pthread_mutex_destroy")
    allow("base/thread", "pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock")
    allow("base/thread", "pthread_condattr_init pthread_condattr_setclock pthread_condattr_destroy")
    allow("base/thread", "pthread_cond_init pthread_cond_destroy pthread_cond_wait")
    allow("base/thread", "pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast")
    allow("base/thread", "sem_init sem_destroy sem_post sem_wait __errno_location")
    allow("base/thread", "pthread_create pthread_join pthread_self pthread_setname_np")
    allow("base/thread", "pthread_sigmask sigfillset sigdelset clock_gettime")
    allow("base/fs_posix", "open close read pread pwritev mmap munmap fcntl")
    allow("base/fs_posix", "fsync fdatasync fallocate ftruncate copy_file_range")
    allow("base/fs_posix", "stat fstat statfs rename link unlink mkdir rmdir")
    allow("base/fs_posix", "opendir readdir closedir clock_gettime getrandom")
    allow("base/fs_posix", "getpid getrlimit getcwd program_invocation_short_name")
}

# The file that an object was made of, as FOLDER/NAME.  An archive does not tell the folder: its
# members get the benefit of the doubt, so that the test runs on the objects themselves.
function source_of(object) {
    sub(/(\.c)?\.o\]?$/, "", object)
    if (object ~ /\.a[:[]/) {
        sub(/.*\.a[:[]/, "", object)
        return "base/" object
    }
    return match(object, /[^\/]+\/[^\/]+$/) ? substr(object, RSTART) : object
}

# SYMBOL without what fortified, large-file and C99 builds put around the name of a function.
function plain(symbol) {
    if (symbol ~ /^__.*_chk$/)
        symbol = substr(symbol, 3, length(symbol) - 6)
    sub(/^__isoc(99|23)_/, "", symbol)
    if (symbol == "__errno_location" || symbol == "__xpg_strerror_r")
        symbol = substr(symbol, 3)
    if (symbol ~ /^(open|pread|pwritev|mmap|fallocate|ftruncate|fcntl|f?stat|statfs|readdir|getrlimit)64$/)
        symbol = substr(symbol, 1, length(symbol) - 2)
    return symbol
}

# The libraries that we use, each in the files that know it.
function is_library(source, symbol) {
    return (source == "storage/codec_lz4" && symbol ~ /^LZ4F?_/) ||
        (source == "storage/codec_gzip" && symbol ~ /^(de|in)flate/) ||
        (source == "storage/codec_snappy" && symbol ~ /^snappy_/) ||
        (source == "storage/codec_zstd" && symbol ~ /^ZSTD_/) ||
        (source ~ /^index\/index_lmdb/ && symbol ~ /^mdb_/)
}

function is_instrumentation(symbol) {
    return symbol ~ /^__(asan|ubsan|tsan|msan|lsan|sanitizer|gcov|llvm_profile)_/ ||
        symbol ~ /^__(sancov|start___sancov|stop___sancov)_/ ||
        symbol ~ /^__aarch64_(cas|swp|ldadd|ldset|ldclr|ldeor)/ || symbol ~ /^__mul[ot]/
}

NF >= 3 {
    symbol = $(NF - 1) # the last field is its type, U or w
    object = $0
    sub(/: [^:]*$/, "", object)
    source = source_of(object)
    is_seen[source] = 1
    if (symbol ~ /^strand_/ || is_library(source, symbol) || is_instrumentation(symbol))
        next
    if (("*", plain(symbol)) in allowed || (source, plain(symbol)) in allowed)
        next
    printf "%s: %s\n", object, symbol
    failures++
}

END {
    if (!("base/fs_posix" in is_seen)) {
        print "no base/fs_posix among the objects: this is not the library"
        failures++
    }
    exit failures > 0
}
'
