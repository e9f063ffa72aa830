/* tests/unit/test_crash_states.c -- The states that a power cut may leave are these and no others.
 *
 * Each test writes a small history and compares all that is generated with a list made by hand.  A
 * state is written "/d /d/f A512.512B3": what there is, sorted, each file with its bytes as letters
 * and counts, '.' being zeros.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "simulation/crash_load.h"
#include "simulation/crash_states.h"
#include "simulation/sim_record.h"
#include "support/sim_fixture.h"

enum { STATES_MAX = 64, TEXT_SIZE = 512 };

static struct strand_sim_record record;
static struct strand_crash_disk held;
static struct strand_crash_disk former; /* before a first crash */
static struct strand_crash_states states;
static char texts[STATES_MAX][TEXT_SIZE];
static uint64_t hashes[STATES_MAX];
static size_t text_count;
static size_t applied;

static void
begin_recording(void)
{
    open_disk();
    strand_sim_record_clear(&record, STRAND_SIM_ROOT_NUMBER);
    strand_sim_disk_record(disk, &record);
    strand_crash_disk_clear(&held);
    states.rules = (struct strand_crash_rules){.states_max = 10000};
    applied = 0;
}

static void
end_recording(void)
{
    strand_sim_disk_record(disk, NULL);
    strand_crash_states_free(&states);
    strand_crash_disk_free(&held);
    strand_crash_disk_free(&former);
    strand_sim_record_free(&record);
    close_disk();
}

TestSuite(crash_states, .init = begin_recording, .fini = end_recording);

/* ---- Writing states down ---- */

struct listing {
    struct strand_sim_disk *of;
    const char *directory;
    char *text;
};

static void
append_bytes(char *text, const uint8_t *bytes, int64_t size)
{
    for (int64_t i = 0; i < size;) {
        int64_t start = i;

        while (i < size && bytes[i] == bytes[start])
            i++;
        sprintf(text + strlen(text), "%c%d", bytes[start] == 0 ? '.' : bytes[start],
                (int)(i - start));
    }
}

static int
append_entry(void *argument, const char *name)
{
    struct listing *listing = argument;
    const struct strand_fs *of_fs = strand_sim_disk_fs(listing->of);
    char path[64];
    int64_t size = 0;

    sprintf(path, "%s/%s", listing->directory, name);
    sprintf(listing->text + strlen(listing->text), "%s%s", *listing->text == '\0' ? "" : " ", path);
    const uint8_t *bytes = strand_sim_disk_content(listing->of, path, &size);
    if (bytes != NULL) {
        strcat(listing->text, " ");
        append_bytes(listing->text, bytes, size);
        return 0;
    }
    struct listing below = {listing->of, path, listing->text};
    return of_fs->list(of_fs->context, path, append_entry, &below);
}

static void
write_down(struct strand_sim_disk *of, char *text)
{
    struct listing listing = {of, "", text};

    text[0] = '\0';
    cr_assert_eq(fs->list(of, "/", append_entry, &listing), 0);
}

/* All that has happened until now. */
static void
catch_up(void)
{
    while (applied < record.operation_count)
        strand_crash_disk_apply(&held, &record, ++applied);
}

/* Generate all states; the same hash must mean the same state, and no other. */
static void
generate(void)
{
    static const struct strand_sim_disk_options options = {.seed = 1};
    struct strand_crash_generated state;
    struct strand_crash_disk image = {0};

    catch_up();
    text_count = 0;
    strand_crash_states_begin(&states, &held, 0);
    uint64_t number = 0;
    for (; strand_crash_states_next(&states, &state); number++) {
        char text[TEXT_SIZE];
        size_t known = 0;

        cr_assert_eq(state.number, number);
        strand_crash_states_build(&states, &image);
        struct strand_sim_disk *left = strand_crash_load(&image, &options, 1, 1);
        write_down(left, text);
        cr_expect_not(strand_sim_disk_is_dirty(left, "/"));
        strand_sim_disk_destroy(left);
        while (known < text_count && strcmp(texts[known], text) != 0)
            known++;
        for (size_t i = 0; i < text_count; i++)
            cr_expect_eq(hashes[i] == state.hash, i == known, "%s, %s", texts[i], text);
        if (known < text_count)
            continue;
        cr_assert_lt(text_count, (size_t)STATES_MAX);
        hashes[text_count] = state.hash;
        strcpy(texts[text_count++], text);
    }
    cr_expect_eq(number, states.count);
    strand_crash_disk_free(&image);
}

/* Exactly the states in LIST, separated by '|', in any order. */
static void
expect_states(const char *list)
{
    size_t found = 0;

    generate();
    for (const char *start = list; start != NULL;) {
        const char *end = strchr(start, '|');
        size_t size = end == NULL ? strlen(start) : (size_t)(end - start);
        size_t i = 0;

        while (i < text_count && (strlen(texts[i]) != size || memcmp(texts[i], start, size) != 0))
            i++;
        cr_expect_lt(i, text_count, "not generated: %.*s", (int)size, start);
        found++;
        start = end == NULL ? NULL : end + 1;
    }
    cr_expect_eq(text_count, found);
    for (size_t i = 0; i < text_count && text_count != found; i++)
        cr_expect(false, "generated: %s", texts[i]);
}

/* The power goes, and leaves the state TEXT: what follows happens on that disk. */
static void
go_on_from(const char *text)
{
    static const struct strand_sim_disk_options options = {.seed = 1};
    struct strand_crash_generated state;
    struct strand_crash_disk image = {0};
    char found[TEXT_SIZE] = "";

    catch_up();
    strand_crash_states_begin(&states, &held, 0);
    while (strcmp(found, text) != 0) {
        cr_assert(strand_crash_states_next(&states, &state), "not generated: %s", text);
        strand_crash_states_build(&states, &image);
        close_disk();
        disk = strand_crash_load(&image, &options, 1, 1);
        fs = strand_sim_disk_fs(disk);
        write_down(disk, found);
    }
    strand_crash_states_free(&states);
    former = held;
    held = image;
    strand_sim_disk_record(disk, &record);
}

/* ---- Histories ---- */

/* A file NAME of SIZE bytes A, durable. */
static struct strand_fs_file *
durable_file(const char *name, size_t size)
{
    struct strand_fs_file *file = create_file(name);

    cr_assert_eq(write_fill(file, 'A', size, 0), (int64_t)size);
    cr_assert_eq(fs->sync_all(file), 0);
    sync_directory("/");
    return file;
}

static void
fill(struct strand_fs_file *file, char letter, size_t size, int64_t position)
{
    cr_assert_eq(write_fill(file, letter, size, position), (int64_t)size);
}

static void
sync_fails(struct strand_fs_file *file)
{
    strand_sim_disk_plan_clear(disk);
    strand_sim_disk_plan_fault(disk, 1, EIO, false);
    cr_assert_eq(fs->sync_data(file), -EIO);
    strand_sim_disk_plan_clear(disk);
}

static void
rename_file(const char *from, const char *to)
{
    cr_assert_eq(fs->rename(fs->context, from, to), 0);
}

Test(crash_states, empty_disk_has_one)
{
    expect_states("");
    cr_expect_eq(states.count, 1u);
}

Test(crash_states, page_is_any_of_its_versions)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    fill(file, 'B', 10, 0);
    expect_states("/f A10|/f B10");
    fill(file, 'C', 10, 0);
    expect_states("/f A10|/f B10|/f C10");
    fill(file, 'A', 10, 0); /* as on disk: no other state */
    expect_states("/f A10|/f B10|/f C10");
    cr_expect_eq(states.count, 3u);
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, write_order_within_a_page_is_kept)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    fill(file, 'B', 2, 0);
    fill(file, 'C', 2, 4); /* never without B */
    expect_states("/f A10|/f B2A8|/f B2A2C2A4");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, size_is_independent_of_content)
{
    struct strand_fs_file *file = durable_file("/f", 0);

    fill(file, 'A', 10, 0);
    fill(file, 'B', 10, 10);
    expect_states("/f |/f .10|/f A10|/f .20|/f A10.10|/f A10B10");
    cr_expect_eq(states.count, 6u); /* none of them twice */
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, a_write_makes_a_file_grow_page_by_page)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    states.rules.whole_pages = true;
    cr_assert_eq(fs->set_size(file, BLOCK), 0);
    cr_assert_eq(fs->sync_all(file), 0);
    fill(file, 'B', 2 * BLOCK + 1, BLOCK);
    expect_states("/f A10.4086|/f A10.8182|/f A10.4086B4096|/f A10.12278|/f A10.4086B4096.4096|"
                  "/f A10.8182B4096|/f A10.4086B8192|/f A10.12279|/f A10.4086B4096.4097|"
                  "/f A10.8182B4096.1|/f A10.4086B8192.1|/f A10.12278B1|"
                  "/f A10.4086B4096.4096B1|/f A10.8182B4097|/f A10.4086B8193");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, setting_a_size_is_one_step)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    cr_assert_eq(fs->set_size(file, 3 * BLOCK), 0);
    expect_states("/f A10|/f A10.12278");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, pages_are_independent)
{
    struct strand_fs_file *file = durable_file("/f", 2 * BLOCK);

    fill(file, 'B', BLOCK, BLOCK);
    states.rules.whole_pages = true;
    fill(file, 'C', BLOCK, 0);
    expect_states("/f A8192|/f A4096B4096|/f C4096A4096|/f C4096B4096");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, files_are_independent)
{
    struct strand_fs_file *f = durable_file("/f", 1);
    struct strand_fs_file *g = durable_file("/g", 1);

    fill(f, 'B', 1, 0);
    fill(g, 'C', 1, 0);
    expect_states("/f A1 /g A1|/f A1 /g C1|/f B1 /g A1|/f B1 /g C1");
    cr_expect_eq(fs->close(f), 0);
    cr_expect_eq(fs->close(g), 0);
}

Test(crash_states, newest_version_may_be_torn_at_a_sector)
{
    struct strand_fs_file *file = durable_file("/f", 3 * SECTOR);

    fill(file, 'B', 3 * SECTOR, 0);
    expect_states("/f A1536|/f B1536|/f B512A1024|/f B1024A512|/f A512B1024|/f A1024B512");
    states.rules.whole_pages = true;
    strand_crash_states_free(&states); /* what was worked out by the other rule */
    expect_states("/f A1536|/f B1536");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, newest_version_may_be_torn_into_any_older_one)
{
    struct strand_fs_file *file = durable_file("/f", 2 * SECTOR);

    fill(file, 'B', 2 * SECTOR, 0);
    fill(file, 'C', 2 * SECTOR, 0);
    expect_states("/f A1024|/f B1024|/f C1024|/f C512A512|/f A512C512|/f C512B512|/f B512C512");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, sectors_that_did_not_change_are_not_torn)
{
    struct strand_fs_file *file = durable_file("/f", BLOCK);

    fill(file, 'B', SECTOR, SECTOR);
    fill(file, 'C', 10, 5 * SECTOR);
    expect_states("/f A4096|/f A512B512A3072|/f A512B512A1536C10A1526|/f A2560C10A1526");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, truncation_leaves_what_it_cut_or_not)
{
    struct strand_fs_file *file = durable_file("/f", BLOCK);

    fill(file, 'B', 10, BLOCK);
    cr_assert_eq(fs->sync_data(file), 0);
    fill(file, 'C', 10, BLOCK);
    cr_assert_eq(fs->set_size(file, BLOCK), 0);
    expect_states("/f A4096|/f A4096B10|/f A4096C10");
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f A4096");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, truncation_within_a_page_writes_zeros_behind_the_end)
{
    struct strand_fs_file *file = durable_file("/f", 20);

    cr_assert_eq(fs->set_size(file, 10), 0);
    expect_states("/f A20|/f A10|/f A10.10");
    cr_assert_eq(fs->set_size(file, 20), 0);
    expect_states("/f A20|/f A10|/f A10.10");
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f A10.10");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, growing_over_what_was_cut_writes_zeros)
{
    struct strand_fs_file *file = durable_file("/f", BLOCK + 10);

    states.rules.whole_pages = true;
    cr_assert_eq(fs->set_size(file, BLOCK), 0);
    expect_states("/f A4106|/f A4096");
    cr_assert_eq(fs->set_size(file, BLOCK + 10), 0);
    expect_states("/f A4106|/f A4096|/f A4096.10");
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f A4096.10");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, sync_in_between_forgets_what_was_before)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    fill(file, 'B', 20, 0);
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f B20");
    fill(file, 'C', 10, 0);
    expect_states("/f B20|/f C10B10");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, failed_sync_loses_what_was_written)
{
    struct strand_fs_file *file = durable_file("/f", 2 * SECTOR);

    fill(file, 'B', SECTOR, 0);
    sync_fails(file);
    expect_states("/f A1024");
    fill(file, 'C', SECTOR, SECTOR); /* of the page only this sector is dirty */
    expect_states("/f A1024|/f A512C512");
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f A512C512");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, failed_sync_loses_the_size)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    fill(file, 'B', 10, 10);
    sync_fails(file);
    expect_states("/f A10");
    fill(file, 'C', 1, 0); /* dirties a sector that holds B as well, beyond the size on disk */
    expect_states("/f A10|/f C1A9");
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f C1A9");
    fill(file, 'D', 1, 20);
    expect_states("/f C1A9|/f C1A9.11|/f C1A9B10D1");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, names_survive_in_order_or_any)
{
    cr_expect_eq(fs->close(create_file("/a")), 0);
    cr_expect_eq(fs->close(create_file("/b")), 0);
    expect_states("|/a |/a  /b ");
    states.rules.any_names = true;
    expect_states("|/a |/a  /b |/b ");
    cr_expect_eq(states.count, 4u);
    sync_directory("/");
    expect_states("/a  /b ");
}

Test(crash_states, create_and_rename_over_a_file)
{
    struct strand_fs_file *old = durable_file("/f", 1);
    struct strand_fs_file *file = create_file("/t");

    fill(file, 'B', 1, 0);
    cr_assert_eq(fs->sync_data(file), 0);
    rename_file("/t", "/f");
    expect_states("/f A1|/f A1 /t B1|/f B1");
    states.rules.any_names = true;
    expect_states("/f A1|/f A1 /t B1|/f B1");
    cr_expect_eq(states.count, 4u); /* of a rename without its creation nobody can tell */
    cr_expect_eq(fs->close(old), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, rename_before_the_sync_may_leave_an_empty_file)
{
    struct strand_fs_file *old = durable_file("/f", 1);
    struct strand_fs_file *file = create_file("/t");

    fill(file, 'B', 1, 0);
    rename_file("/t", "/f");
    expect_states("/f A1|/f A1 /t |/f A1 /t .1|/f A1 /t B1|/f |/f .1|/f B1");
    cr_expect_eq(fs->close(old), 0);
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, rename_across_directories_is_two_operations)
{
    cr_assert_eq(fs->make_directory(fs->context, "/x"), 0);
    cr_assert_eq(fs->make_directory(fs->context, "/y"), 0);
    struct strand_fs_file *file = create_file("/x/f");
    sync_directory("/x");
    sync_directory("/");
    rename_file("/x/f", "/y/f");
    for (int any = 0; any < 2; any++) {
        states.rules.any_names = any != 0;
        expect_states("/x /x/f  /y|/x /x/f  /y /y/f |/x /y /y/f |/x /y");
    }
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, names_below_a_lost_directory_are_lost)
{
    cr_assert_eq(fs->make_directory(fs->context, "/d"), 0);
    struct strand_fs_file *file = create_file("/d/f");
    fill(file, 'A', 1, 0);
    cr_assert_eq(fs->sync_all(file), 0);
    expect_states("|/d|/d /d/f A1");
    cr_expect_eq(states.count, 3u);
    sync_directory("/d");
    expect_states("|/d /d/f A1");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, two_names_show_the_same_content)
{
    struct strand_fs_file *file = durable_file("/f", 1);

    cr_assert_eq(fs->link(fs->context, "/f", "/g"), 0);
    fill(file, 'B', 1, 0);
    expect_states("/f A1|/f B1|/f A1 /g A1|/f B1 /g B1");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, removed_file_is_back_with_all_its_versions)
{
    struct strand_fs_file *file = durable_file("/f", 1);

    fill(file, 'B', 1, 0);
    cr_assert_eq(fs->remove(fs->context, "/f"), 0);
    expect_states("/f A1|/f B1|");
    sync_directory("/");
    expect_states("");
    cr_expect_eq(fs->close(file), 0);
}

/* ---- Behind the end of a file ---- */

/* "A10", and behind it on the disk "B5", which no size takes in. */
static struct strand_fs_file *
hidden_bytes(void)
{
    struct strand_fs_file *file = durable_file("/f", 10);

    fill(file, 'B', 5, 10);
    expect_states("/f A10|/f A10.5|/f A10B5");
    cr_expect_eq(fs->close(file), 0);
    go_on_from("/f A10");
    return open_file("/f", STRAND_FS_WRITE);
}

Test(crash_states, what_is_behind_the_end_shows_when_the_file_grows)
{
    struct strand_fs_file *file = hidden_bytes();

    expect_states("/f A10");
    fill(file, 'C', 5, 10);
    expect_states("/f A10|/f A10B5|/f A10C5");
    cr_assert_eq(fs->sync_data(file), 0);
    expect_states("/f A10C5");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, writing_the_last_page_clears_what_is_behind_the_end)
{
    struct strand_fs_file *file = hidden_bytes();

    fill(file, 'A', 1, 9);
    cr_assert_eq(fs->sync_data(file), 0);
    fill(file, 'C', 5, 10);
    expect_states("/f A10|/f A10.5|/f A10C5");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, a_sync_without_writing_does_not_clear_it)
{
    struct strand_fs_file *file = hidden_bytes();

    cr_assert_eq(fs->sync_all(file), 0);
    fill(file, 'C', 5, 10);
    expect_states("/f A10|/f A10B5|/f A10C5");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, cutting_clears_what_is_behind_the_end)
{
    struct strand_fs_file *file = hidden_bytes();

    cr_assert_eq(fs->set_size(file, 9), 0);
    cr_assert_eq(fs->sync_data(file), 0);
    fill(file, 'C', 6, 9);
    expect_states("/f A9|/f A9.6|/f A9C6");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, what_is_behind_the_end_tells_states_apart_where_it_counts)
{
    for (int looks = 0; looks < 2; looks++) {
        begin_recording();
        states.rules.looks_behind = looks != 0;
        struct strand_fs_file *file = durable_file("/f", 10);
        generate();
        uint64_t before = hashes[0];
        fill(file, 'B', 5, 10);
        generate();
        cr_assert_str_eq(texts[0], "/f A10");
        cr_expect_eq(hashes[0] == before, looks == 0);
        cr_expect_eq(fs->close(file), 0);
        strand_crash_states_free(&states);
    }
}

/* ---- Samples ---- */

Test(crash_states, too_many_are_sampled_by_simple_rules)
{
    struct strand_fs_file *file = durable_file("/f", 4 * BLOCK);

    for (int page = 0; page < 4; page++)
        fill(file, 'B', 1, page * BLOCK);
    states.rules.states_max = 16;
    generate();
    cr_expect_not(states.is_sampled);
    cr_expect_eq(text_count, 16u);

    strand_crash_states_free(&states);
    states.rules.states_max = 15;
    generate(); /* none, all, 4 without one, 4 of one alone, the first 2; 1, 3 and 4 are of those */
    cr_expect(states.is_sampled);
    cr_expect_eq(states.count, 2u + 8 + 4);
    cr_expect_eq(text_count, 11u);
    expect_states("/f A16384|/f B1A4095B1A4095B1A4095B1A4095|"
                  "/f A4096B1A4095B1A4095B1A4095|/f B1A8191B1A4095B1A4095|"
                  "/f B1A4095B1A8191B1A4095|/f B1A4095B1A4095B1A8191|"
                  "/f B1A16383|/f A4096B1A12287|/f A8192B1A8191|/f A12288B1A4095|"
                  "/f B1A4095B1A12287");
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, samples_of_names_and_sizes_are_legal)
{
    cr_assert_eq(fs->make_directory(fs->context, "/d"), 0);
    struct strand_fs_file *file = create_file("/d/f");
    fill(file, 'A', 10, 0);
    fill(file, 'B', 10, 10);
    for (int any = 0; any < 2; any++) {
        uint64_t legal[STATES_MAX];
        size_t legal_count;

        states.rules.any_names = any != 0;
        states.rules.states_max = 10000;
        generate();
        legal_count = text_count;
        memcpy(legal, hashes, sizeof legal);
        strand_crash_states_free(&states);
        states.rules.states_max = 3;
        states.rules.samples = 200;
        generate();
        cr_expect(states.is_sampled);
        cr_expect_eq(text_count, legal_count, "so many random ones meet all");
        for (size_t i = 0; i < text_count; i++) {
            size_t known = 0;

            while (known < legal_count && legal[known] != hashes[i])
                known++;
            cr_expect_lt(known, legal_count, "%s", texts[i]);
        }
        strand_crash_states_free(&states);
    }
    cr_expect_eq(fs->close(file), 0);
}

Test(crash_states, random_samples_repeat_with_their_seed)
{
    struct strand_fs_file *file = durable_file("/f", 8 * BLOCK);
    uint64_t sums[3] = {0};

    for (int page = 0; page < 8; page++)
        fill(file, 'B', 1, page * BLOCK);
    catch_up();
    for (int i = 0; i < 3; i++) {
        struct strand_crash_generated state;

        states.rules.states_max = 100;
        states.rules.samples = 5;
        states.rules.seed = i == 2;
        strand_crash_states_begin(&states, &held, 7);
        while (strand_crash_states_next(&states, &state))
            sums[i] = strand_sim_mix_two(sums[i], state.hash);
    }
    cr_expect_eq(sums[0], sums[1]);
    cr_expect_neq(sums[0], sums[2]);
    cr_expect_eq(fs->close(file), 0);
}
