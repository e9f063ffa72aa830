/* crashtest/passes.c -- The table of passes.
 *
 * What is costly stands where states are few: a second crash multiplies them, so that the detailed
 * looks belong to the first.
 */
#include "crashtest/passes.h"

#include <string.h>

static const uint32_t ALL_FAULTS = STRAND_CRASH_FAULT_IO | STRAND_CRASH_FAULT_IO_STICKY |
                                   STRAND_CRASH_FAULT_NO_SPACE | STRAND_CRASH_FAULT_NO_SPACE_STICKY;

const struct crashtest_pass_form crashtest_passes[CRASHTEST_PASS_END] = {
    [CRASHTEST_PASS_CUTS] =
        {
            .name = "cuts",
            .about = "one crash anywhere; every detail is looked at",
            .looks = CRASHTEST_LOOK_AGAIN,
            .depth = 1,
        },
    [CRASHTEST_PASS_TWICE] =
        {
            .name = "twice",
            .about = "a second crash anywhere in recovery, and in what goes on after it",
            .looks = CRASHTEST_LOOK_ON,
            .depth = 2,
        },
    [CRASHTEST_PASS_FAULTS] =
        {
            .name = "faults",
            .about = "each call fails, once or from there on, with EIO or ENOSPC; then a crash",
            .depth = 1,
            .faults = ALL_FAULTS,
        },
    [CRASHTEST_PASS_FULL] =
        {
            .name = "full",
            .about = "one crash; recovery finds no room on the disk at all",
            .looks = CRASHTEST_LOOK_FULL,
            .depth = 1,
        },
    [CRASHTEST_PASS_NAMES] =
        {
            .name = "names",
            .about = "one crash; any subset of names survives, not just the first few",
            .depth = 1,
            .directories = STRAND_CRASH_ANY,
        },
    [CRASHTEST_PASS_INDEX] =
        {
            .name = "index",
            .about = "one crash; a real LMDB index, as its last commit left it",
            .looks = CRASHTEST_LOOK_AGAIN,
            .index = CRASHTEST_INDEX_KEPT,
            .depth = 1,
        },
    [CRASHTEST_PASS_OLD_INDEX] =
        {
            .name = "old-index",
            .about = "one crash; the index as an earlier commit left it",
            .looks = CRASHTEST_LOOK_AGAIN,
            .index = CRASHTEST_INDEX_OLD,
            .depth = 1,
        },
    [CRASHTEST_PASS_NO_INDEX] =
        {
            .name = "no-index",
            .about = "one crash; the files of the index are gone",
            .looks = CRASHTEST_LOOK_AGAIN,
            .index = CRASHTEST_INDEX_GONE,
            .depth = 1,
        },
    [CRASHTEST_PASS_BAD_INDEX] =
        {
            .name = "bad-index",
            .about = "one crash; bytes of the index are wrong",
            .looks = CRASHTEST_LOOK_AGAIN,
            .index = CRASHTEST_INDEX_DAMAGED,
            .depth = 1,
        },
};

enum crashtest_pass
crashtest_pass_find(const char *name)
{
    enum crashtest_pass pass = CRASHTEST_PASS_CUTS;

    while (pass < CRASHTEST_PASS_END && strcmp(crashtest_passes[pass].name, name) != 0)
        pass++;
    return pass;
}
