/* tests/unit/test_engine_index_damage.c -- Whatever becomes of the files of the index: the engine
 * opens, answers the same, says so where it made them anew, and completes them. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/indexer.h"
#include "engine/log_internal.h"
#include "support/index_engine.h"
#include "support/index_fixture.h"
#include "support/log_model.h"
#include "support/scratch.h"

enum { PAGE = 4096, NOBODY = 65534 };

static int64_t now_ms;

static void
create(void)
{
    index_engine_create(STRAND_INDEX_LMDB);
    fixture.log_options.segment_bytes = 9000;
    now_ms = 1000;
    log_model_reset();
}

static void
destroy(void)
{
    index_engine_destroy();
    log_model_free();
}

TestSuite(engine_index_damage, .init = create, .fini = destroy, .timeout = 170);

static void
grow(size_t count)
{
    struct log_model_batch batch = {.count = 2, .value_size = 700};

    for (size_t i = 0; i < count; i++) {
        batch.timestamps[0] = now_ms + (int64_t)(i % 3) * 10;
        batch.timestamps[1] = now_ms++;
        log_model_append(&batch, i + 1 == count ? STRAND_DURABLE : STRAND_WRITTEN);
    }
    require_ok(strand_log_set_high_watermark(fixture.log, fixture_positions().log_end));
}

static void
stop(bool is_clean)
{
    if (is_clean)
        fixture_close();
    else
        index_engine_kill();
}

/* ---- The files replaced by something else ---- */

static void
store_as_lock_file(const void *data, size_t size)
{
    char path[SCRATCH_PATH_SIZE];

    scratch_path(path, STRAND_INDEX_NAME "-lock");
    cr_assert_eq(unlink(path), 0);
    if (data != NULL)
        scratch_store(path, data, size);
}

static void
remove_data(void)
{
    index_engine_store(NULL, 0);
}

static void
remove_both(void)
{
    index_engine_store(NULL, 0);
    store_as_lock_file(NULL, 0);
}

static void
remove_lock(void)
{
    store_as_lock_file(NULL, 0);
}

static void
damage_lock(void)
{
    static uint8_t garbage[8192];

    memset(garbage, 0xa5, sizeof garbage);
    store_as_lock_file(garbage, sizeof garbage);
}

static void
empty_lock(void)
{
    store_as_lock_file("", 0);
}

static void
empty_data(void)
{
    index_engine_store("", 0);
}

static void
garbage_data(void)
{
    static uint8_t garbage[10 * PAGE];

    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)(i * 131 + i / 7);
    index_engine_store(garbage, sizeof garbage);
}

static void
text_data(void)
{
    index_engine_store("no index at all\n", 16);
}

/* An index of its own, with the id of another directory. */
static void
foreign_data(void)
{
    static const uint8_t id[STRAND_INDEX_ID_SIZE] = "somebody else's";
    struct strand_index_options options = {
        .fs = strand_fs_posix(), .path = index_engine_path(), .directory_id = id};
    struct strand_index *index = NULL;

    remove_both();
    require_ok(strand_index_open_lmdb(&options, &index));
    strand_index_close(index);
}

static void
newer_version(void)
{
    index_make_newer(index_engine_path());
}

static void
cut_in_half(void)
{
    size_t size = 0;
    uint8_t *data = index_engine_load(&size);

    index_engine_store(data, size / 2 / PAGE * PAGE);
    free(data);
}

/* Of before most of the log, of before a cut, with the version record alone. */
static uint8_t *older[3];
static size_t older_size[3];

static void
older_copy(void)
{
    index_engine_store(older[0], older_size[0]);
}

static void
copy_from_before_a_cut(void)
{
    index_engine_store(older[1], older_size[1]);
}

static void
copy_of_an_empty_one(void)
{
    index_engine_store(older[2], older_size[2]);
}

static const struct damage_case {
    const char *name;
    void (*damage)(void);
    const char *notice; /* "": none is due */
} cases[] = {
    {"no data", remove_data, ""},
    {"no files", remove_both, ""},
    {"no lock file", remove_lock, ""},
    {"damaged lock file", damage_lock, ""},
    {"empty lock file", empty_lock, ""},
    {"empty data", empty_data, ""},
    {"garbage", garbage_data, "made anew"},
    {"text", text_data, "made anew"},
    {"of another directory", foreign_data, "made anew"},
    {"newer version", newer_version, "made anew"},
    {"half of it", cut_in_half, "made anew"},
    {"older copy", older_copy, "made anew"},
    {"copy from before a cut", copy_from_before_a_cut, "made anew"},
    {"copy of an empty one", copy_of_an_empty_one, "made anew"},
};

static void
make_log_and_copies(void)
{
    fixture_open();
    index_engine_complete();
    older[2] = index_engine_load(&older_size[2]);
    grow(60);
    index_engine_complete();
    older[0] = index_engine_load(&older_size[0]);
    grow(100);
    index_engine_complete();
    older[1] = index_engine_load(&older_size[1]);
    int64_t cut = fixture_positions().log_end - 121;
    require_ok(strand_log_truncate(fixture.log, cut, &cut));
    log_model_cut(cut);
    now_ms += 100000;
    grow(70);
    index_engine_complete();
}

static void
free_copies(void)
{
    for (size_t i = 0; i < 3; i++)
        free(older[i]);
}

static void
expect_complete(const char *name)
{
    int64_t last = fixture.log->segments[fixture.log->segment_count - 1]->base_offset;

    index_engine_complete();
    log_model_check(name, 3);
    cr_expect_geq(index_engine_check(name), last, "%s: the index is not complete", name);
}

Test(engine_index_damage, each_kind_is_survived)
{
    char name[128];

    make_log_and_copies();
    for (int is_clean = 0; is_clean < 2; is_clean++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            (void)snprintf(name, sizeof name, "%s, %s", cases[i].name,
                           is_clean ? "closed" : "killed");
            stop(is_clean);
            cases[i].damage();
            (void)index_engine_notice();
            fixture_open();
            const char *notice = index_engine_notice();
            cr_expect(cases[i].notice[0] == '\0' ? notice[0] == '\0'
                                                 : strstr(notice, cases[i].notice) != NULL,
                      "%s: \"%s\"", name, notice);
            log_model_check(name, 3);
            expect_complete(name);
        }
    free_copies();
}

/* What is not a file cannot be replaced: it goes on without, and says so. */
Test(engine_index_damage, directory_in_the_place_of_the_file)
{
    make_log_and_copies();
    fixture_close();
    remove_both();
    cr_assert_eq(mkdir(index_engine_path(), 0700), 0);
    fixture_open();
    cr_expect_not_null(strstr(index_engine_notice(), "no index"));
    log_model_check("a directory", 3);
    grow(20);
    log_model_check("a directory, and appends", 3);
    fixture_close();
    cr_assert_eq(rmdir(index_engine_path()), 0);
    fixture_open();
    expect_complete("a directory no more");
    free_copies();
}

/* Opening one to read waits for somebody who writes. */
Test(engine_index_damage, fifo_in_the_place_of_the_file)
{
    make_log_and_copies();
    fixture_close();
    remove_both();
    cr_assert_eq(mkfifo(index_engine_path(), 0600), 0);
    fixture_open();
    cr_expect_not_null(strstr(index_engine_notice(), "made anew"), "%s", index_engine_notice());
    expect_complete("no fifo any more");
    free_copies();
}

Test(engine_index_damage, deleted_while_it_is_open)
{
    make_log_and_copies();
    remove_both();
    log_model_check("deleted", 3);
    grow(60);
    (void)index_engine_step();
    log_model_check("deleted, and appends", 3);
    fixture_reopen();
    log_model_check("deleted, and opened", 3);
    expect_complete("deleted, and opened");
    free_copies();
}

/* Root may do everything: somebody else opens it. */
static void
as_nobody(void (*body)(void))
{
    int result;

    (void)fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
            _exit(9);
        body();
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &result, 0), child);
    cr_expect(WIFEXITED(result) && WEXITSTATUS(result) == 0, "result %x", (unsigned)result);
}

/* No assertion of Criterion's in a child. */
static void
open_without_index(void)
{
    struct strand_fetch_options options = {.struct_size = sizeof options, .max_bytes = 1};
    struct strand_fetch fetch = {0};
    int64_t offset;

    if (strand_engine_open(fixture.directory, &fixture.engine_options, &fixture.engine) !=
            STRAND_OK ||
        strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &fixture.log) !=
            STRAND_OK)
        _exit(2);
    if (strstr(index_engine_notice(), "no index") == NULL)
        _exit(3);
    if (strand_log_fetch(fixture.log, 77, &options, &fetch) != STRAND_OK || fetch.size == 0)
        _exit(4);
    strand_fetch_release(&fetch);
    if (strand_log_offset_for_timestamp(fixture.log, 1050, STRAND_READ_WRITTEN, &offset, NULL) !=
        STRAND_OK)
        _exit(5);
    if (strand_log_close(fixture.log) != STRAND_OK || strand_engine_close(fixture.engine) != 0)
        _exit(6);
}

Test(engine_index_damage, somebody_elses_files_and_directories)
{
    static const mode_t modes[] = {0700, 0555, 0755};

    cr_assert_eq(geteuid(), 0, "only root can be somebody else");
    make_log_and_copies();
    fixture_close();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cr_assert_eq(chmod(fixture.engine_options.index_directory, modes[i]), 0);
        as_nobody(open_without_index);
    }
    cr_assert_eq(chmod(fixture.engine_options.index_directory, 0777), 0);
    cr_assert_eq(chmod(index_engine_path(), 0444), 0);
    as_nobody(open_without_index);
    fixture_open();
    expect_complete("mine again");
    free_copies();
}
