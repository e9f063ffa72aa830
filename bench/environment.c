/* bench/environment.c -- What the kernel tells, what `strandline doctor` finds out, and how this
 * program was built.
 */
#include "bench/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/peers.h"
#include "tools/doctor.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#define IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define IS_SANITIZED false
#endif

#if defined(__OPTIMIZE__)
#define IS_OPTIMIZED true
#else
#define IS_OPTIMIZED false
#endif

enum { LINE_SIZE = 4096 };

static void
warn(struct bench_environment *environment, const char *warning)
{
    strand_assert(environment->warning_count < BENCH_WARNINGS_MAX);
    environment->warnings[environment->warning_count++] = warning;
}

/* What stands behind "KEY<blanks>: " in PATH, first of all lines; false: nothing. */
static bool
find_value(const char *path, const char *key, char *out_value, size_t size)
{
    char line[LINE_SIZE];
    size_t key_size = strlen(key);
    bool is_found = false;
    FILE *stream = fopen(path, "re");

    if (stream == NULL)
        return false;
    while (!is_found && fgets(line, sizeof line, stream) != NULL) {
        const char *colon = strchr(line, ':');

        if (strncmp(line, key, key_size) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        colon += 1 + strspn(colon + 1, " \t");
        (void)snprintf(out_value, size, "%s", colon);
        is_found = true;
    }
    (void)fclose(stream); /* it was only read */
    return is_found;
}

static void
add_machine(struct bench_environment *environment)
{
    struct bench_conditions *facts = &environment->facts;
    char text[BENCH_CONDITION_SIZE];
    struct utsname names;
    double load = -1;

    if (find_value("/proc/cpuinfo", "model name", text, sizeof text))
        bench_conditions_add_text(facts, "cpu", text);
    long cpu_count = sysconf(_SC_NPROCESSORS_ONLN);
    bench_conditions_add_number(facts, "cpus", cpu_count);
    if (find_value("/proc/meminfo", "MemTotal", text, sizeof text))
        bench_conditions_add_text(facts, "memory", text);
    if (uname(&names) == 0) {
        (void)snprintf(text, sizeof text, "%.40s %.50s", names.sysname, names.release);
        bench_conditions_add_text(facts, "kernel", text);
    }
    FILE *stream = fopen("/proc/loadavg", "re");
    if (stream != NULL) {
        if (fgets(text, sizeof text, stream) != NULL) {
            load = strtod(text, NULL);
            text[strcspn(text, " \n")] = '\0';
            bench_conditions_add_text(facts, "load_before", text);
        }
        (void)fclose(stream); /* it was only read */
    }
    if (load >= 0.5 * (double)cpu_count)
        warn(environment, "other work is running on this machine: trust ratios, not figures");
}

static void
add_file_system(struct bench_environment *environment, const struct cli_doctor_facts *found)
{
    static const char *const JOURNALS[] = {"unknown", "yes", "no"};
    struct bench_conditions *facts = &environment->facts;
    char text[BENCH_CONDITION_SIZE];
    const char *type = found->has_mount ? found->mount.type : found->volume.type;

    bench_conditions_add_text(facts, "file_system", type);
    if (strncmp(type, "ext", 3) == 0)
        bench_conditions_add_text(facts, "journal", JOURNALS[found->journal]);
    if (found->has_mount)
        bench_conditions_add_text(facts, "mount_options", found->mount.options);
    if (found->device[0] != '\0')
        bench_conditions_add_text(facts, "device", found->device);
    if (found->backing_file[0] != '\0')
        bench_conditions_add_text(facts, "loop_file", found->backing_file);
    if (found->write_cache[0] != '\0')
        bench_conditions_add_text(facts, "device_cache", found->write_cache);
    if (found->sync_median_ns >= 0) {
        (void)snprintf(text, sizeof text, "%.0f us", (double)found->sync_median_ns / 1e3);
        bench_conditions_add_text(facts, "sync_of_4_KiB", text);
    }
    if (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0)
        warn(environment, "the file system is in memory: what is durable costs nothing here");
    if (found->journal == CLI_JOURNAL_NONE)
        warn(environment, "this ext4 has no journal, users' have: syncs are cheaper here");
}

/* Also which are not here: a table that lacks one does not say why. */
static void
add_peers(struct bench_conditions *facts)
{
    char here[BENCH_CONDITION_SIZE] = "";
    char absent[BENCH_CONDITION_SIZE] = "";

    for (size_t i = 0; i < BENCH_PEER_COUNT; i++) {
        const struct bench_peer *peer = &bench_peers[i];
        char *list = peer->side != NULL ? here : absent;
        size_t used = strlen(list);

        (void)snprintf(list + used, BENCH_CONDITION_SIZE - used, "%s%s%s%s", used > 0 ? ", " : "",
                       peer->name, peer->side != NULL ? " " : "",
                       peer->side != NULL ? peer->version() : "");
    }
    bench_conditions_add_text(facts, "peers", here);
    if (absent[0] != '\0')
        bench_conditions_add_text(facts, "peers_absent", absent);
}

static void
add_build(struct bench_environment *environment)
{
    struct bench_conditions *facts = &environment->facts;

    bench_conditions_add_text(facts, "strandline", strand_version());
    bench_conditions_add_text(facts, "liblz4", BENCH_LZ4_VERSION);
    if (BENCH_LMDB_VERSION[0] != '\0') /* not every package tells */
        bench_conditions_add_text(facts, "lmdb", BENCH_LMDB_VERSION);
    add_peers(facts);
    bench_conditions_add_text(facts, "build", BENCH_BUILD_TYPE);
#if defined(__VERSION__)
    bench_conditions_add_text(facts, "compiler", __VERSION__);
#endif
    if (!IS_OPTIMIZED || IS_SANITIZED)
        warn(environment, "this program was built for testing, not for speed");
}

int
bench_environment_gather(const char *directory, bool is_quick,
                         struct bench_environment *out_environment)
{
    struct cli_doctor_facts found;
    char text[BENCH_CONDITION_SIZE] = "";
    time_t now = time(NULL);
    struct tm parts;

    int status = cli_doctor_gather(directory, &found);
    if (status != STRAND_OK)
        return status;
    *out_environment = (struct bench_environment){.warning_count = 0};
    if (is_quick)
        warn(out_environment, "--quick runs are too short to mean anything");
    if (gmtime_r(&now, &parts) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        bench_conditions_add_text(&out_environment->facts, "time", text);
    add_machine(out_environment);
    add_file_system(out_environment, &found);
    add_build(out_environment);
    return STRAND_OK;
}
