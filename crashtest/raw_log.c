/* crashtest/raw_log.c -- Names, small files, then batch after batch of each segment. */
#include "crashtest/raw_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "recovery/leader_epoch.h"
#include "simulation/sim_disk.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

enum { PATH_SIZE = CRASHTEST_RAW_NAME_SIZE + STRAND_FILE_NAME_SIZE_MAX };

/* ---- Names ---- */

/* Segments are few out of order, if any. */
static void
add_segment(struct crashtest_raw_log *raw, int64_t base_offset)
{
    size_t at = raw->segment_count;

    if (at == CRASHTEST_RAW_SEGMENTS) {
        raw->is_too_large = true;
        return;
    }
    for (; at > 0 && raw->segments[at - 1].base_offset > base_offset; at--)
        raw->segments[at] = raw->segments[at - 1];
    raw->segments[at] = (struct crashtest_raw_segment){.base_offset = base_offset};
    raw->segment_count++;
}

/* What an interrupted change leaves, and opening removes. */
static bool
is_leftover(const char *name)
{
    static const char *const SUFFIXES[] = {".tmp", ".deleted", ".cleaned", ".swap", ".tail"};
    const char *suffix = strrchr(name, '.');

    for (size_t i = 0; suffix != NULL && i < sizeof SUFFIXES / sizeof *SUFFIXES; i++)
        if (strcmp(suffix, SUFFIXES[i]) == 0)
            return true;
    return false;
}

/* ---- Contents ---- */

/* NULL: there is no such file. */
static const uint8_t *
content_of(const struct crashtest_driver *driver, const struct crashtest_raw_log *raw,
           const char *name, int64_t *out_size)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", raw->directory, name);
    return strand_sim_disk_content(crashtest_driver_disk(driver), path, out_size);
}

struct listing {
    const struct crashtest_driver *driver;
    struct crashtest_raw_log *raw;
};

static int
note_name(void *argument, const char *name)
{
    const struct listing *listing = argument;
    struct crashtest_raw_log *raw = listing->raw;
    const char *suffix = strrchr(name, '.');
    int64_t base_offset, size = 0;

    if (strand_segment_name_parse(name, &base_offset)) {
        add_segment(raw, base_offset);
    } else if (is_leftover(name)) {
        (void)snprintf(raw->leftover, sizeof raw->leftover, "%s", name);
        if (strcmp(suffix, ".tail") == 0 && content_of(listing->driver, raw, name, &size) != NULL)
            raw->tail_bytes += size;
    }
    return 0;
}

static void
read_small_files(const struct crashtest_driver *driver, struct crashtest_raw_log *raw)
{
    int64_t size = 0;
    const uint8_t *data = content_of(driver, raw, STRAND_LOG_IDENTITY_NAME, &size);

    raw->identity_fault = "it is not there";
    raw->epochs_fault = "it is not there";
    if (data != NULL)
        raw->identity_fault = crashtest_read_identity(data, size, &raw->identity);
    data = content_of(driver, raw, STRAND_LEADER_EPOCH_NAME, &size);
    if (data != NULL)
        raw->epochs_fault = crashtest_read_epochs(data, size, raw->epochs, &raw->epoch_count);
}

/* The batch at POSITION, if there is a whole one, whose offsets go on behind END_OFFSET. */
static bool
read_batch(const struct crashtest_raw_segment *segment, struct crashtest_raw_batch *out_batch)
{
    const uint8_t *data = segment->data + segment->whole_size;
    int64_t left = segment->size - segment->whole_size;

    if (left < STRAND_BATCH_HEADER_SIZE || strand_batch_magic(data) != STRAND_BATCH_MAGIC_CURRENT ||
        strand_batch_check(data, (size_t)left) != STRAND_OK ||
        strand_batch_base_offset(data) < segment->end_offset)
        return false;
    *out_batch = (struct crashtest_raw_batch){
        .base_offset = strand_batch_base_offset(data),
        .end_offset = strand_batch_end_offset(data),
        .max_timestamp_ms = strand_batch_max_timestamp(data),
        .epoch = strand_batch_leader_epoch(data),
        .record_count = strand_batch_record_count(data),
        .position = segment->whole_size,
        .size = strand_batch_size(data),
        .data = data,
    };
    return true;
}

static void
read_batches(struct crashtest_raw_log *raw, struct crashtest_raw_segment *segment)
{
    struct crashtest_raw_batch batch;

    segment->first_batch = raw->batch_count;
    segment->end_offset = segment->base_offset;
    while (!raw->is_too_large && read_batch(segment, &batch)) {
        if (raw->batch_count == CRASHTEST_RAW_BATCHES) {
            raw->is_too_large = true;
            return;
        }
        raw->batches[raw->batch_count++] = batch;
        segment->batch_count++;
        segment->whole_size += batch.size;
        segment->end_offset = batch.end_offset;
    }
}

void
crashtest_raw_log_read(const struct crashtest_driver *driver, int32_t log,
                       struct crashtest_raw_log *out_raw)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    out_raw->is_too_large = false;
    out_raw->leftover[0] = '\0';
    out_raw->tail_bytes = 0;
    out_raw->epoch_count = 0;
    out_raw->segment_count = 0;
    out_raw->batch_count = 0;
    (void)snprintf(out_raw->directory, sizeof out_raw->directory, CRASHTEST_DIRECTORY "/%s-0",
                   crashtest_topics[log]);
    struct listing listing = {driver, out_raw};
    out_raw->exists =
        driver->fs->list(driver->fs->context, out_raw->directory, note_name, &listing) == 0;
    if (!out_raw->exists)
        return;
    read_small_files(driver, out_raw);
    for (size_t i = 0; i < out_raw->segment_count; i++) {
        struct crashtest_raw_segment *segment = &out_raw->segments[i];

        strand_segment_name_format(segment->base_offset, name);
        segment->data = content_of(driver, out_raw, name, &segment->size);
        if (segment->data != NULL)
            read_batches(out_raw, segment);
    }
}

/* ---- Looking ---- */

int32_t
crashtest_raw_log_epoch(const struct crashtest_raw_log *raw, int64_t offset)
{
    int32_t epoch = -1;

    for (size_t i = 0; i < raw->epoch_count && raw->epochs[i].start_offset <= offset; i++)
        epoch = raw->epochs[i].epoch;
    return epoch;
}

const struct crashtest_raw_segment *
crashtest_raw_log_find(const struct crashtest_raw_log *raw, int64_t base_offset)
{
    for (size_t i = 0; i < raw->segment_count; i++)
        if (raw->segments[i].base_offset == base_offset)
            return &raw->segments[i];
    return NULL;
}

const struct crashtest_raw_batch *
crashtest_raw_log_batch(const struct crashtest_raw_log *raw, int64_t offset)
{
    size_t low = 0;
    size_t high = raw->batch_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (raw->batches[middle].end_offset > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low < raw->batch_count ? &raw->batches[low] : NULL;
}
