/* tests/crash/damage_reference.c -- Directories to be damaged, made by the engine itself.
 *
 * Two logs, one of them compressed and replicated, of a few segments each, with two leader epochs
 * and a log start inside a segment.  On the way all files are remembered twice: once closed, once
 * at work.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "crash/damage_sweep.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

enum { BATCH_RECORDS_MAX = 4, VALUE_SIZE_MAX = 1024, NOW_S = 1700000000 };

const char *const SWEEP_TOPICS[SWEEP_LOGS] = {"orders", "events"};

/* While it is made. */
struct making {
    struct sweep_reference *reference;
    const struct strand_fs *fs;
    struct strand_engine *engine;
    struct strand_log *logs[SWEEP_LOGS];
    int32_t epoch;
};

void
sweep_must(int status, const char *call)
{
    if (status == STRAND_OK)
        return;
    (void)fprintf(stderr, "damage_sweep: %s gives %d: %s\n", call, status, strand_error_message());
    exit(2);
}

/* ---- Records ---- */

void
sweep_record_make(const struct sweep_reference *reference, int log, int64_t offset,
                  struct strand_record *out_record)
{
    static char values[BATCH_RECORDS_MAX][VALUE_SIZE_MAX];
    static char keys[BATCH_RECORDS_MAX][32];
    static struct strand_header headers[BATCH_RECORDS_MAX];
    char *value = values[offset % BATCH_RECORDS_MAX];
    char *key = keys[offset % BATCH_RECORDS_MAX];
    struct strand_header *header = &headers[offset % BATCH_RECORDS_MAX];
    int size = snprintf(value, VALUE_SIZE_MAX, "%s at %" PRId64, SWEEP_TOPICS[log], offset);
    int key_size = snprintf(key, sizeof keys[0], "%" PRId64, offset % 7);

    if (reference->is_large) {
        uint32_t state = (uint32_t)(offset * 7919 + log);

        while (size < VALUE_SIZE_MAX - 100 + offset % 3 * 40) {
            state = state * 1664525 + 1013904223;
            value[size++] = (char)('a' + (state >> 24) % 26);
        }
    }
    *header = (struct strand_header){strand_bytes("of", 2), strand_bytes(value, 2)};
    *out_record = (struct strand_record){
        .offset = offset,
        .timestamp_ms = INT64_C(1000) * NOW_S + 10 * offset,
        .key = offset % 5 == 4 ? strand_bytes(NULL, 0) : strand_bytes(key, (size_t)key_size),
        .value = strand_bytes(value, (size_t)size),
        .headers = offset % 3 == 0 ? header : NULL,
        .header_count = offset % 3 == 0 ? 1 : 0,
        .leader_epoch = reference->logs[log].epochs[offset],
    };
}

static void
append(struct making *making, int log, size_t count, int durability)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct sweep_log *expected = &making->reference->logs[log];
    struct strand_record records[BATCH_RECORDS_MAX];

    for (size_t i = 0; i < count; i++) {
        strand_assert(expected->end < SWEEP_OFFSETS);
        expected->epochs[expected->end] = making->epoch;
        sweep_record_make(making->reference, log, expected->end++, &records[i]);
    }
    SWEEP_MUST(strand_log_append(making->logs[log], records, count, &options, NULL));
    if (durability == STRAND_DURABLE)
        expected->durable_end = expected->end;
}

/* ---- An engine ---- */

static void
open_all(struct making *making)
{
    struct strand_engine_options options = {
        .struct_size = sizeof options, .flags = STRAND_ENGINE_NO_THREADS, .fs = making->fs};
    bool is_large = making->reference->is_large;

    SWEEP_MUST(strand_engine_open(SWEEP_DATA, &options, &making->engine));
    for (int log = 0; log < SWEEP_LOGS; log++) {
        struct strand_log_options log_options = {.struct_size = sizeof log_options,
                                                 .segment_bytes = is_large ? 9000 : 420};

        if (log == 1) {
            log_options.flags = STRAND_LOG_REPLICATED;
            log_options.codec = STRAND_CODEC_LZ4;
        }
        SWEEP_MUST(strand_log_open(making->engine, SWEEP_TOPICS[log], log, &log_options,
                                   &making->logs[log]));
    }
}

static void
close_all(struct making *making)
{
    for (int log = 0; log < SWEEP_LOGS; log++)
        SWEEP_MUST(strand_log_close(making->logs[log]));
    SWEEP_MUST(strand_engine_close(making->engine));
}

/* What is written reaches the disk, and the text files say so. */
static void
settle(struct making *making)
{
    for (int i = 0; i < 3; i++) {
        strand_sim_disk_advance(making->reference->disk, INT64_C(1000000000));
        SWEEP_MUST(strand_engine_run(making->engine, NULL));
    }
    SWEEP_MUST(strand_engine_checkpoint(making->engine));
}

static void
abandon_all(struct making *making)
{
    struct strand_sim_disk *disk = making->reference->disk;

    strand_sim_disk_plan_cut(disk, strand_sim_disk_calls(disk) + 1);
    for (int log = 0; log < SWEEP_LOGS; log++)
        (void)strand_log_close(making->logs[log]); /* as a dying process does */
    (void)strand_engine_close(making->engine);
    strand_sim_disk_plan_clear(disk);
    if (making->reference->ending == SWEEP_CUT)
        strand_sim_disk_cut(disk, STRAND_SIM_LOSE_ALL, 1);
    else
        strand_sim_disk_kill(disk);
}

/* ---- Files ---- */

static struct sweep_file *
find_file(struct sweep_reference *reference, const char *path)
{
    for (size_t i = 0; i < reference->file_count; i++)
        if (strcmp(reference->files[i].path, path) == 0)
            return &reference->files[i];
    strand_assert(reference->file_count < SWEEP_FILES);
    struct sweep_file *file = &reference->files[reference->file_count++];
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    return file;
}

/* Remember the files of DIRECTORY, "" or a name with a slash, and below; MOMENT -1: as they are
 * damaged. */
static void
remember(struct making *making, const char *directory, int moment)
{
    struct sweep_reference *reference = making->reference;
    char path[2 * SWEEP_PATH];
    struct strand_names names = {0};

    (void)snprintf(path, sizeof path, SWEEP_DATA "/%s", directory);
    path[strlen(path) - 1] = '\0';
    SWEEP_MUST(strand_path_list(making->fs, directory[0] == '\0' ? SWEEP_DATA : path, &names));
    for (size_t i = 0; i < names.count; i++) {
        char name[SWEEP_PATH];
        int64_t size;

        (void)snprintf(path, sizeof path, SWEEP_DATA "/%s%s", directory, names.names[i]);
        const uint8_t *data = strand_sim_disk_content(reference->disk, path, &size);
        (void)snprintf(name, sizeof name, "%.40s%.50s%s", directory, names.names[i],
                       data == NULL ? "/" : "");
        if (data == NULL) {
            remember(making, name, moment);
            continue;
        }
        struct sweep_file *file = find_file(reference, name);
        struct sweep_content *content = moment < 0 ? &file->now : &file->earlier[moment];
        content->data = malloc((size_t)size + 1);
        strand_assert(content->data != NULL);
        memcpy(content->data, data, (size_t)size);
        content->size = size;
    }
    strand_names_free(&names);
}

static void
note_batches(struct sweep_reference *reference, size_t number)
{
    const struct sweep_file *file = &reference->files[number];
    int log = strncmp(file->path, SWEEP_TOPICS[0], strlen(SWEEP_TOPICS[0])) == 0 ? 0 : 1;
    size_t length = strlen(file->path);

    if (length < 4 || strcmp(file->path + length - 4, ".log") != 0)
        return;
    for (int64_t at = 0; at < file->now.size;) {
        const uint8_t *batch = file->now.data + at;

        strand_assert(reference->batch_count < SWEEP_BATCHES);
        SWEEP_MUST(strand_batch_check(batch, (size_t)(file->now.size - at)));
        reference->batches[reference->batch_count++] =
            (struct sweep_batch){.log = log,
                                 .file = number,
                                 .position = at,
                                 .size = strand_batch_size(batch),
                                 .base = strand_batch_base_offset(batch),
                                 .end = strand_batch_end_offset(batch)};
        at += strand_batch_size(batch);
    }
}

/* ---- All together ---- */

static void
fill(struct making *making)
{
    struct sweep_reference *reference = making->reference;

    open_all(making);
    SWEEP_MUST(strand_log_begin_epoch(making->logs[1], making->epoch)); /* 0, as the other has */
    for (int i = 0; i < 8; i++)
        append(making, i % 2, i % 2 == 0 ? 2 : 3, STRAND_DURABLE);
    close_all(making);
    remember(making, "", 0);

    open_all(making);
    making->epoch = 3;
    for (int log = 0; log < SWEEP_LOGS; log++)
        SWEEP_MUST(strand_log_begin_epoch(making->logs[log], making->epoch));
    for (int i = 0; i < 8; i++)
        append(making, i % 2, i % 2 == 0 ? 1 : 4, STRAND_DURABLE);
    SWEEP_MUST(strand_log_set_high_watermark(making->logs[1], 9));
    settle(making);
    remember(making, "", 1);

    reference->logs[0].start = 5;
    reference->logs[1].start = 7;
    for (int log = 0; log < SWEEP_LOGS; log++)
        SWEEP_MUST(strand_log_trim(making->logs[log], reference->logs[log].start));
    SWEEP_MUST(strand_log_set_high_watermark(making->logs[1], 26));
    for (int i = 0; i < 8; i++)
        append(making, i % 2, i % 2 == 0 ? 2 : 3, STRAND_DURABLE);
    settle(making);
}

static void
end(struct making *making)
{
    if (making->reference->ending == SWEEP_CLOSED) {
        close_all(making);
        return;
    }
    for (int i = 0; i < 12 && making->reference->ending == SWEEP_KILLED; i++)
        append(making, i % 2, i % 2 == 0 ? 2 : 1, STRAND_WRITTEN);
    abandon_all(making);
}

void
sweep_reference_make(struct sweep_reference *reference)
{
    struct strand_sim_disk_options options = {
        .seed = 7, .file_size_max = 2 << 20, .no_trace = true};
    struct making making = {.reference = reference};

    SWEEP_MUST(strand_sim_disk_create(&options, &reference->disk));
    strand_sim_disk_set_clock(reference->disk, INT64_C(1000000000) * NOW_S);
    making.fs = strand_sim_disk_fs(reference->disk);
    fill(&making);
    end(&making);
    remember(&making, "", -1);
    for (size_t i = 0; i < reference->file_count; i++)
        note_batches(reference, i);
}

void
sweep_reference_free(struct sweep_reference *reference)
{
    for (size_t i = 0; i < reference->file_count; i++) {
        free(reference->files[i].now.data);
        for (int moment = 0; moment < SWEEP_MOMENTS; moment++)
            free(reference->files[i].earlier[moment].data);
    }
    strand_sim_disk_destroy(reference->disk);
}
