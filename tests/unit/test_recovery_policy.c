/* tests/unit/test_recovery_policy.c -- What an engine does with a damaged log is the host's choice.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/engine_fixture.h"
#include "support/log_image.h"

static void
create(void)
{
    fixture_create();
    fixture.log_options.segment_bytes = 2 * 69;
}

TestSuite(recovery_policy, .init = create, .fini = fixture_destroy, .timeout = 120);

/* Three segments of two records each, killed; the first batch of the segment at BASE is damaged. */
static void
make_damaged_log(int64_t base)
{
    char path[128];
    uint8_t data[2 * 69];
    int64_t size;

    fixture_open();
    fixture_fill(6);
    require_ok(strand_engine_sync(fixture.engine));
    fixture_kill();
    (void)snprintf(path, sizeof path, FIXTURE_LOG "/%020lld.log", (long long)base);
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);
    cr_assert_eq(size, (int64_t)sizeof data);
    memcpy(data, content, sizeof data);
    data[68] ^= 1;
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size));
}

Test(recovery_policy, quarantine_is_the_default)
{
    make_damaged_log(4);
    fixture_open();
    cr_expect_eq(fixture_report().report.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_eq(fixture_report().report.corrupt_first, 4);
    cr_expect_eq(fixture_report().report.corrupt_next, 5);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=v 1=v 2=v 3=v [4,5) 5=v");
}

Test(recovery_policy, refuse_opens_nothing_and_changes_nothing_of_the_log)
{
    char before[256];

    make_damaged_log(4);
    (void)snprintf(before, sizeof before, "%s", fixture_segments());
    fixture.engine_options.recovery_policy = STRAND_RECOVER_REFUSE;
    expect_status(STRAND_ERR_CORRUPT,
                  strand_engine_open(fixture.directory, &fixture.engine_options, &fixture.engine));
    expect_message("orders-0 is damaged");
    cr_expect_str_eq(fixture_segments(), before);
    fixture.engine_options.recovery_policy = STRAND_RECOVER_QUARANTINE;
    fixture_open();
    cr_expect_eq(fixture_report().report.verdict, STRAND_VERDICT_CORRUPT);
}

Test(recovery_policy, salvage_finds_damage_in_every_segment_and_serves_the_rest)
{
    for (int64_t base = 0; base < 6; base += 2) {
        char expected[64] = "";

        fixture_destroy();
        create();
        make_damaged_log(base);
        fixture.engine_options.recovery_policy = STRAND_RECOVER_SALVAGE;
        fixture_open();
        cr_expect_eq(fixture_report().report.verdict, STRAND_VERDICT_SALVAGED);
        cr_expect_eq(fixture_report().report.cut_bytes, 69);
        cr_expect_eq(fixture_report().report.cut_first_offset, base);
        for (int64_t offset = 0; offset < 6; offset++)
            if (offset != base)
                (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                               "%s%lld=v", expected[0] != '\0' ? " " : "", (long long)offset);
        cr_expect_str_eq(fixture_read(base == 0 ? 1 : 0, STRAND_READ_COMMITTED), expected);
        cr_expect_eq(fixture_append("w").base_offset, 6);
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture.engine_options.recovery_policy = STRAND_RECOVER_QUARANTINE;
        fixture_open();
        require_ok(strand_engine_health(fixture.engine));
        cr_expect_eq(fixture_positions().log_end, 7);
        cr_expect_neq(log_image_names(fixture.disk, FIXTURE_LOG, "cut-")[0], '\0');
    }
}

Test(recovery_policy, policies_and_threads_are_checked)
{
    static const struct strand_engine_options bad[] = {
        {.struct_size = sizeof bad[0], .recovery_policy = 3},
        {.struct_size = sizeof bad[0], .recovery_policy = -1},
        {.struct_size = sizeof bad[0], .preparation = 4},
        {.struct_size = sizeof bad[0], .sync_workers = 65},
        {.struct_size = sizeof bad[0], .recovery_threads = 65},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct strand_engine *engine = NULL;

        expect_status(STRAND_ERR_INVALID, strand_engine_open(FIXTURE_DATA, &bad[i], &engine));
        expect_message("is not within 0 and");
    }
}

static uint32_t progress_calls;

static void
note_progress(void *context, uint32_t done, uint32_t total, int64_t bytes_read)
{
    (void)context;
    (void)bytes_read;
    cr_expect_eq(done, ++progress_calls);
    cr_expect_eq(total, 3);
}

Test(recovery_policy, progress_is_told_log_by_log)
{
    struct strand_log *log;

    fixture_open();
    for (int32_t partition = 1; partition < 3; partition++) {
        require_ok(strand_log_open(fixture.engine, "orders", partition, NULL, &log));
        require_ok(strand_log_close(log));
    }
    fixture_close();
    progress_calls = 0;
    fixture.engine_options.progress = note_progress;
    fixture_open_engine();
    cr_expect_eq(progress_calls, 3);
}

/* A segment's file holds another one's batches, and no slot tells what was durable. */
Test(recovery_policy, file_of_another_segment_never_stops_the_host)
{
    static const struct {
        int64_t from, to;
    } copies[] = {{4, 2}, {4, 0}, {2, 0}, {2, 4}, {0, 2}, {0, 4}};
    static const uint8_t no_slots[128];

    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        char from[128];
        char to[128];
        uint8_t data[2 * 69];

        fixture_destroy();
        create();
        make_damaged_log(copies[i].to);
        (void)snprintf(from, sizeof from, FIXTURE_LOG "/%020lld.log", (long long)copies[i].from);
        (void)snprintf(to, sizeof to, FIXTURE_LOG "/%020lld.log", (long long)copies[i].to);
        memcpy(data, strand_sim_disk_content(fixture.disk, from, NULL), sizeof data);
        require_ok(strand_sim_disk_store(fixture.disk, to, data, sizeof data));
        require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.frontier",
                                         no_slots, sizeof no_slots));
        fixture_open();
        const char *text = fixture_read(fixture_positions().log_start, STRAND_READ_COMMITTED);
        cr_expect(fixture_info().info.state == STRAND_LOG_QUARANTINED ||
                      fixture_report().report.verdict != STRAND_VERDICT_WHOLE,
                  "%zu: %s", i, text);
    }
}
