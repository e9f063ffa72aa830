/* tests/unit/test_log_damage.c -- What lies outside the CRC of a batch, and batches that were meant
 * for another place: what is told to be damaged ends where it does. */
#include <stdio.h>
#include <string.h>

#include "storage/batch_format.h"
#include "support/engine_fixture.h"

enum { BATCH = 69, DELTA = STRAND_BATCH_LAST_OFFSET_DELTA + 3, LENGTH = STRAND_BATCH_LENGTH + 3 };

#define NINE "0=v 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"

static char notices[1024];

static void
note(void *context, int level, const char *text)
{
    size_t used = strlen(notices);

    (void)context;
    (void)snprintf(notices + used, sizeof notices - used, "%d %s\n", level, text);
}

static void
create(void)
{
    fixture_create();
    fixture.engine_options.notice = note;
    fixture.log_options.segment_bytes = 3 * BATCH;
}

TestSuite(log_damage, .init = create, .fini = fixture_destroy, .timeout = 60);

static void
segment_path(int64_t base, char path[128])
{
    (void)snprintf(path, 128, FIXTURE_LOG "/%020lld.log", (long long)base);
}

static void
flip(int64_t base, int64_t position, uint8_t mask)
{
    char path[128];
    uint8_t data[3 * BATCH];
    int64_t size;

    segment_path(base, path);
    const uint8_t *content = strand_sim_disk_content(fixture.disk, path, &size);
    cr_assert_not_null(content);
    cr_assert_eq(size, (int64_t)sizeof data);
    memcpy(data, content, sizeof data);
    data[position] ^= mask;
    require_ok(strand_sim_disk_store(fixture.disk, path, data, size));
}

/* The first COUNT batches of segment TO become those of FROM. */
static void
misplace(int64_t from, int64_t to, size_t count)
{
    char path[128];
    uint8_t data[3 * BATCH];

    segment_path(to, path);
    memcpy(data, strand_sim_disk_content(fixture.disk, path, NULL), sizeof data);
    segment_path(from, path);
    memcpy(data, strand_sim_disk_content(fixture.disk, path, NULL), count * BATCH);
    segment_path(to, path);
    require_ok(strand_sim_disk_store(fixture.disk, path, data, sizeof data));
}

/* All of it is durable, and nothing vouches for it. */
static void
stop(void)
{
    fixture_close();
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.clean", NULL, 0));
}

Test(log_damage, batch_that_lies_about_its_end_hides_no_neighbour)
{
    static const struct {
        int64_t base, position;
        uint8_t mask;
        int64_t offset; /* to read from */
        const char *text;
    } cases[] = {
        {0, DELTA, 0x01, 0, "[0,1) 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {0, DELTA, 0x01, 1, "1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {3, BATCH + DELTA, 0x01, 0, "0=v 1=v 2=v 3=v [4,5) 5=v 6=v 7=v 8=v"},
        {3, BATCH + DELTA, 0x01, 5, "5=v 6=v 7=v 8=v"},
        {6, 2 * BATCH + DELTA, 0x01, 7, "7=v [8,9)"},
        {0, LENGTH, 0x02, 0, "[0,1) 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {0, LENGTH, 0x02, 1, "1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {0, LENGTH, 0x40, 0, "[0,1) 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v"},
        {3, BATCH + LENGTH, 0x01, 5, "5=v 6=v 7=v 8=v"},
    };

    fixture_open();
    fixture_fill(9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        flip(cases[i].base, cases[i].position, cases[i].mask);
        cr_expect_str_eq(fixture_read(cases[i].offset, STRAND_READ_COMMITTED), cases[i].text, "%zu",
                         i);
        flip(cases[i].base, cases[i].position, cases[i].mask); /* and back */
    }
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), NINE);
}

Test(log_damage, batches_of_a_later_segment_hide_none_of_theirs_and_none_behind)
{
    fixture_open();
    fixture_fill(9);
    misplace(3, 0, 3);
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "[0,3) 3=v 4=v 5=v 6=v 7=v 8=v");
    misplace(6, 3, 2);
    cr_expect_str_eq(fixture_read(3, STRAND_READ_COMMITTED), "[3,5) 5=v 6=v 7=v 8=v");
}

Test(log_damage, batch_with_a_higher_offset_hides_none_behind_it_from_a_quarantined_log)
{
    static const uint8_t masks[] = {0x01, 0x08, 0x80};

    for (size_t i = 0; i < sizeof masks; i++) {
        fixture_open();
        fixture_fill(9);
        stop();
        flip(6, STRAND_BATCH_BASE_OFFSET + 7, masks[i]);
        fixture_open();
        cr_expect_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED, "%zu", i);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_WRITTEN),
                         "0=v 1=v 2=v 3=v 4=v 5=v [6,7) 7=v 8=v", "%zu", i);
        cr_expect_eq(fixture_positions().log_end, 9, "%zu", i);
        fixture_destroy();
        create();
    }
}

Test(log_damage, epoch_history_that_was_emptied_is_learnt_from_all_batches)
{
    static const char *const texts[] = {"", "0\n", "0\n0\n"};

    fixture_open();
    fixture_fill(4);
    require_ok(strand_log_begin_epoch(fixture.log, 7));
    fixture_fill(9);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        stop();
        require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_EPOCHS, texts[i],
                                         (int64_t)strlen(texts[i])));
        fixture_open();
        cr_expect_str_eq(fixture_epochs(), "0 2 0 0 7 4 ", "%zu", i);
        cr_expect_eq(fixture_report().report.epochs_before, 0, "%zu", i);
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), NINE, "%zu", i);
    }
}

Test(log_damage, log_that_the_frontier_has_lost_is_told)
{
    fixture_open();
    fixture_fill(9);
    stop();
    notices[0] = '\0';
    fixture_open();
    cr_expect_str_eq(notices, "");
    stop();
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.frontier", NULL, 0));
    fixture_open();
    cr_expect_str_eq(notices, "4 orders-0: the frontier does not know it\n");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), NINE);

    stop();
    require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_LOG "/strandline.id", NULL, 0));
    notices[0] = '\0';
    fixture_open();
    cr_expect_str_eq(notices,
                     "4 orders-0: the frontier does not know it, for it has no strandline.id\n");
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), NINE);
}

Test(log_damage, log_that_ends_below_its_start_is_empty_and_tells_what_is_gone)
{
    char path[128];

    fixture_open();
    fixture_fill(9);
    require_ok(strand_log_trim(fixture.log, 8));
    stop();
    segment_path(6, path);
    require_ok(strand_sim_disk_store(fixture.disk, path,
                                     strand_sim_disk_content(fixture.disk, path, NULL), BATCH));
    fixture_open();
    struct strand_positions positions = fixture_positions();
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_QUARANTINED);
    cr_expect_eq(positions.log_start, 8);
    cr_expect_eq(positions.log_end, 8);
    cr_expect_eq(positions.high_watermark, 8);
    cr_expect_str_eq(fixture_read(8, STRAND_READ_WRITTEN), "[8,9)");
}
