/* tests/unit/test_log_recovery_bad_input.c -- Whatever stands in a log's directory, recovery comes
 * to a verdict, and loses nothing that the log still holds.  A marker that names other data is
 * test_log_recovery_clean.c's, copies and strangers in the data directory test_engine_recovery.c's
 * and test_open_kafka.c's. */
#include <errno.h>

#include "support/recovery_fixture.h"

/* ---- The epoch file ---- */

static const struct {
    const char *name;
    const char *epochs;
    const char *after;
    int32_t before;
    bool is_rebuilt;
} EPOCHS[] = {
    {"epochs that descend", "0\n2\n3 0\n2 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"epochs that repeat", "0\n2\n1 0\n1 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"offsets that descend", "0\n2\n1 2\n4 0\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"offsets that repeat", "0\n2\n1 2\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"a negative epoch", "0\n2\n-1 0\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"a negative offset", "0\n2\n1 -5\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"a huge epoch", "0\n2\n1 0\n99999999999 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"a huge offset", "0\n2\n1 0\n4 99999999999999999999\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"another version", "1\n2\n1 0\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"too high a count", "0\n3\n1 0\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"too low a count", "0\n1\n1 0\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"a huge count", "0\n999999999999\n1 0\n4 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"not a number", "0\n2\n1 0\nx 2\n", "0\n2\n1 0\n4 2\n", -1, true},
    {"half of it", "0\n2\n1 0\n4", "0\n2\n1 0\n4 2\n", -1, true},
    {"an entry beyond the log end", "0\n4\n1 0\n4 2\n5 4\n6 5\n", "0\n3\n1 0\n4 2\n5 4\n", 4,
     false},
    {"nothing but entries beyond it", "0\n1\n6 500\n", NULL, 1, false},
    {"without entries", "0\n0\n", "0\n2\n1 0\n4 2\n", 0, false},
    {"empty", "", "0\n2\n1 0\n4 2\n", 0, false},
};

Test(log_recovery_bad_input, an_epoch_file_that_cannot_be_is_learnt_anew_from_the_batches)
{
    for (size_t i = 0; i < sizeof EPOCHS / sizeof EPOCHS[0]; i++) {
        open_disk("0: e1 0+2 | 2: e4 2+1 3+1");
        store(STRAND_LEADER_EPOCH_NAME, EPOCHS[i].epochs);
        set_slot(0, EPOCHS[i].after == NULL ? 0 : 2);
        recover();
        cr_expect_eq(log_found.epochs_before, EPOCHS[i].before, "%s: %d", EPOCHS[i].name,
                     (int)log_found.epochs_before);
        cr_expect_eq(log_found.epochs_were_rebuilt, EPOCHS[i].is_rebuilt, "%s", EPOCHS[i].name);
        if (EPOCHS[i].after != NULL) {
            cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE, "%s: %s", EPOCHS[i].name,
                         log_found.reason);
            cr_expect_eq(log_found.log_end, 4, "%s", EPOCHS[i].name);
            cr_expect_str_eq(recovery_case_epochs(disk), EPOCHS[i].after, "%s: %s", EPOCHS[i].name,
                             recovery_case_epochs(disk));
        } else {
            cr_expect_eq(log_found.verdict, STRAND_VERDICT_SUSPECT, "%s: %s", EPOCHS[i].name,
                         "batches that contradict it are saved before they are cut");
        }
        close_disk();
    }
}

/* ---- Names ---- */

Test(log_recovery_bad_input, names_that_are_no_segments_are_left_alone)
{
    static const char *const NAMES[] = {
        "abc.log",
        ".log",
        "123.log",
        "-0000000000000000001.log",
        "0000000000000000000x.log",
        "000000000000000000000.log",
        "99999999999999999999.log", /* above what an offset can be */
        "00000000000000000001.LOG",
        "00000000000000000001.log.bak",
        "00000000000000000001",
    };

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[256];
        int64_t size;

        open_disk("0: 0+1 1+1");
        store(NAMES[i], "not a batch");
        set_slot(0, 1);
        recover();
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE, "%s: %s", NAMES[i], log_found.reason);
        cr_expect_eq(log_found.log_end, 2, "%s", NAMES[i]);
        cr_expect_eq(log_found.segment_count, 1, "%s", NAMES[i]);
        (void)snprintf(path, sizeof path, "%s/%s", DIRECTORY, NAMES[i]);
        cr_expect_not_null(strand_sim_disk_content(disk, path, &size), "%s", NAMES[i]);
        close_disk();
    }
}

/* ---- How segments adjoin ---- */

static const struct {
    const char *name;
    const char *segments;
    int64_t durable_end;
    bool has_slot;
    enum strand_recovery_verdict verdict;
    const char *reason;
} JOINS[] = {
    {"a gap below the durable end", "0: 0+2 | 5: 5+1", 5, true, STRAND_VERDICT_CORRUPT,
     "segment 5 begins above the end of the one before, 2"},
    {"a gap above it", "0: 0+2 | 5: 5+1", 2, true, STRAND_VERDICT_SUSPECT,
     "segment 5 begins above the end of the one before, 2"},
    {"an overlap below it", "0: 0+2 | 1: 1+1", 2, false, STRAND_VERDICT_CORRUPT,
     "segment 1 begins below the end of the one before, 2"},
    {"an overlap above it", "0: 0+2 | 1: 1+1", 1, true, STRAND_VERDICT_SUSPECT,
     "segment 1 begins below the end of the one before, 2"},
    {"two with the same records", "0: 0+2 2+2 | 2: 2+2 | 4: 4+1", 2, true, STRAND_VERDICT_SUSPECT,
     "segment 2 begins below the end of the one before, 4"},
    {"a batch that is there twice", "0: 0+2 0+2 2+1", 3, true, STRAND_VERDICT_CORRUPT,
     "expected offset 2"},
    {"a batch of another log", "0: 0+2 700+2", 2, true, STRAND_VERDICT_SUSPECT,
     "expected offset 2"},
    {"a batch below the base of its segment", "5: 3+2", 5, false, STRAND_VERDICT_SUSPECT,
     "expected offset 5"},
};

Test(log_recovery_bad_input, gaps_and_overlaps_are_named_with_their_offsets)
{
    for (size_t i = 0; i < sizeof JOINS / sizeof JOINS[0]; i++) {
        open_disk(JOINS[i].segments);
        if (JOINS[i].has_slot)
            set_slot(0, JOINS[i].durable_end);
        request.recovery_point = JOINS[i].durable_end;
        recover();
        cr_expect_eq(log_found.verdict, JOINS[i].verdict, "%s: %d", JOINS[i].name,
                     (int)log_found.verdict);
        cr_expect_not_null(strstr(log_found.reason, JOINS[i].reason), "%s: %s", JOINS[i].name,
                           log_found.reason);
        close_disk();
    }
}

/* Behind a batch that was refused for its offset the log is readable, too. */
Test(log_recovery_bad_input, what_stands_behind_a_refused_batch_is_not_lost)
{
    static const struct {
        const char *segments;
        int64_t offset; /* of the run behind it */
        int64_t position;
    } CASES[] = {
        {"0: 0+1 5+1 6+1", 5, BATCH},               /* the batch itself */
        {"0: 0+1 0+1 1+1 2+1", 1, 2 * BATCH},       /* behind a copy */
        {"0: 0+1 e3 1+1 e0 2+1 3+1", 2, 2 * BATCH}, /* behind another epoch */
        {"0: 0+1 g50 1+1 2+1", 1, BATCH + 50},      /* behind what was put in between */
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_disk(CASES[i].segments);
        set_slot(0, 7);
        recover();
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT, "case %zu", i);
        cr_assert_eq(log_found.segment_count, 2, "case %zu: %zu", i, log_found.segment_count);
        cr_expect_eq(log_found.segments[1].base_offset, CASES[i].offset, "case %zu", i);
        cr_expect_eq(log_found.segments[1].start_position, CASES[i].position, "case %zu", i);
        cr_expect_eq(log_found.segments[1].batch_count, 2, "case %zu", i);
        cr_expect_eq(log_found.segments[1].first_timestamp_ms, 1000 + CASES[i].offset);
        cr_expect_eq(log_found.corrupt_next, CASES[i].offset, "case %zu", i);
        close_disk();
    }
}

/* ---- Numbers ---- */

Test(log_recovery_bad_input, offsets_of_the_text_files_may_be_anything)
{
    static const int64_t OFFSETS[] = {0, 1, 2, 3, 1000, INT64_MAX - 1, INT64_MAX};
    const size_t count = sizeof OFFSETS / sizeof OFFSETS[0];

    for (size_t i = 0; i < count * count; i++) {
        open_disk("0: 0+1 1+1 | 2: 2+1");
        request.recovery_point = OFFSETS[i / count];
        request.log_start = OFFSETS[i % count];
        recover();
        bool is_beyond = request.recovery_point > 3 || request.log_start > 3;
        cr_expect_eq(log_found.verdict, is_beyond ? STRAND_VERDICT_CORRUPT : STRAND_VERDICT_WHOLE,
                     "%zu: %s", i, log_found.reason);
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1 2:2+1",
                         "no record goes on the word of a text file");
        close_disk();
    }
}

Test(log_recovery_bad_input, a_base_offset_next_to_the_largest_is_one)
{
    open_disk("9223372036854775806: 9223372036854775806+1");
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE, "%s", log_found.reason);
    cr_expect_eq(log_found.log_end, INT64_MAX);
    close_disk();
}
