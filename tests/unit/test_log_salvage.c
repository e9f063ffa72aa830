/* tests/unit/test_log_salvage.c -- Salvage keeps every whole batch and saves the rest, when it is
 * asked for and has the room.  test_log_salvage_crash.c interrupts it. */
#include "support/salvage_fixture.h"

Test(log_salvage, whole_batches_are_kept_and_the_rest_is_saved)
{
    for (size_t i = 0; i < salvage_case_count; i++) {
        const struct salvage_case *test = &salvage_cases[i];

        open_case(test);
        cr_assert_eq(try_to_recover(true), STRAND_OK, "%s: %s", test->name, strand_error_message());
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_SALVAGED, "%s: %d %s", test->name,
                     (int)log_found.verdict, log_found.reason);
        cr_expect_neq(log_found.reason[0], '\0');
        expect_result(test, "salvaged");
        cr_expect_str_eq(log_image_names(disk, DIRECTORY, "cut-"), test->saved, "%s: %s",
                         test->name, log_image_names(disk, DIRECTORY, "cut-"));
        cr_expect_eq(log_found.log_end, test->log_end, "%s: %lld", test->name,
                     (long long)log_found.log_end);
        cr_expect_eq(log_found.cut_first_offset, test->cut_first_offset, "%s: %lld", test->name,
                     (long long)log_found.cut_first_offset);
        cr_expect_eq(log_found.cut_bytes, test->cut_bytes, "%s: %lld", test->name,
                     (long long)log_found.cut_bytes);
        cr_expect(log_found.has_cut, "a new generation is due");
        cr_expect(log_found.has_gaps);
        cr_expect_eq(log_found.corrupt_first, -1);
        cr_expect_not(strand_sim_disk_is_dirty(disk, DIRECTORY), "%s", test->name);
        cr_expect_eq(strand_sim_disk_open_files(disk), 0);

        cr_assert_eq(try_to_recover(false), STRAND_OK);
        cr_expect((identity.flags & STRAND_LOG_HAS_GAPS) != 0, "%s: the gaps are declared",
                  test->name);
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_WHOLE, "%s, again: %s", test->name,
                     log_found.reason);
        cr_expect_eq(log_found.log_end, test->log_end, "%s", test->name);
        expect_result(test, "again");
        close_disk();
    }
}

Test(log_salvage, without_being_asked_or_read_only_nothing_is_changed)
{
    for (size_t i = 0; i < salvage_case_count; i++) {
        for (int read_only = 0; read_only < 2; read_only++) {
            char before[TEXT_SIZE];
            char names[TEXT_SIZE];

            open_case(&salvage_cases[i]);
            (void)snprintf(before, sizeof before, "%s", log_image_read(disk, DIRECTORY, ".log"));
            (void)snprintf(names, sizeof names, "%s", log_image_names(disk, DIRECTORY, ""));
            request.read_only = read_only != 0;
            cr_assert_eq(try_to_recover(read_only != 0), STRAND_OK);
            cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT, "%s", salvage_cases[i].name);
            cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), before);
            cr_expect_str_eq(log_image_names(disk, DIRECTORY, ""), names);
            close_disk();
        }
    }
}

Test(log_salvage, saved_bytes_are_those_that_were_taken_out)
{
    uint8_t before[2 * BATCH];
    int64_t size;

    open_case(&salvage_cases[0]);
    const uint8_t *data =
        strand_sim_disk_content(disk, DIRECTORY "/00000000000000000000.log", &size);
    memcpy(before, data, sizeof before);
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    data = strand_sim_disk_content(disk, DIRECTORY "/cut-00000000000000000001.bytes", &size);
    cr_assert_eq(size, BATCH);
    cr_expect_eq(memcmp(data, before + BATCH, BATCH), 0);
    close_disk();
}

/* A flipped digit must not use up the offsets. */
Test(log_salvage, an_end_that_only_a_text_file_names_is_not_believed)
{
    static const struct {
        const char *segments;
        int64_t recovery_point;
        int64_t log_start;
        const char *kept;
    } CASES[] = {{"0: 0+1 1+1", 9, 0, "0:0+1,1+1"},
                 {"0: 0+1 1+1", INT64_MAX, 0, "0:0+1,1+1"},
                 {"0: 0+1 1+1", 0, INT64_MAX, "0:0+1,1+1"},
                 {"0: 0+1 1+1 z99", 9, 9, "0:0+1,1+1"},
                 {"0: 0+1 1+1 x2+1", 9, 0, "0:0+1,1+1"}};

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        open_case(&(struct salvage_case){.segments = CASES[i].segments, .has_no_slot = true});
        request.recovery_point = CASES[i].recovery_point;
        request.log_start = CASES[i].log_start;
        cr_assert_eq(try_to_recover(true), STRAND_OK, "%s", strand_error_message());
        cr_expect_eq(log_found.verdict, STRAND_VERDICT_SALVAGED, "case %zu: %s", i,
                     log_found.reason);
        cr_expect_eq(log_found.log_end, 2, "case %zu: %lld", i, (long long)log_found.log_end);
        cr_expect_eq(log_found.log_start, 0, "no record is hidden on its word");
        cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), CASES[i].kept, "case %zu: %s", i,
                         log_image_read(disk, DIRECTORY, ".log"));
        close_disk();
    }
}

/* ---- Beside it ---- */

Test(log_salvage, without_room_to_save_it_stays_quarantined)
{
    open_case(&salvage_cases[0]);
    char names[TEXT_SIZE];
    (void)snprintf(names, sizeof names, "%s", log_image_names(disk, DIRECTORY, ""));
    strand_sim_disk_set_capacity(disk, 1);
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_not_null(strstr(log_found.reason, "no room to save"), "%s", log_found.reason);
    cr_expect_not_null(strstr(log_found.reason, "position 73"), "%s", log_found.reason);
    cr_expect_eq(log_found.corrupt_first, 1);
    cr_expect_eq(log_found.corrupt_next, 2);
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, ""), names);

    strand_sim_disk_set_capacity(disk, 0);
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_SALVAGED);
    close_disk();
}

Test(log_salvage, whatever_room_there_is_the_log_is_salvaged_or_still_quarantined)
{
    for (int64_t blocks = 1; blocks < 16; blocks++) {
        open_case(&salvage_cases[2]);
        strand_sim_disk_set_capacity(disk, blocks * 4096);
        int status = try_to_recover(true);
        cr_expect(status == STRAND_OK || status == STRAND_ERR_NO_SPACE);
        if (status == STRAND_OK)
            cr_expect(log_found.verdict == STRAND_VERDICT_CORRUPT ||
                      log_found.verdict == STRAND_VERDICT_SALVAGED);
        strand_sim_disk_set_capacity(disk, 0);
        cr_assert_eq(try_to_recover(true), STRAND_OK);
        expect_result(&salvage_cases[2], "with room");
        close_disk();
    }
}

Test(log_salvage, a_log_that_is_not_corrupt_is_left_to_recovery)
{
    open_disk("0: 0+1 x1+1 2+1");
    cr_assert_eq(strand_log_identity_write(request.fs, DIRECTORY, &identity), STRAND_OK);
    set_slot(0, 1);
    restarts = 0;
    request.restart = count_restart;
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_SUSPECT);
    cr_expect_eq(restarts, 0);
    load_identity();
    cr_expect_eq(identity.flags, 0);
    close_disk();
}

static int visits;

static void
count_visit(void *argument, int64_t segment_base_offset, const uint8_t *batch, int64_t position)
{
    (void)argument;
    (void)segment_base_offset;
    (void)batch;
    (void)position;
    visits++;
}

static void
forget_visits(void *argument)
{
    (void)argument;
    visits = 0;
}

Test(log_salvage, visits_begin_anew)
{
    open_case(&salvage_cases[0]);
    request.visit = count_visit;
    request.restart = forget_visits;
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(visits, 3);
    close_disk();
}

Test(log_salvage, a_hard_linked_copy_keeps_what_it_has)
{
    int64_t size;

    open_case(&salvage_cases[0]);
    cr_assert_eq(request.fs->link(request.fs->context, DIRECTORY "/00000000000000000000.log",
                                  "/data/backup"),
                 0);
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    (void)strand_sim_disk_content(disk, "/data/backup", &size);
    cr_expect_eq(size, 4 * BATCH);
    close_disk();
}

Test(log_salvage, kafkas_indexes_go_before_the_segments_change)
{
    open_case(&salvage_cases[0]);
    store("00000000000000000000.timeindex", "x");
    request.is_foreign = true;
    request.recovery_point = 4;
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_SALVAGED);
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, "timeindex"), "");
    close_disk();
}

Test(log_salvage, more_damage_than_can_be_remembered_stays_quarantined)
{
    static char image[65536];
    size_t used = (size_t)snprintf(image, sizeof image, "0:");

    for (int i = 0; i < 1100; i++)
        used += (size_t)snprintf(image + used, sizeof image - used, " %d+1 g5", i);
    open_disk("");
    log_image_store(disk, DIRECTORY, image, "");
    cr_assert_eq(strand_log_identity_write(request.fs, DIRECTORY, &identity), STRAND_OK);
    set_slot(0, 1100);
    request.restart = count_restart;
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_not_null(strstr(log_found.reason, "too many places"), "%s", log_found.reason);
    cr_expect_str_eq(log_image_names(disk, DIRECTORY, "cut-"), "");
    close_disk();
}

/* Its outputs are not whole, and its inputs may be gone: which of them rule nobody can say. */
Test(log_salvage, a_damaged_compaction_stays_quarantined)
{
    open_disk("0: 0+1 1+1");
    log_image_store(disk, DIRECTORY, "0: x0+1", ".swap");
    cr_assert_eq(strand_log_identity_write(request.fs, DIRECTORY, &identity), STRAND_OK);
    request.restart = count_restart;
    cr_assert_eq(try_to_recover(true), STRAND_OK);
    cr_expect_eq(log_found.verdict, STRAND_VERDICT_CORRUPT);
    cr_expect_str_eq(log_image_read(disk, DIRECTORY, ".log"), "0:0+1,1+1");
    close_disk();
}
