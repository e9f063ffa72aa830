/* tests/unit/test_engine_directory.c -- Whose a directory is, what makes it ours, who may open it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "support/engine_fixture.h"
#include "support/log_image.h"

TestSuite(engine_directory, .init = fixture_create, .fini = fixture_destroy, .timeout = 60);

#define FORMAT FIXTURE_DATA "/strandline.format"

static int
open_with(uint32_t flags)
{
    struct strand_engine_options options = fixture.engine_options;

    options.flags |= flags;
    return strand_engine_open(FIXTURE_DATA, &options, &fixture.engine);
}

static void
close_engine(void)
{
    require_ok(strand_engine_close(fixture.engine));
    fixture.engine = NULL;
}

static void
make_directory(const char *path)
{
    cr_assert_eq(fixture.fs->make_directory(fixture.fs->context, path), 0);
    require_ok(strand_path_sync_directory(fixture.fs, "/"));
}

static void
store(const char *path, const char *text)
{
    require_ok(strand_sim_disk_store(fixture.disk, path, text, (int64_t)strlen(text)));
}

Test(engine_directory, missing_one_is_made_and_initialised_durably)
{
    fixture_open_engine();
    fixture_cut(STRAND_SIM_LOSE_ALL);
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, "strandline"),
                     "strandline.format strandline.frontier");
    require_ok(open_with(STRAND_ENGINE_MUST_EXIST));
}

Test(engine_directory, format_file_is_four_lines_of_text)
{
    char directory[64], features[64];
    unsigned version;
    uint32_t crc;

    fixture_open_engine();
    const char *text = (const char *)strand_sim_disk_content(fixture.disk, FORMAT, NULL);
    cr_assert_not_null(text);
    cr_assert_eq(sscanf(text, "strandline %u\ndirectory %63s\nfeatures %63s\ncrc32c %8x\n",
                        &version, directory, features, &crc),
                 4);
    cr_expect_eq(version, 1);
    cr_expect_eq(strspn(directory, "0123456789abcdef"), 32);
    cr_expect_str_eq(features, "-");
    cr_expect_eq(crc, strand_crc32c(0, text, (size_t)(strstr(text, "crc32c") - text)));
}

Test(engine_directory, id_of_the_directory_stays)
{
    char text[256];

    fixture_open_engine();
    (void)snprintf(text, sizeof text, "%s",
                   (const char *)strand_sim_disk_content(fixture.disk, FORMAT, NULL));
    close_engine();
    fixture_open_engine();
    cr_expect_str_eq((const char *)strand_sim_disk_content(fixture.disk, FORMAT, NULL), text);
}

Test(engine_directory, only_what_exists_is_opened_when_that_is_asked_for)
{
    static const uint32_t flags[] = {STRAND_ENGINE_MUST_EXIST, STRAND_ENGINE_READ_ONLY};

    for (size_t i = 0; i < 2; i++)
        expect_status(STRAND_ERR_NOT_FOUND, open_with(flags[i]));
    cr_expect_eq(fixture.fs->kind(fixture.fs->context, FIXTURE_DATA), -ENOENT);
    make_directory(FIXTURE_DATA);
    for (size_t i = 0; i < 2; i++)
        expect_status(STRAND_ERR_NOT_FOUND, open_with(flags[i]));
    cr_expect_str_eq(log_image_names(fixture.disk, FIXTURE_DATA, ""), "");
}

Test(engine_directory, file_is_not_a_directory)
{
    store(FIXTURE_DATA, "a file");
    expect_status(STRAND_ERR_INVALID, open_with(0));
}

Test(engine_directory, contents_decide_whose_it_is)
{
    static const struct {
        const char *file;
        const char *directory; /* with FILE in it */
        int status;
    } cases[] = {
        {".lock", NULL, STRAND_OK},
        {"strandline.frontier", NULL, STRAND_OK},
        {"strandline.format.tmp", NULL, STRAND_OK},
        {"notes.txt", NULL, STRAND_ERR_FOREIGN},
        {"orders-0", NULL, STRAND_ERR_FOREIGN},
        {"README", "docs", STRAND_ERR_FOREIGN},
        {"beach.jpg", "photos-2023", STRAND_ERR_FOREIGN},
        {"1.log", "photos-2023", STRAND_ERR_FOREIGN},
        {"00000000000000000000.log", "orders-0", STRAND_OK},
        {"meta.properties", NULL, STRAND_OK},
        {"recovery-point-offset-checkpoint", NULL, STRAND_OK},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];

        fixture_destroy();
        fixture_create();
        make_directory(FIXTURE_DATA);
        (void)snprintf(path, sizeof path, "%s/%s", FIXTURE_DATA,
                       cases[i].directory != NULL ? cases[i].directory : "");
        if (cases[i].directory != NULL)
            make_directory(path);
        size_t used = strlen(path);
        (void)snprintf(path + used, sizeof path - used, "/%s", cases[i].file);
        if (cases[i].directory == NULL)
            (void)snprintf(path, sizeof path, "%s/%s", FIXTURE_DATA, cases[i].file);
        store(path, "");

        int status = open_with(0);
        cr_expect_eq(status, cases[i].status, "%s: %d: %s", path, status, strand_error_message());
        if (status == STRAND_ERR_FOREIGN) {
            expect_message(cases[i].directory != NULL ? cases[i].directory : cases[i].file);
            cr_expect_eq(strchr(log_image_names(fixture.disk, FIXTURE_DATA, ""), ' '), NULL,
                         "%s: nothing was added", path);
        }
    }
}

Test(engine_directory, strangers_beside_our_files_are_left_alone)
{
    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    store(FIXTURE_DATA "/notes.txt", "hello");
    store(FIXTURE_LOG "/notes.txt", "hello too");
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    cr_expect_str_eq(
        (const char *)strand_sim_disk_content(fixture.disk, FIXTURE_DATA "/notes.txt", NULL),
        "hello");
    cr_expect_str_eq(
        (const char *)strand_sim_disk_content(fixture.disk, FIXTURE_LOG "/notes.txt", NULL),
        "hello too");
}

static void
store_format(const char *lines)
{
    char text[256];

    (void)snprintf(text, sizeof text, "%scrc32c %08x\n", lines,
                   strand_crc32c(0, lines, strlen(lines)));
    store(FORMAT, text);
}

Test(engine_directory, newer_version_or_unknown_feature_is_not_opened)
{
    static const struct {
        const char *lines;
        int status;
        const char *named;
    } cases[] = {
        {"strandline 1\ndirectory 00112233445566778899aabbccddeeff\nfeatures -\n", STRAND_OK, ""},
        {"strandline 2\ndirectory 00112233445566778899aabbccddeeff\nfeatures -\n",
         STRAND_ERR_VERSION, "2"},
        {"strandline 2\nsomething else altogether\n", STRAND_ERR_VERSION, "2"},
        {"strandline 1\ndirectory 00112233445566778899aabbccddeeff\nfeatures tiers\n",
         STRAND_ERR_VERSION, "tiers"},
        {"strandline 1\nfeatures -\n", STRAND_ERR_CORRUPT, "strandline.format"},
    };

    fixture_open();
    fixture_close();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        store_format(cases[i].lines);
        for (uint32_t flags = 0; flags <= STRAND_ENGINE_READ_ONLY; flags++) {
            expect_status(cases[i].status, open_with(flags));
            if (fixture.engine != NULL)
                close_engine();
            else
                expect_message(cases[i].named);
        }
    }
}

Test(engine_directory, damaged_format_is_told_and_nothing_is_changed)
{
    static const char *const contents[] = {"",
                                           "\n",
                                           "strandline",
                                           "strandline one\n",
                                           "strandline 1\ndirectory 00\nfeatures -\n",
                                           "strandline 1\nfeatures -\ncrc32c 00000000\n",
                                           "strandline 1\nfeatures -\ncrc32c zz\n"};

    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        store(FORMAT, contents[i]);
        expect_status(STRAND_ERR_CORRUPT, open_with(0));
        expect_message("strandline.format");
        cr_expect_str_eq((const char *)strand_sim_disk_content(fixture.disk, FORMAT, NULL),
                         contents[i]);
        cr_expect_str_eq(fixture_segments(), "0:0+1");
    }
}

Test(engine_directory, each_flipped_bit_of_the_format_is_noticed)
{
    uint8_t text[256];
    int64_t size;

    fixture_open();
    fixture_close();
    const uint8_t *content = strand_sim_disk_content(fixture.disk, FORMAT, &size);
    cr_assert(size > 0 && size <= (int64_t)sizeof text);
    memcpy(text, content, (size_t)size);
    for (int64_t bit = 0; bit < 8 * (size - 1); bit++) {
        text[bit / 8] ^= (uint8_t)(1 << bit % 8);
        require_ok(strand_sim_disk_store(fixture.disk, FORMAT, text, size));
        int status = open_with(STRAND_ENGINE_READ_ONLY);
        bool is_upper_case = status == STRAND_OK && bit % 8 == 5; /* of a hex digit */
        cr_expect(status == STRAND_ERR_CORRUPT || status == STRAND_ERR_VERSION || is_upper_case,
                  "bit %lld: %d", (long long)bit, status);
        if (status == STRAND_OK)
            close_engine();
        text[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(engine_directory, interrupted_initialisation_is_done_again)
{
    for (uint64_t nth = 1;; nth++) {
        fixture_destroy();
        fixture_create();
        strand_sim_disk_plan_fault(fixture.disk, nth, nth % 2 == 0 ? EIO : ENOSPC, false);
        int status = open_with(0);
        bool was_hit = strand_sim_disk_calls(fixture.disk) >= nth;
        strand_sim_disk_plan_clear(fixture.disk);
        if (status == STRAND_OK)
            close_engine();
        fixture_open();
        (void)fixture_append("a");
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a", "call %llu",
                         (unsigned long long)nth);
        if (!was_hit)
            break;
    }
}

Test(engine_directory, full_disk_makes_no_directory)
{
    strand_sim_disk_set_capacity(fixture.disk, 1);
    expect_status(STRAND_ERR_NO_SPACE, open_with(0));
    strand_sim_disk_set_capacity(fixture.disk, 0);
    require_ok(open_with(0));
}

/* What a broker has closed cleanly is opened with the ballast's room, or refused for want of it. */
Test(engine_directory, full_disk_at_any_call_of_a_takeover_is_overcome_or_told)
{
    bool was_hit = true;

    for (uint64_t nth = 1; was_hit; nth++) {
        fixture_destroy();
        fixture_create();
        fixture_open();
        (void)fixture_append("a");
        fixture_close();
        require_ok(
            strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/.kafka_cleanshutdown", "", 0));
        require_ok(strand_sim_disk_store(fixture.disk, FIXTURE_DATA "/strandline.ballast", "", 0));
        strand_sim_disk_plan_clear(fixture.disk);
        strand_sim_disk_plan_fault(fixture.disk, nth, ENOSPC, false);
        int status = open_with(0);
        was_hit = strand_sim_disk_calls(fixture.disk) >= nth;
        strand_sim_disk_plan_clear(fixture.disk);
        cr_expect(status == STRAND_OK || status == STRAND_ERR_NO_SPACE, "call %llu: %s",
                  (unsigned long long)nth, strand_error_message());
        if (status == STRAND_OK) {
            status = strand_engine_close(fixture.engine); /* its log may have failed */
            cr_expect(status == STRAND_OK || status == STRAND_ERR_FAILED);
            fixture.engine = NULL;
        }
        fixture_open();
        cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
        fixture_close();
    }
}

/* ---- Network file systems ---- */

static const struct strand_fs *wrapped;

static int
network_volume(void *context, const char *path, struct strand_fs_volume *out_volume)
{
    int result = wrapped->volume(context, path, out_volume);

    (void)snprintf(out_volume->type, sizeof out_volume->type, "nfs");
    out_volume->is_network = 1;
    return result;
}

Test(engine_directory, network_file_system_is_refused_unless_allowed)
{
    struct strand_fs network = *fixture.fs;

    wrapped = fixture.fs;
    network.volume = network_volume;
    fixture.engine_options.fs = &network;
    expect_status(STRAND_ERR_FILE_SYSTEM, open_with(0));
    expect_message("nfs");
    expect_status(STRAND_ERR_FILE_SYSTEM, open_with(0));
    require_ok(open_with(STRAND_ENGINE_NETWORK_FS));
    close_engine();
    expect_status(STRAND_ERR_FILE_SYSTEM, open_with(STRAND_ENGINE_READ_ONLY));
    require_ok(open_with(STRAND_ENGINE_READ_ONLY | STRAND_ENGINE_NETWORK_FS));
}

/* ---- One writer, many readers ---- */

Test(engine_directory, second_writer_is_refused_and_told_who_is_there)
{
    struct strand_engine *second = NULL;

    fixture_open();
    (void)fixture_append("a");
    expect_status(STRAND_ERR_IN_USE,
                  strand_engine_open(FIXTURE_DATA, &fixture.engine_options, &second));
    char who[128];
    cr_assert_eq(fixture.fs->process(fixture.fs->context, who, sizeof who), 0);
    expect_message(who);
    cr_expect_null(second);
    (void)fixture_append("b");
    fixture_close();
    fixture_open();
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
}

Test(engine_directory, reader_beside_a_writer_sees_what_was_acknowledged)
{
    struct strand_engine_options options = fixture.engine_options;
    struct strand_engine *engine = NULL, *writer;
    struct strand_log *log;

    fixture_open();
    (void)fixture_append("a b");
    require_ok(fixture_try_append("c", STRAND_WRITTEN, NULL));
    options.flags = STRAND_ENGINE_READ_ONLY | STRAND_ENGINE_COPY_READS;
    require_ok(strand_engine_open(FIXTURE_DATA, &options, &engine));
    writer = fixture.engine;
    log = fixture.log;
    fixture.engine = engine;
    require_ok(strand_log_open(engine, "orders", 0, NULL, &fixture.log));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a 1=b");
    fixture_close();
    fixture.engine = writer;
    fixture.log = log;
    cr_expect_eq(fixture_append("d").base_offset, 3);
}

static void
expect_read_only(void)
{
    struct strand_record record = {.value = {"v", 1}};
    struct strand_log *log = NULL;
    int64_t next_ms = 0;

    require_ok(strand_log_open(fixture.engine, "orders", 0, NULL, &fixture.log));
    cr_expect_str_eq(fixture_read(0, STRAND_READ_COMMITTED), "0=a");
    expect_status(STRAND_ERR_READ_ONLY, strand_log_append(fixture.log, &record, 1, NULL, NULL));
    expect_status(STRAND_ERR_READ_ONLY, fixture_produce("0+1"));
    expect_status(STRAND_ERR_READ_ONLY, strand_log_truncate(fixture.log, 0, NULL));
    expect_status(STRAND_ERR_READ_ONLY, strand_log_trim(fixture.log, 1));
    expect_status(STRAND_ERR_READ_ONLY, strand_log_reset(fixture.log, 1));
    expect_status(STRAND_ERR_READ_ONLY, strand_log_begin_epoch(fixture.log, 4));
    expect_status(STRAND_ERR_READ_ONLY, strand_log_set_high_watermark(fixture.log, 1));
    expect_status(STRAND_ERR_READ_ONLY, strand_engine_delete_log(fixture.engine, "orders", 0));
    expect_status(STRAND_ERR_NOT_FOUND, strand_log_open(fixture.engine, "new", 0, NULL, &log));
    require_ok(strand_engine_sync(fixture.engine));
    require_ok(strand_engine_run(fixture.engine, &next_ms));
    cr_expect_eq(next_ms, -1);
    require_ok(strand_engine_health(fixture.engine));
}

Test(engine_directory, read_only_changes_nothing)
{
    fixture_open();
    (void)fixture_append("a");
    fixture_close();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk,
                                  STRAND_SIM_WRITE | STRAND_SIM_SYNC | STRAND_SIM_SYNC_DIRECTORY |
                                      STRAND_SIM_NAME | STRAND_SIM_LOCK,
                                  1, EROFS, true);
    require_ok(open_with(STRAND_ENGINE_READ_ONLY));
    uint64_t calls = strand_sim_disk_calls(fixture.disk);
    strand_sim_disk_plan_clear(fixture.disk);
    cr_expect_gt(calls, 0);
    expect_read_only();
}
