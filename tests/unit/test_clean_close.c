/* tests/unit/test_clean_close.c -- A clean close leaves a marker, and the next opening reads no
 * batch; whatever else happened, it is not believed. */
#include <stdint.h>
#include <string.h>

#include "recovery/clean_marker.h"
#include "support/engine_fixture.h"

#define MARKER FIXTURE_DATA "/strandline.clean"

TestSuite(clean_close, .init = fixture_create, .fini = fixture_destroy, .timeout = 120);

/* Three segments of two records each. */
static void
open_log_of_six(void)
{
    fixture.log_options.segment_bytes = 2 * 69;
    fixture_open();
    fixture_fill(6);
}

static bool
has_marker(void)
{
    return strand_sim_disk_content(fixture.disk, MARKER, NULL) != NULL;
}

static int
verdict(void)
{
    return (int)fixture_report().report.verdict;
}

Test(clean_close, next_opening_reads_no_batch_and_serves_the_same)
{
    open_log_of_six();
    uint64_t generation = fixture_positions().generation;
    fixture_close();
    cr_assert(has_marker());
    strand_sim_disk_cut(fixture.disk, STRAND_SIM_LOSE_ALL,
                        1); /* after the close: it takes nothing */

    strand_sim_disk_plan_clear(fixture.disk);
    fixture_open_engine();
    cr_expect_eq(strand_sim_disk_bytes_read(fixture.disk, ".log"), 0);
    cr_expect_eq(verdict(), STRAND_VERDICT_CLEAN);
    cr_expect(!has_marker(), "consumed");
    fixture_open_log();
    cr_expect_eq(fixture_positions().generation, generation);
    cr_expect_eq(fixture_positions().durable_end, 6);
    cr_expect_eq(fixture_info().info.size_bytes, 6 * 69);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
    fixture_append("more");
    cr_expect_str_eq(fixture_read(5, STRAND_READ_COMMITTED), "5=v 6=more");
}

Test(clean_close, marker_is_gone_for_good_before_anything_changes)
{
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        fixture_destroy();
        fixture_create();
        open_log_of_six();
        fixture_close();
        fixture_open();
        fixture_cut((enum strand_sim_loss)loss);
        cr_expect(!has_marker());
        fixture_open();
        cr_expect_eq(verdict(), STRAND_VERDICT_WHOLE);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v 4=v 5=v");
    }
}

Test(clean_close, a_kill_leaves_no_marker)
{
    open_log_of_six();
    fixture_kill();
    cr_expect(!has_marker());
    fixture_open();
    cr_expect_neq(verdict(), STRAND_VERDICT_CLEAN);
}

/* The log's last segment loses its last byte, or gets one more. */
static void
change_last_size(int by)
{
    static const char path[] = FIXTURE_LOG "/00000000000000000004.log";
    uint8_t data[256] = {0};
    int64_t size;
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);

    memcpy(data, content, (size_t)size);
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size + by));
}

Test(clean_close, marker_beside_other_data_is_not_believed)
{
    for (int by = -1; by <= 1; by += 2) {
        fixture_destroy();
        fixture_create();
        open_log_of_six();
        fixture_close();
        change_last_size(by);
        fixture_open();
        cr_expect_eq(verdict(), by < 0 ? STRAND_VERDICT_CORRUPT : STRAND_VERDICT_WHOLE, "%d: %s",
                     by, fixture_report().reason);
    }
}

/* It was the last one when the log start passed it. */
Test(clean_close, segment_below_the_log_start_goes_before_the_marker_is_written)
{
    for (int trims_again = 0; trims_again < 2; trims_again++) {
        fixture_destroy();
        fixture_create();
        open_log_of_six();
        require_ok(strand_log_trim(fixture.log, 6));
        fixture_fill(8);
        if (trims_again) {
            require_ok(strand_log_trim(fixture.log, 6));
            cr_expect_null(strand_sim_disk_content(fixture.disk,
                                                   FIXTURE_LOG "/00000000000000000004.log", NULL));
        }
        fixture_close();
        cr_expect_null(
            strand_sim_disk_content(fixture.disk, FIXTURE_LOG "/00000000000000000004.log", NULL));
        fixture_open();
        cr_expect_eq(verdict(), STRAND_VERDICT_CLEAN, "%s", fixture_report().reason);
        cr_expect_str_eq(fixture_read(6, STRAND_READ_COMMITTED), "6=v 7=v");
    }
}

/* The batch below the log start still has the epoch, which the history has forgotten. */
Test(clean_close, epoch_dropped_at_the_log_start_stays_dropped)
{
    for (int is_clean = 0; is_clean < 2; is_clean++) {
        int32_t epoch = -1;

        fixture_destroy();
        fixture_create();
        fixture.log_options.flags |= STRAND_LOG_REPLICATED;
        fixture_open();
        require_ok(strand_log_begin_epoch(fixture.log, 7));
        fixture_fill(3);
        require_ok(strand_log_set_high_watermark(fixture.log, 1));
        require_ok(strand_log_trim(fixture.log, 1));
        require_ok(strand_log_truncate(fixture.log, 1, NULL));
        if (is_clean)
            fixture_close();
        else
            fixture_kill();
        fixture_open();
        cr_expect_eq(verdict(), is_clean ? STRAND_VERDICT_CLEAN : STRAND_VERDICT_WHOLE, "%s",
                     fixture_report().reason);
        require_ok(strand_log_epoch_for_offset(fixture.log, 1, &epoch));
        cr_expect_eq(epoch, -1, "%d", (int)epoch);
    }
}

Test(clean_close, damaged_marker_is_none)
{
    uint8_t data[256];
    int64_t size;

    open_log_of_six();
    fixture_close();
    const uint8_t *content = strand_sim_disk_content(fixture.disk, MARKER, &size);
    memcpy(data, content, (size_t)size);
    data[20] ^= 1;
    require_ok(strand_sim_disk_store(fixture.disk, MARKER, data, size));
    fixture_open();
    cr_expect_eq(verdict(), STRAND_VERDICT_WHOLE);
}

Test(clean_close, failed_log_is_left_out)
{
    open_log_of_six();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, 5, false);
    expect_status(STRAND_ERR_FAILED, fixture_try_append("lost", STRAND_DURABLE, NULL));
    strand_sim_disk_plan_clear(fixture.disk);
    (void)strand_log_close(fixture.log);
    expect_status(STRAND_ERR_FAILED, strand_engine_close(fixture.engine));
    fixture.log = NULL;
    fixture.engine = NULL;
    fixture_open();
    cr_expect_neq(verdict(), STRAND_VERDICT_CLEAN);
}

Test(clean_close, reader_neither_consumes_the_marker_nor_reads_more)
{
    open_log_of_six();
    fixture_close();
    fixture.engine_options.flags |= STRAND_ENGINE_READ_ONLY;
    fixture_open();
    cr_expect_eq(verdict(), STRAND_VERDICT_CLEAN);
    cr_expect_str_eq(fixture_read(3, STRAND_READ_COMMITTED), "3=v 4=v 5=v");
    fixture_close();
    cr_expect(has_marker());
}
