/* tools/doctor_judge.c -- From facts to findings: what each means for acknowledged records, and
 * what to do about it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tools/doctor.h"
#include "tools/progress.h"

#define MIB ((int64_t)1 << 20)

enum {
    DESCRIPTORS_WANTED = 1024,
    SLOW_SYNC_NS = 50000000,
    /* Less than any disk, bus and system call need together. */
    IMPLAUSIBLE_SYNC_NS = 20000,
};

enum volatility { LASTS, VOLATILE };
enum full_disk { AT_WRITE, AT_SYNC_TOO };

static const struct file_system {
    const char *type;
    enum cli_level level;
    enum volatility volatility;
    enum full_disk full_disk;
    const char *text;
    const char *advice;
} FILE_SYSTEMS[] = {
    {"ext4", CLI_LEVEL_OK, LASTS, AT_WRITE, "syncs cover content, size and names as they must", ""},
    {"ext3", CLI_LEVEL_OK, LASTS, AT_WRITE, "syncs cover content, size and names as they must", ""},
    {"xfs", CLI_LEVEL_OK, LASTS, AT_WRITE, "syncs cover content, size and names as they must", ""},
    {"f2fs", CLI_LEVEL_NOTE, LASTS, AT_SYNC_TOO,
     "it writes elsewhere instead of overwriting, so preparing space saves nothing",
     "Open with preparation STRAND_PREPARE_NONE."},
    {"ext2", CLI_LEVEL_WARNING, LASTS, AT_WRITE,
     "it has no journal: after a power cut it must be checked, and names may be lost with it",
     "Use ext4 or xfs."},
    {"btrfs", CLI_LEVEL_NOTE, LASTS, AT_SYNC_TOO,
     "it writes copies instead of overwriting: preparing space saves nothing, and even an "
     "overwrite "
     "needs free space",
     "Keep space free; chattr +C on an empty data directory makes it overwrite in place."},
    {"zfs", CLI_LEVEL_NOTE, LASTS, AT_SYNC_TOO,
     "it writes copies instead of overwriting: preparing space saves nothing, and even an "
     "overwrite "
     "needs free space",
     "Keep space free; see with \"zfs get sync\" that syncs are not disabled."},
    {"bcachefs", CLI_LEVEL_NOTE, LASTS, AT_SYNC_TOO,
     "it writes copies instead of overwriting: even an overwrite needs free space",
     "Keep space free."},
    {"tmpfs", CLI_LEVEL_PROBLEM, VOLATILE, AT_WRITE,
     "it is memory: nothing survives loss of power, and syncs do nothing",
     "Put the data directory on a disk; for tests this is fine."},
    {"ramfs", CLI_LEVEL_PROBLEM, VOLATILE, AT_WRITE,
     "it is memory: nothing survives loss of power, and syncs do nothing",
     "Put the data directory on a disk; for tests this is fine."},
    {"overlay", CLI_LEVEL_WARNING, LASTS, AT_SYNC_TOO,
     "it is a layer, perhaps of a container, and goes with it; what a sync means is up to the file "
     "system of its upper directory",
     "Mount a volume for the data directory."},
    {"vfat", CLI_LEVEL_WARNING, LASTS, AT_WRITE,
     "it has no journal, and a file has at most 4 GiB: a power cut may damage its directories",
     "Use ext4 or xfs."},
    {"exfat", CLI_LEVEL_WARNING, LASTS, AT_WRITE,
     "it has no journal: a power cut may damage its directories", "Use ext4 or xfs."},
    {"ntfs3", CLI_LEVEL_WARNING, LASTS, AT_SYNC_TOO,
     "nobody has examined what survives a power cut on it", "Use ext4 or xfs."},
    {"fuse", CLI_LEVEL_WARNING, LASTS, AT_SYNC_TOO,
     "what a sync does is up to the program behind it", "Use ext4 or xfs."},
    {"ecryptfs", CLI_LEVEL_NOTE, LASTS, AT_SYNC_TOO,
     "it hands syncs on to the file system below, which is not looked at here",
     "Look at that one, too."},
};

static const struct file_system UNKNOWN = {"",
                                           CLI_LEVEL_WARNING,
                                           LASTS,
                                           AT_SYNC_TOO,
                                           "nobody has examined what survives a power cut on it",
                                           "Use ext4 or xfs."};

/* mountinfo tells more than the number of the kind does; "fuse.sshfs" is fuse. */
const char *
cli_doctor_type(const struct cli_doctor_facts *facts)
{
    return facts->has_mount ? facts->mount.type : facts->volume.type;
}

static const struct file_system *
find_file_system(const char *type)
{
    size_t size = strcspn(type, ".");

    if (strncmp(type, "fuseblk", size) == 0)
        size = strlen("fuse");
    for (size_t i = 0; i < sizeof FILE_SYSTEMS / sizeof FILE_SYSTEMS[0]; i++)
        if (strlen(FILE_SYSTEMS[i].type) == size && strncmp(FILE_SYSTEMS[i].type, type, size) == 0)
            return &FILE_SYSTEMS[i];
    return &UNKNOWN;
}

static void
judge_file_system(const struct cli_doctor_facts *facts, const struct file_system *file_system,
                  struct cli_findings *findings)
{
    const char *type = cli_doctor_type(facts);

    if (facts->volume.is_network != 0) {
        cli_findings_add(findings, facts->network_allowed ? CLI_LEVEL_WARNING : CLI_LEVEL_PROBLEM,
                         "file-system",
                         "Use a local disk; --allow-network-fs (STRAND_ENGINE_NETWORK_FS) accepts "
                         "the risk.",
                         "%s is a network file system: locks and syncs are up to another machine, "
                         "so it is refused unless asked for",
                         type);
        return;
    }
    cli_findings_add(findings, file_system->level, "file-system", file_system->advice, "%s: %s",
                     type[0] != '\0' ? type : "an unknown file system", file_system->text);
}

/* ---- Mount options ---- */

static bool
has_option(const struct cli_doctor_facts *facts, const char *option)
{
    return cli_mount_has_option(facts->mount.options, option);
}

static const struct mount_option {
    const char *option;
    const char *type; /* NULL: of any file system */
    enum cli_level level;
    const char *text;
    const char *advice;
} MOUNT_OPTIONS[] = {
    {"ro", NULL, CLI_LEVEL_PROBLEM, "mounted read-only: readers only",
     "Mount it for writing; if it was, the kernel may have met an error: see its log."},
    {"nobarrier", NULL, CLI_LEVEL_PROBLEM,
     "mounted with nobarrier: syncs do not flush the disk's cache, and acknowledged records may be "
     "lost with the power",
     "Mount it without."},
    {"barrier=0", NULL, CLI_LEVEL_PROBLEM,
     "mounted with barrier=0: syncs do not flush the disk's cache, and acknowledged records may be "
     "lost with the power",
     "Mount it without."},
    {"volatile", "overlay", CLI_LEVEL_PROBLEM,
     "mounted with volatile: the overlay drops syncs, and acknowledged records may be lost",
     "Mount it without, or mount a volume for the data directory."},
    {"data=writeback", NULL, CLI_LEVEL_NOTE,
     "mounted with data=writeback: after a power cut unsynced ends of files may hold old bytes, "
     "which their checksums refuse",
     ""},
    {"data=journal", NULL, CLI_LEVEL_NOTE,
     "mounted with data=journal: safe, but everything is written twice", ""},
    {"nodatacow", "btrfs", CLI_LEVEL_NOTE,
     "mounted with nodatacow: it overwrites in place, without checksums of its own", ""},
    {"sync", NULL, CLI_LEVEL_NOTE,
     "mounted with sync: each write is synced, and appends that need not wait do", ""},
};

static void
judge_mount(const struct cli_doctor_facts *facts, struct cli_findings *findings)
{
    size_t before = findings->count;

    if (!facts->has_mount) {
        cli_findings_add(findings, CLI_LEVEL_NOTE, "mount-options", "",
                         "/proc/self/mountinfo does not tell how it is mounted");
        return;
    }
    for (size_t i = 0; i < sizeof MOUNT_OPTIONS / sizeof MOUNT_OPTIONS[0]; i++) {
        const struct mount_option *option = &MOUNT_OPTIONS[i];

        if (has_option(facts, option->option) &&
            (option->type == NULL || strcmp(option->type, facts->mount.type) == 0))
            cli_findings_add(findings, option->level, "mount-options", option->advice, "%s",
                             option->text);
    }
    if (findings->count == before)
        cli_findings_add(findings, CLI_LEVEL_OK, "mount-options", "",
                         "mounted at %.200s with nothing that weakens a sync", facts->mount.point);
}

static void
judge_device(const struct cli_doctor_facts *facts, struct cli_findings *findings)
{
    if (facts->backing_file[0] != '\0')
        cli_findings_add(findings, CLI_LEVEL_NOTE, "device",
                         "Run doctor on the directory of that file, too.",
                         "%s is a loop device on %.256s: a sync is as good as one there",
                         facts->device, facts->backing_file);
    if (strcmp(cli_doctor_type(facts), "ext4") == 0 && facts->journal == CLI_JOURNAL_NONE)
        cli_findings_add(
            findings, CLI_LEVEL_WARNING, "journal",
            "Make one: tune2fs -O has_journal, while it is not mounted.",
            "%s has no journal: after a power cut it must be checked, and names may be "
            "lost with it",
            facts->device);
}

/* ---- Writing and syncing ---- */

static void
judge_sync(const struct cli_doctor_facts *facts, const struct file_system *file_system,
           struct cli_findings *findings)
{
    int64_t us = facts->sync_median_ns / 1000;

    if (facts->write_code != 0 || facts->sync_code != 0) {
        int code = facts->write_code != 0 ? facts->write_code : facts->sync_code;

        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "sync",
                         code == ENOSPC ? "Make room: see free-space." : "See the kernel's log.",
                         "%s a file in %.256s: %s", facts->write_code != 0 ? "write" : "sync",
                         facts->path, strerror(code));
        return;
    }
    if (file_system->volatility == VOLATILE || facts->sync_median_ns < 0)
        return;
    if (facts->sync_median_ns >= IMPLAUSIBLE_SYNC_NS)
        cli_findings_add(
            findings, facts->sync_median_ns < SLOW_SYNC_NS ? CLI_LEVEL_OK : CLI_LEVEL_NOTE, "sync",
            "", "the median of %d syncs of 4 KiB is %" PRId64 " us", CLI_DOCTOR_SYNC_COUNT, us);
    else if (strcmp(facts->write_cache, "write through") == 0)
        cli_findings_add(findings, CLI_LEVEL_NOTE, "sync",
                         "See that it is so: a drive whose cache survives loss of power.",
                         "a sync takes %" PRId64 " us: %s says that it has no cache to flush", us,
                         facts->device);
    else
        cli_findings_add(findings, CLI_LEVEL_WARNING, "sync",
                         "See whether the disk, its controller or the virtual machine ignores "
                         "flushes.",
                         "a sync takes %" PRId64
                         " us, less than a disk needs: flushes may not reach it, and acknowledged "
                         "records may be lost with the power",
                         us);
}

static void
judge_space(const struct cli_doctor_facts *facts, const struct file_system *file_system,
            struct cli_findings *findings)
{
    const struct strand_fs_volume *volume = &facts->volume;
    char text[CLI_SIZE_TEXT_MAX];

    cli_size_format(volume->free_bytes > 0 ? (uint64_t)volume->free_bytes : 0, text);
    if (volume->free_bytes < MIB)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "free-space",
                         "Make room: strandline trim forgets old records also on a full disk.",
                         "%s free: appends are refused", text);
    else if (volume->free_bytes < 64 * MIB || volume->free_bytes < volume->total_bytes / 100)
        cli_findings_add(findings, CLI_LEVEL_WARNING, "free-space",
                         "Make room, or trim logs (strandline trim).", "only %s free", text);
    else
        cli_findings_add(findings, CLI_LEVEL_OK, "free-space", "", "%s free", text);

    if (file_system->full_disk == AT_WRITE && volume->is_network == 0)
        cli_findings_add(
            findings, CLI_LEVEL_OK, "full-disk", "",
            "a full disk is met by a write: the append is refused, and the log goes on "
            "when there is room");
    else
        cli_findings_add(findings, CLI_LEVEL_NOTE, "full-disk",
                         "Keep space free, and watch for failed logs.",
                         "a full disk may be met only by a sync: that fails the log until it is "
                         "opened anew");
    if (facts->write_code != 0)
        return;
    if (facts->can_reserve && facts->can_zero)
        cli_findings_add(findings, CLI_LEVEL_OK, "reserve", "",
                         "space can be reserved and zeroed in place");
    else
        cli_findings_add(findings, CLI_LEVEL_NOTE, "reserve", "",
                         "space cannot be %s: a sync then also writes metadata, and takes longer",
                         facts->can_reserve ? "zeroed in place" : "reserved");
}

/* ---- Limits ---- */

static void
judge_limits(const struct cli_doctor_facts *facts, struct cli_findings *findings)
{
    int64_t budget = facts->descriptor_limit / 2;

    cli_findings_add(
        findings, facts->descriptor_limit < DESCRIPTORS_WANTED ? CLI_LEVEL_WARNING : CLI_LEVEL_OK,
        "descriptors",
        facts->descriptor_limit < DESCRIPTORS_WANTED
            ? "Raise RLIMIT_NOFILE (ulimit -n) for many logs."
            : "",
        "a process may have %" PRId64 " files open; %" PRId64 " are used for segments",
        facts->descriptor_limit, budget);
    if (facts->max_map_count >= 0 && facts->max_map_count < budget)
        cli_findings_add(findings, CLI_LEVEL_NOTE, "maps",
                         "Raise vm.max_map_count if more segments than that are read at once.",
                         "a process may have %" PRId64
                         " maps; segments beyond that are read without",
                         facts->max_map_count);
    if (facts->overcommit == 2)
        cli_findings_add(findings, CLI_LEVEL_NOTE, "memory", "",
                         "memory is not overcommitted (vm.overcommit_memory is 2): an append may "
                         "be refused for lack of memory, and nothing is lost by it");
    if (facts->file_size_limit < (int64_t)INT32_MAX)
        cli_findings_add(findings, CLI_LEVEL_WARNING, "file-size",
                         "Raise RLIMIT_FSIZE (ulimit -f), or keep segment.bytes below it.",
                         "a file may have %" PRId64
                         " bytes; a process that writes more is killed unless it ignores SIGXFSZ",
                         facts->file_size_limit);
}

void
cli_doctor_judge(const struct cli_doctor_facts *facts, struct cli_findings *findings)
{
    const struct file_system *file_system = find_file_system(cli_doctor_type(facts));

    judge_file_system(facts, file_system, findings);
    judge_mount(facts, findings);
    judge_device(facts, findings);
    judge_sync(facts, file_system, findings);
    judge_space(facts, file_system, findings);
    judge_limits(facts, findings);
}
