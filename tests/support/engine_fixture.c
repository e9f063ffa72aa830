/* tests/support/engine_fixture.c -- One engine at a time: tests run in processes of their own. */
#include "support/engine_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "storage/batch.h"
#include "support/log_image.h"
#include "support/scratch.h"

enum { TEXT_SIZE = 16384, WORDS_MAX = 64, FAILURES_MAX = 32 };

struct engine_fixture fixture;

/* ---- Life ---- */

static void
set_up(const struct strand_fs *fs, const char *directory)
{
    fixture.fs = fs;
    fixture.directory = directory;
    fixture.engine_options = (struct strand_engine_options){
        .struct_size = sizeof fixture.engine_options,
        .flags = STRAND_ENGINE_NO_THREADS,
        .fs = fixture.fs,
        .descriptor_budget = 16,
    };
    fixture.log_options = (struct strand_log_options){
        .struct_size = sizeof fixture.log_options,
        .segment_bytes = FIXTURE_SEGMENT_BYTES,
    };
}

void
fixture_create(void)
{
    struct strand_sim_disk_options options = {.seed = 7, .file_size_max = FIXTURE_FILE_SIZE_MAX};

    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    strand_sim_disk_set_clock(fixture.disk, FIXTURE_NOW_MS * 1000000);
    set_up(strand_sim_disk_fs(fixture.disk), FIXTURE_DATA);
}

void
fixture_create_posix(void)
{
    set_up(strand_fs_posix(), scratch_create());
}

void
fixture_start(void)
{
    fixture_create();
    fixture_open();
}

void
fixture_open_engine(void)
{
    require_ok(strand_engine_open(fixture.directory, &fixture.engine_options, &fixture.engine));
}

void
fixture_open_log(void)
{
    require_ok(strand_log_open(fixture.engine, "orders", 0, &fixture.log_options, &fixture.log));
}

void
fixture_open(void)
{
    fixture_open_engine();
    fixture_open_log();
}

void
fixture_close(void)
{
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_close(fixture.engine));
    fixture.engine = NULL;
}

void
fixture_reopen(void)
{
    fixture_close();
    fixture_open();
}

static void
give_up(void)
{
    (void)strand_log_close(fixture.log);
    fixture.log = NULL;
    cr_assert_neq(strand_engine_close(fixture.engine), STRAND_ERR_BUSY, "a handle was lost");
    fixture.engine = NULL;
}

static void
remove_directory(void)
{
    struct strand_names names = {0};
    char path[SCRATCH_PATH_SIZE];

    require_ok(strand_path_list(fixture.fs, fixture.directory, &names));
    for (size_t i = 0; i < names.count; i++) {
        scratch_path(path, names.names[i]);
        if (fixture.fs->kind(NULL, path) == STRAND_FS_DIRECTORY)
            require_ok(strand_path_remove_tree(fixture.fs, path));
    }
    strand_names_free(&names);
    scratch_remove();
}

void
fixture_destroy(void)
{
    give_up();
    if (fixture.disk == NULL)
        remove_directory();
    strand_sim_disk_destroy(fixture.disk);
}

void
fixture_cut(enum strand_sim_loss loss)
{
    strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + 1);
    give_up();
    strand_sim_disk_cut(fixture.disk, loss, 1);
}

void
fixture_kill(void)
{
    strand_sim_disk_plan_cut(fixture.disk, strand_sim_disk_calls(fixture.disk) + 1);
    give_up();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_kill(fixture.disk);
}

/* ---- Writing ---- */

int
fixture_try_append(const char *values, int durability, struct strand_appended *out_appended)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record records[WORDS_MAX] = {0};
    size_t count = 0;

    while (*values != '\0') {
        size_t size = strcspn(values, " ");

        cr_assert_lt(count, WORDS_MAX);
        records[count++].value = strand_bytes(values, size);
        values += size + strspn(values + size, " ");
    }
    return strand_log_append(fixture.log, records, count, &options, out_appended);
}

struct strand_appended
fixture_append(const char *values)
{
    struct strand_appended appended = {0};

    require_ok(fixture_try_append(values, STRAND_DURABLE, &appended));
    return appended;
}

const uint8_t *
fixture_batches(const char *text, size_t *out_size)
{
    char image[1024];
    int64_t size = 0;

    (void)snprintf(image, sizeof image, "0: %s", text);
    log_image_store(fixture.disk, "", image, ".batches");
    const uint8_t *data =
        strand_sim_disk_content(fixture.disk, "/00000000000000000000.log.batches", &size);
    cr_assert_not_null(data);
    *out_size = (size_t)size;
    return data;
}

void
fixture_fix_crc(uint8_t *batch)
{
    strand_put_be32(batch + STRAND_BATCH_CRC,
                    strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                                  (size_t)strand_batch_size(batch) - STRAND_BATCH_CRC_START));
}

static int
append_batches(const char *text, int32_t is_follower)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .is_follower = is_follower};
    static uint8_t data[TEXT_SIZE];
    size_t size;
    const uint8_t *found = fixture_batches(text, &size);

    cr_assert_leq(size, sizeof data);
    memcpy(data, found, size);
    return strand_log_append_batches(fixture.log, data, size, &options, NULL);
}

int
fixture_follow(const char *text)
{
    return append_batches(text, 1);
}

int
fixture_produce(const char *text)
{
    return append_batches(text, 0);
}

void
fixture_fill(int64_t end)
{
    while (fixture_positions().log_end < end)
        (void)fixture_append("v");
}

/* ---- Looking ---- */

struct strand_positions
fixture_positions(void)
{
    struct strand_positions positions = {0};

    require_ok(strand_log_positions(fixture.log, &positions));
    return positions;
}

/* Write what a cursor did instead of giving a record; false: it ends here. */
static bool
show_failure(struct strand_cursor *cursor, int status, int64_t offset, char *text, size_t size)
{
    int64_t first, next;

    if (status == STRAND_END)
        return false;
    strand_error_offsets(&first, &next);
    if (first >= 0)
        (void)snprintf(text, size, "[%" PRId64 ",%" PRId64 ")", first, next);
    else
        (void)snprintf(text, size, "(%d)", status);
    return strand_cursor_offset(cursor) != offset;
}

const char *
fixture_read(int64_t offset, int isolation)
{
    struct strand_cursor_options options = {.struct_size = sizeof options, .isolation = isolation};
    static char text[TEXT_SIZE];
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    size_t used = 0;
    bool goes_on = true;

    text[0] = '\0';
    require_ok(strand_cursor_open(fixture.log, offset, &options, &cursor));
    while (goes_on && used + 64 < sizeof text) {
        int64_t before = strand_cursor_offset(cursor);
        int status = strand_cursor_next(cursor, &record);
        char word[64];

        word[0] = '\0';
        if (status == STRAND_OK)
            (void)snprintf(word, sizeof word, "%" PRId64 "=%.*s", record.offset,
                           record.value.size > 16 ? 16 : (int)record.value.size,
                           (const char *)record.value.data);
        else
            goes_on = show_failure(cursor, status, before, word, sizeof word);
        if (word[0] != '\0')
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used == 0 ? "" : " ",
                                     word);
    }
    strand_cursor_close(cursor);
    return text;
}

const char *
fixture_segments(void)
{
    return log_image_read(fixture.disk, FIXTURE_LOG, ".log");
}

const char *
fixture_epochs(void)
{
    static char text[1024];
    const uint8_t *content = strand_sim_disk_content(fixture.disk, FIXTURE_EPOCHS, NULL);

    (void)snprintf(text, sizeof text, "%s", content != NULL ? (const char *)content : "no file");
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    return text;
}

static int
copy_info(void *context, const struct strand_log_info *info)
{
    struct fixture_info *copy = context;

    if (strcmp(info->topic, "orders") != 0 || info->partition != 0)
        return STRAND_OK;
    copy->info = *info;
    copy->info.topic = NULL;
    copy->info.reason = NULL;
    (void)snprintf(copy->reason, sizeof copy->reason, "%s", info->reason);
    return STRAND_OK;
}

struct fixture_info
fixture_info(void)
{
    struct fixture_info copy = {.info.state = STRAND_LOG_FAILED};

    require_ok(strand_engine_list(fixture.engine, copy_info, &copy));
    return copy;
}

static int
copy_report(void *context, const struct strand_recovery_report *report)
{
    struct fixture_report *copy = context;

    if (strcmp(report->topic, "orders") != 0 || report->partition != 0)
        return STRAND_OK;
    copy->report = *report;
    copy->report.topic = NULL;
    copy->report.reason = NULL;
    (void)snprintf(copy->reason, sizeof copy->reason, "%s", report->reason);
    return STRAND_END;
}

struct fixture_report
fixture_report(void)
{
    struct fixture_report copy;

    expect_status(STRAND_END, strand_engine_recovery_report(fixture.engine, copy_report, &copy));
    return copy;
}
