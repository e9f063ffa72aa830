/* tests/unit/test_cli_doctor.c -- What each fact about a machine means for durability. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tools/doctor.h"

#define GIB ((int64_t)1 << 30)

static struct cli_doctor_facts facts;
static struct cli_findings findings;

static void
set_mount(const char *type, const char *options)
{
    snprintf(facts.mount.type, sizeof facts.mount.type, "%s", type);
    snprintf(facts.mount.options, sizeof facts.mount.options, "%s", options);
}

/* A machine of which there is nothing to say. */
static void
set_healthy(void)
{
    memset(&facts, 0, sizeof facts);
    snprintf(facts.path, sizeof facts.path, "/srv/data");
    snprintf(facts.device, sizeof facts.device, "sda1");
    snprintf(facts.write_cache, sizeof facts.write_cache, "write back");
    facts.has_mount = true;
    set_mount("ext4", "rw,relatime,rw");
    facts.volume.free_bytes = 100 * GIB;
    facts.volume.total_bytes = 200 * GIB;
    facts.journal = CLI_JOURNAL_SEEN;
    facts.sync_median_ns = 150000;
    facts.can_reserve = true;
    facts.can_zero = true;
    facts.descriptor_limit = 20000;
    facts.file_size_limit = INT64_MAX;
    facts.max_map_count = 65530;
}

static void
free_findings(void)
{
    cli_findings_deinit(&findings);
}

TestSuite(cli_doctor, .init = set_healthy, .fini = free_findings);

static enum cli_level
judge(void)
{
    cli_findings_deinit(&findings);
    cli_doctor_judge(&facts, &findings);
    cr_assert_eq(cli_findings_status(&findings), STRAND_OK);
    return findings.worst;
}

/* The worst of CHECK, CLI_LEVEL_OK when there is none; its sentence, "" when there is none. */
static enum cli_level
level_of(const char *check, const char **out_text)
{
    enum cli_level level = CLI_LEVEL_OK;

    *out_text = "";
    for (size_t i = 0; i < findings.count; i++) {
        const struct cli_finding *finding = &findings.list[i];

        if (strcmp(finding->check, check) == 0 && finding->level >= level) {
            level = finding->level;
            *out_text = finding->text;
        }
    }
    return level;
}

static void
expect_level(const char *check, enum cli_level level, const char *part)
{
    const char *text;
    enum cli_level found = level_of(check, &text);

    cr_expect_eq(found, level, "%s of %s is %s: %s", check, facts.mount.type, cli_level_name(found),
                 text);
    cr_expect_not_null(strstr(text, part), "\"%s\" does not name \"%s\"", text, part);
}

Test(cli_doctor, healthy_machine_is_ok)
{
    cr_expect_eq(judge(), CLI_LEVEL_OK);
    cr_expect(findings.count >= 6);
}

Test(cli_doctor, file_systems)
{
    static const struct {
        const char *type;
        enum cli_level level;
        const char *part;
        enum cli_level full_disk;
    } CASES[] = {
        {"ext4", CLI_LEVEL_OK, "ext4", CLI_LEVEL_OK},
        {"xfs", CLI_LEVEL_OK, "xfs", CLI_LEVEL_OK},
        {"ext2", CLI_LEVEL_WARNING, "no journal", CLI_LEVEL_OK},
        {"btrfs", CLI_LEVEL_NOTE, "copies instead of overwriting", CLI_LEVEL_NOTE},
        {"zfs", CLI_LEVEL_NOTE, "copies instead of overwriting", CLI_LEVEL_NOTE},
        {"tmpfs", CLI_LEVEL_PROBLEM, "nothing survives loss of power", CLI_LEVEL_OK},
        {"overlay", CLI_LEVEL_WARNING, "upper directory", CLI_LEVEL_NOTE},
        {"fuse.sshfs", CLI_LEVEL_WARNING, "program", CLI_LEVEL_NOTE},
        {"fuseblk", CLI_LEVEL_WARNING, "program", CLI_LEVEL_NOTE},
        {"vfat", CLI_LEVEL_WARNING, "no journal", CLI_LEVEL_OK},
        {"newfs9", CLI_LEVEL_WARNING, "nobody has examined", CLI_LEVEL_NOTE},
        {"ext", CLI_LEVEL_WARNING, "nobody has examined", CLI_LEVEL_NOTE},
        {"f", CLI_LEVEL_WARNING, "nobody has examined", CLI_LEVEL_NOTE},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_mount(CASES[i].type, "rw");
        judge();
        expect_level("file-system", CASES[i].level, CASES[i].part);
        expect_level("full-disk", CASES[i].full_disk, "full disk");
    }
}

Test(cli_doctor, network_is_a_problem_unless_allowed)
{
    set_mount("nfs4", "rw");
    facts.volume.is_network = 1;
    cr_expect_eq(judge(), CLI_LEVEL_PROBLEM);
    expect_level("file-system", CLI_LEVEL_PROBLEM, "network");
    expect_level("full-disk", CLI_LEVEL_NOTE, "only by a sync");
    facts.network_allowed = true;
    cr_expect_eq(judge(), CLI_LEVEL_WARNING);
}

Test(cli_doctor, mount_options)
{
    static const struct {
        const char *type;
        const char *options;
        enum cli_level level;
        const char *part;
    } CASES[] = {
        {"ext4", "rw,relatime", CLI_LEVEL_OK, "nothing that weakens"},
        {"ext4", "rw,nobarrier", CLI_LEVEL_PROBLEM, "nobarrier"},
        {"ext4", "rw,barrier=0", CLI_LEVEL_PROBLEM, "barrier=0"},
        {"ext4", "rw,barrier=1", CLI_LEVEL_OK, ""},
        {"ext4", "rw,data=ordered", CLI_LEVEL_OK, ""},
        {"ext4", "rw,data=writeback", CLI_LEVEL_NOTE, "old bytes"},
        {"ext4", "rw,data=journal", CLI_LEVEL_NOTE, "twice"},
        {"xfs", "ro,relatime,rw", CLI_LEVEL_PROBLEM, "read-only"},
        {"ext4", "rw,errors=remount-ro", CLI_LEVEL_OK, ""},
        {"overlay", "rw,volatile", CLI_LEVEL_PROBLEM, "drops syncs"},
        {"btrfs", "rw,nodatacow", CLI_LEVEL_NOTE, "in place"},
        {"xfs", "rw,sync", CLI_LEVEL_NOTE, "each write is synced"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_mount(CASES[i].type, CASES[i].options);
        judge();
        expect_level("mount-options", CASES[i].level, CASES[i].part);
    }
    facts.has_mount = false;
    judge();
    expect_level("mount-options", CLI_LEVEL_NOTE, "mountinfo");
}

Test(cli_doctor, without_mountinfo_the_number_of_the_kind_names_the_file_system)
{
    facts.has_mount = false;
    snprintf(facts.volume.type, sizeof facts.volume.type, "tmpfs");
    judge();
    expect_level("file-system", CLI_LEVEL_PROBLEM, "tmpfs");
    facts.volume.type[0] = '\0';
    judge();
    expect_level("file-system", CLI_LEVEL_WARNING, "unknown");
}

Test(cli_doctor, sync_too_fast_to_reach_a_disk_is_named)
{
    facts.sync_median_ns = 19999;
    cr_expect_eq(judge(), CLI_LEVEL_WARNING);
    expect_level("sync", CLI_LEVEL_WARNING, "may not reach");
    facts.sync_median_ns = 20000;
    cr_expect_eq(judge(), CLI_LEVEL_OK);
    expect_level("sync", CLI_LEVEL_OK, "20 us");
    facts.sync_median_ns = 50000000;
    judge();
    expect_level("sync", CLI_LEVEL_NOTE, "50000 us");
}

Test(cli_doctor, fast_sync_is_plausible_without_a_cache_to_flush_and_in_memory)
{
    facts.sync_median_ns = 9000;
    snprintf(facts.write_cache, sizeof facts.write_cache, "write through");
    cr_expect_eq(judge(), CLI_LEVEL_NOTE);
    expect_level("sync", CLI_LEVEL_NOTE, "no cache to flush");
    set_mount("tmpfs", "rw");
    facts.write_cache[0] = '\0';
    judge();
    expect_level("sync", CLI_LEVEL_OK, "");
}

Test(cli_doctor, failure_to_write_or_to_sync_is_a_problem)
{
    facts.write_code = EROFS;
    judge();
    expect_level("sync", CLI_LEVEL_PROBLEM, "write a file in /srv/data: Read-only file system");
    facts.write_code = 0;
    facts.sync_code = EIO;
    judge();
    expect_level("sync", CLI_LEVEL_PROBLEM, "sync a file in /srv/data: Input/output error");
}

Test(cli_doctor, devices)
{
    snprintf(facts.backing_file, sizeof facts.backing_file, "/var/disk.img");
    judge();
    expect_level("device", CLI_LEVEL_NOTE, "/var/disk.img");
    facts.journal = CLI_JOURNAL_NONE;
    judge();
    expect_level("journal", CLI_LEVEL_WARNING, "sda1 has no journal");
    facts.journal = CLI_JOURNAL_UNKNOWN;
    judge();
    expect_level("journal", CLI_LEVEL_OK, "");
    facts.journal = CLI_JOURNAL_NONE;
    set_mount("xfs", "rw");
    judge();
    expect_level("journal", CLI_LEVEL_OK, "");
}

Test(cli_doctor, free_space)
{
    static const struct {
        int64_t free_bytes;
        int64_t total_bytes;
        enum cli_level level;
    } CASES[] = {
        {0, 200 * GIB, CLI_LEVEL_PROBLEM},
        {((int64_t)1 << 20) - 1, GIB, CLI_LEVEL_PROBLEM},
        {(int64_t)1 << 20, GIB, CLI_LEVEL_WARNING},
        {((int64_t)64 << 20) - 1, GIB, CLI_LEVEL_WARNING},
        {(int64_t)64 << 20, GIB, CLI_LEVEL_OK},
        {GIB, 200 * GIB, CLI_LEVEL_WARNING}, /* below 1 % */
        {2 * GIB, 200 * GIB, CLI_LEVEL_OK},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        facts.volume.free_bytes = CASES[i].free_bytes;
        facts.volume.total_bytes = CASES[i].total_bytes;
        judge();
        expect_level("free-space", CASES[i].level, "free");
    }
}

Test(cli_doctor, space_that_cannot_be_prepared_is_a_note)
{
    facts.can_zero = false;
    judge();
    expect_level("reserve", CLI_LEVEL_NOTE, "zeroed in place");
    facts.can_reserve = false;
    judge();
    expect_level("reserve", CLI_LEVEL_NOTE, "cannot be reserved");
}

Test(cli_doctor, limits)
{
    facts.descriptor_limit = 1023;
    judge();
    expect_level("descriptors", CLI_LEVEL_WARNING, "1023 files open; 511 ");
    facts.descriptor_limit = 1024;
    judge();
    expect_level("descriptors", CLI_LEVEL_OK, "512");
    facts.max_map_count = 511;
    judge();
    expect_level("maps", CLI_LEVEL_NOTE, "511 maps");
    facts.max_map_count = -1;
    judge();
    expect_level("maps", CLI_LEVEL_OK, "");
    facts.overcommit = 2;
    judge();
    expect_level("memory", CLI_LEVEL_NOTE, "overcommit");
    facts.file_size_limit = 1 << 20;
    judge();
    expect_level("file-size", CLI_LEVEL_WARNING, "1048576");
}
