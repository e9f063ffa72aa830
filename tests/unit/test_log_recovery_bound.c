/* tests/unit/test_log_recovery_bound.c -- Recovery reads what was appended since the slot, and at
 * most one segment more, however long the log is. */
#include <sys/resource.h>
#include <unistd.h>

#include "storage/topic_name.h"
#include "support/recovery_fixture.h"
#include "support/scratch.h"

/* ---- How much ---- */

enum { SPAN = 1000, SPARSE_SIZE = 1024 * 1024 };

/* A file of that SIZE without any blocks. */
static void
store_sparse(int64_t base_offset, int64_t size)
{
    char name[STRAND_SEGMENT_NAME_SIZE];
    char path[256];
    struct strand_file file;

    strand_segment_name_format(base_offset, name);
    (void)snprintf(path, sizeof path, "%s/%s", DIRECTORY, name);
    cr_assert_eq(strand_file_open(request.fs, path, STRAND_FS_WRITE | STRAND_FS_CREATE, &file),
                 STRAND_OK);
    cr_assert_eq(strand_file_set_size(&file, size), STRAND_OK);
    cr_assert_eq(strand_file_close(&file), STRAND_OK);
}

/* COUNT MiB in as many segments, and three more, of records: what the disk then holds is recovered
 * from an unclean stop.  Returns the bytes that were read. */
static int64_t
recover_long_log(int64_t count, int64_t durable_in_last)
{
    char image[256];
    int64_t base = count * SPAN;

    open_disk("");
    for (int64_t i = 0; i < count; i++)
        store_sparse(i * SPAN, SPARSE_SIZE);
    (void)snprintf(
        image, sizeof image, "%lld: %lld+10 | %lld: %lld+10 %lld+5 | %lld: %lld+5 t%lld+5",
        (long long)base, (long long)base, (long long)base + 10, (long long)base + 10,
        (long long)base + 20, (long long)base + 25, (long long)base + 25, (long long)base + 30);
    log_image_write(disk, DIRECTORY, image);
    set_slot(0, base + durable_in_last);
    strand_sim_disk_plan_clear(disk);
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_TORN, "%s", log_found.reason);
    cr_expect_eq(log_found.log_end, base + 30);
    cr_expect_eq(log_found.segment_count, (size_t)count + 3);
    cr_expect_not(log_found.segments[0].is_scanned);
    cr_expect_eq(log_found.segments[0].size, SPARSE_SIZE);
    cr_expect_eq(log_found.segments[0].end_offset, SPAN);
    int64_t bytes_read = strand_sim_disk_bytes_read(disk, ".log");
    cr_expect_eq(log_found.bytes_read, bytes_read, "all of it is reported");
    close_disk();
    return bytes_read;
}

Test(log_recovery_bound, bytes_read_do_not_grow_with_the_log, .timeout = 120)
{
    static const int64_t DURABLE[] = {25, 20, 11, 10, 1};

    for (size_t i = 0; i < sizeof DURABLE / sizeof DURABLE[0]; i++) {
        int64_t at_10 = recover_long_log(10, DURABLE[i]);

        cr_expect_eq(recover_long_log(1000, DURABLE[i]), at_10, "%d", (int)DURABLE[i]);
        cr_expect_lt(at_10, 3000, "the three segments that are not sparse: %lld", (long long)at_10);
    }
    cr_expect_eq(recover_long_log(100000, 25), recover_long_log(10, 25));
}

/* One scan of the last segment, however much of it is durable; and its last byte, to be written
 * again. */
Test(log_recovery_bound, bytes_read_are_those_of_one_segment_at_most)
{
    open_disk("0: 0+1 1+1 | 2: 2+1 3+1 4+1 5+1");
    for (int64_t durable = 3; durable <= 6; durable++) {
        set_slot(0, durable);
        strand_sim_disk_plan_clear(disk);
        recover();
        cr_expect_eq(log_found.bytes_read, 4 * BATCH + 1);
        cr_expect_eq(strand_sim_disk_bytes_read(disk, ".log"), 4 * BATCH + 1);
        cr_expect_eq(log_found.scanned_count, 1);
    }
    close_disk();
}

Test(log_recovery_bound, what_a_search_behind_damage_reads_is_counted)
{
    static const char *const SEGMENTS[] = {
        "0: 0+1 x1+1 2+1 g100 3+1 | 4: 4+1 x5+1 6+1", /* corrupt, with runs */
        "0: 0+1 x1+1 g50 | 4: g20",                   /* torn */
        "0: 0+1 1+1 3+1 3+1 4+1",                     /* refused for their offsets */
        "0: 0+1 e5 1+1 e0 2+1",                       /* and epochs */
    };

    for (size_t i = 0; i < sizeof SEGMENTS / sizeof SEGMENTS[0]; i++) {
        for (int64_t durable = 0; durable <= 4; durable += 4) {
            open_disk(SEGMENTS[i]);
            set_slot(0, durable);
            request.read_only = true;
            strand_sim_disk_plan_clear(disk);
            recover();
            cr_expect_eq(log_found.bytes_read, strand_sim_disk_bytes_read(disk, ".log"), "%s",
                         SEGMENTS[i]);
            close_disk();
        }
    }
}

/* A file of half a GiB behind one batch, on a real file system: all of it is read. */
Test(log_recovery_bound, memory_does_not_grow_with_what_is_read)
{
    enum { SIZE = 512 * 1024 * 1024 };
    char path[SCRATCH_PATH_SIZE];
    struct rusage before;
    struct rusage after;
    int64_t size;

    open_disk("0: 0+1");
    request.directory = scratch_create();
    scratch_path(path, "00000000000000000000.log");
    const uint8_t *batch =
        strand_sim_disk_content(disk, DIRECTORY "/00000000000000000000.log", &size);
    scratch_store(path, batch, (size_t)size);
    cr_assert_eq(truncate(path, SIZE), 0);
    request.fs = strand_fs_posix();
    request.read_only = true;
    cr_assert_eq(getrusage(RUSAGE_SELF, &before), 0);
    recover();
    cr_assert_eq(getrusage(RUSAGE_SELF, &after), 0);
    cr_expect_eq(log_found.log_end, 1);
    cr_expect_eq(log_found.bytes_read, SIZE);
    cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 16 * 1024, "%ld KiB more",
                 after.ru_maxrss - before.ru_maxrss);
    scratch_remove();
    close_disk();
}

/* ---- What is not read ---- */

/* "base-end:size" of each segment, with an S where it was scanned. */
static const char *
listed(void)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < log_found.segment_count; i++) {
        const struct strand_recovered_segment *segment = &log_found.segments[i];

        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld-%lld:%lld%s",
                                 i == 0 ? "" : " ", (long long)segment->base_offset,
                                 (long long)segment->end_offset, (long long)segment->size,
                                 segment->is_scanned ? "S" : "");
    }
    return text;
}

static const struct {
    const char *name;
    const char *segments;
    int64_t log_start;
    int64_t durable_end;
    uint32_t flags;
    enum strand_recovery_verdict verdict;
    const char *listed;
    int64_t log_end;
} CASES[] = {
    {"the durable end inside the last", "0: 0+2 | 2: 2+1 | 3: 3+1 4+1", 0, 4, 0,
     STRAND_VERDICT_WHOLE, "0-2:85 2-3:73 3-5:146S", 5},
    {"at the base of the last: the one before may still have zeros", "0: 0+2 | 2: 2+1 z99 | 3: 3+1",
     0, 3, 0, STRAND_VERDICT_WHOLE, "0-2:85 2-3:73S 3-4:73S", 4},
    {"at the end of an empty one", "0: 0+2 | 2: 2+1 | 3:", 0, 3, 0, STRAND_VERDICT_WHOLE,
     "0-2:85 2-3:73S 3-3:0S", 3},
    {"in an old one: all behind it is read", "0: 0+2 | 2: 2+1 | 3: 3+1", 0, 1, 0,
     STRAND_VERDICT_WHOLE, "0-2:85S 2-3:73S 3-4:73S", 4},
    {"nothing is durable", "0: 0+2 | 2: 2+1", 0, 0, 0, STRAND_VERDICT_WHOLE, "0-2:85S 2-3:73S", 3},
    {"above everything", "0: 0+2 | 2: 2+1 | 3: 3+1", 0, 9, 0, STRAND_VERDICT_CORRUPT,
     "0-2:85 2-3:73 3-4:73S", 4},
    {"in a gap that is legal to its end", "0: 0+2 | 2: 2+1 | 9: 9+1", 0, 9, STRAND_LOG_HAS_GAPS,
     STRAND_VERDICT_WHOLE, "0-2:85 2-3:73S 9-10:73S", 10},
    {"in a gap that is not", "0: 0+2 | 2: 2+1 | 9: 9+1", 0, 7, STRAND_LOG_HAS_GAPS,
     STRAND_VERDICT_CORRUPT, "0-2:85 2-3:73S 9-10:73S", 10},
    {"a gap below it is not seen", "0: 0+2 | 5: 5+1 | 6: 6+1", 0, 7, 0, STRAND_VERDICT_WHOLE,
     "0-5:85 5-6:73 6-7:73S", 7},
    {"damage below it is not seen", "0: x0+2 | 2: 2+1 | 3: 3+1", 0, 4, 0, STRAND_VERDICT_WHOLE,
     "0-2:85 2-3:73 3-4:73S", 4},
    {"an epoch below it is not compared", "0: e9 0+2 | 2: e0 2+1 | 3: 3+1", 0, 4, 0,
     STRAND_VERDICT_WHOLE, "0-2:85 2-3:73 3-4:73S", 4},
    {"damage in the segment that holds it is", "0: 0+2 | 2: 2+1 | 3: x3+1 4+1", 0, 4, 0,
     STRAND_VERDICT_CORRUPT, "0-2:85 2-3:73 3-3:0S 4-5:146S", 5},
    {"an empty one below it held something", "0: 0+2 | 2: | 3: 3+1 | 4: 4+1", 0, 5, 0,
     STRAND_VERDICT_CORRUPT, "0-2:85 2-3:0 3-4:73 4-5:73S", 5},
    {"or it is of a follower that skipped it", "0: 0+2 | 2: | 3: 3+1 | 4: 4+1", 0, 5,
     STRAND_LOG_HAS_GAPS, STRAND_VERDICT_WHOLE, "0-2:85 2-3:0 3-4:73 4-5:73S", 5},
    {"the first is missing", "2: 2+1 | 3: 3+1 | 4: 4+1", 0, 5, 0, STRAND_VERDICT_CORRUPT,
     "2-3:73 3-4:73 4-5:73S", 5},
    {"the first begins above the start of a log with gaps", "2: 2+1 | 3: 3+1 | 4: 4+1", 0, 5,
     STRAND_LOG_HAS_GAPS, STRAND_VERDICT_WHOLE, "2-3:73 3-4:73 4-5:73S", 5},
    {"below the log start nothing is even measured", "0: 0+2 | 2: 2+1 | 3: 3+1 | 4: 4+1", 2, 5, 0,
     STRAND_VERDICT_WHOLE, "2-3:73 3-4:73 4-5:73S", 5},
    {"the log start is all that is durable", "0: 0+2 | 2: 2+1 | 3: 3+1", 3, 3, 0,
     STRAND_VERDICT_WHOLE, "3-4:73S", 4},
};

Test(log_recovery_bound, segments_below_the_durable_end_are_measured_and_the_rest_is_read)
{
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_disk(CASES[i].segments);
        identity.flags = CASES[i].flags;
        set_slot(CASES[i].log_start, CASES[i].durable_end);
        recover();
        cr_expect_eq(log_found.verdict, CASES[i].verdict, "%s: %s", CASES[i].name,
                     log_found.reason);
        cr_expect_str_eq(listed(), CASES[i].listed, "%s: %s", CASES[i].name, listed());
        cr_expect_eq(log_found.log_end, CASES[i].log_end, "%s: %lld", CASES[i].name,
                     (long long)log_found.log_end);
        close_disk();
    }
}

Test(log_recovery_bound, an_empty_segment_below_the_durable_end_says_what_is_missing)
{
    open_disk("0: 0+2 | 2: | 3: 3+1 | 4: 4+1");
    set_slot(0, 5);
    recover();
    cr_expect_eq(log_found.corrupt_first, 2);
    cr_expect_eq(log_found.corrupt_next, 3);
    cr_expect_not_null(strstr(log_found.reason, "segment 2 is empty"), "%s", log_found.reason);
    cr_expect_eq(log_found.scanned_count, 1, "of what lies behind it only the last is read");
    close_disk();
}

/* ---- When all of it is read ---- */

static void
no_slot(void)
{
    request.slot = NULL;
    request.recovery_point = 4;
}
static void
no_epochs(void)
{
    cr_assert_eq(strand_sim_disk_store(disk, DIRECTORY "/" STRAND_LEADER_EPOCH_NAME, NULL, 0),
                 STRAND_OK);
}
static void
bad_epochs(void)
{
    store(STRAND_LEADER_EPOCH_NAME, "0\nx\n");
}
static void
foreign(void)
{
    request.is_foreign = true;
}
static void
asked_for(void)
{
    request.scans_all = true;
}

Test(log_recovery_bound, all_of_it_is_read_without_a_slot_or_epochs_and_where_a_broker_was)
{
    static void (*const CHANGES[])(void) = {no_slot, no_epochs, bad_epochs, foreign, asked_for};

    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        open_disk("0: 0+2 | 2: 2+1 | 3: 3+1");
        set_slot(0, 4);
        CHANGES[i]();
        recover();
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE);
        cr_expect_str_eq(listed(), "0-2:85S 2-3:73S 3-4:73S", "change %zu: %s", i, listed());
        cr_expect_eq(log_found.scanned_count, 3);
        cr_expect_eq(log_found.epochs_before, i == 1 || i == 2 ? -1 : 1);
        close_disk();
    }
}

/* An epoch is durable before its first batch: none that is durable is missing in a history that can
 * be read, not even in one without entries. */
Test(log_recovery_bound, a_history_without_entries_is_one_that_can_be_read)
{
    open_disk("0: e-1 0+2 | 2: 2+1 | 3: 3+1");
    set_slot(0, 4);
    store(STRAND_LEADER_EPOCH_NAME, "0\n0\n");
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE);
    cr_expect_eq(log_found.scanned_count, 1);
    cr_expect_eq(log_found.epochs_before, 0);
    close_disk();
}

Test(log_recovery_bound, what_is_not_read_is_not_synced_and_stays_as_it_is)
{
    open_disk("0: x0+2 | 2: 2+1 z50 | 3: 3+1");
    set_slot(0, 4);
    request.is_same_boot = true;
    strand_sim_disk_plan_clear(disk);
    recover();
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:/85 2:2+1/50 3:3+1");
    for (uint64_t i = 1; i <= strand_sim_disk_calls(disk); i++)
        cr_expect(strstr(strand_sim_disk_trace(disk, i), "sync_data") == NULL ||
                  strstr(strand_sim_disk_trace(disk, i), "0003.log") != NULL);
    cr_expect_eq(log_found.bytes_rewritten, 0);
    close_disk();
}

/* ---- Damage upon damage ---- */

/* The number of places that are listed is limited, and with it the memory and the work. */
Test(log_recovery_bound, more_damage_than_is_listed_is_told_in_the_reason)
{
    static char image[65536];
    size_t used = (size_t)snprintf(image, sizeof image, "0:");

    for (int i = 0; i < 2200; i++)
        used += (size_t)snprintf(image + used, sizeof image - used, " %d+1 g5", i);
    open_disk("");
    log_image_store(disk, DIRECTORY, image, "");
    set_slot(0, 2200);
    recover();
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_eq(log_found.segment_count, 1001, "%zu", log_found.segment_count);
    cr_expect_not_null(strstr(log_found.reason, "segment 0 is not listed from position"), "%s",
                       log_found.reason);
    cr_expect_not(log_found.segments[1000].is_readable);
    cr_expect_eq(log_found.log_end, 1001);
    close_disk();
}

Test(log_recovery_bound, up_to_that_limit_every_place_is_listed)
{
    static char image[65536];
    size_t used = (size_t)snprintf(image, sizeof image, "0:");

    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(image + used, sizeof image - used, " %d+1 g5", i);
    open_disk("");
    log_image_store(disk, DIRECTORY, image, "");
    set_slot(0, 200);
    recover();
    cr_expect_eq(log_found.segment_count, 200);
    cr_expect_eq(log_found.log_end, 200);
    cr_expect_null(strstr(log_found.reason, "not listed"));
    close_disk();
}
