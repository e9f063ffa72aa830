/* crashtest/broker.c -- What it writes, and whether that is still true. */
#include "crashtest/broker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "crashtest/check.h"
#include "crashtest/verdict.h"
#include "engine/data_directory.h"
#include "recovery/checkpoint.h"
#include "simulation/sim_disk.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

enum { KEPT_SEGMENTS = 2, ZEROS = 32, SEGMENT_MAX = 8192, PATH_MAX_SIZE = 128, TEXT_SIZE = 64 };

struct broker {
    const struct strand_fs *fs;
    char directory[PATH_MAX_SIZE]; /* of the log */
    char name[TEXT_SIZE];          /* "orders 0", as checkpoints have it */
    uint32_t sum;                  /* of its indexes */
    struct crashtest_outcome outcome;
};

/* ---- Segments ---- */

static size_t
add_batch(uint8_t *to, size_t at, const uint8_t *batch)
{
    size_t size = (size_t)strand_batch_size(batch);

    memcpy(to + at, batch, size);
    return at + size;
}

/* Of the first segment all but its second batch. */
static size_t
compact(struct broker *broker, const uint8_t *data, size_t size, uint8_t out_data[SEGMENT_MAX])
{
    size_t kept = add_batch(out_data, 0, data);

    broker->outcome.epoch = (int32_t)strand_batch_base_offset(data + kept);
    for (size_t at = kept + (size_t)strand_batch_size(data + kept); at < size;
         at += (size_t)strand_batch_size(data + at))
        kept = add_batch(out_data, kept, data + at);
    return kept;
}

/* Of the second its first batch, and zeros. */
static size_t
cut(struct broker *broker, const uint8_t *data, uint8_t out_data[SEGMENT_MAX])
{
    size_t kept = add_batch(out_data, 0, data);

    broker->outcome.offset = strand_batch_end_offset(data);
    memset(out_data + kept, 0, ZEROS);
    return kept + ZEROS;
}

static int
write_index(struct broker *broker, const char *segment, uint32_t crc)
{
    char name[TEXT_SIZE], text[TEXT_SIZE];

    (void)snprintf(name, sizeof name, "%.20s.index", segment);
    int size = snprintf(text, sizeof text, "index %08" PRIx32, crc);
    broker->sum += crc;
    return strand_file_replace(broker->fs, broker->directory, name, text, (size_t)size);
}

static int
change_segment(struct broker *broker, const char *segment, const uint8_t *data, size_t size,
               bool is_first)
{
    uint8_t changed[SEGMENT_MAX];
    bool has_two = size > (size_t)strand_batch_size(data);

    if (size + ZEROS > sizeof changed || (is_first && !has_two))
        return strand_fail(STRAND_ERR_INVALID, "a broker needs small segments of several batches");
    size_t kept = is_first ? compact(broker, data, size, changed) : cut(broker, data, changed);
    int status = strand_file_replace(broker->fs, broker->directory, segment, changed, kept);
    return status == STRAND_OK ? write_index(broker, segment, strand_crc32c(0, changed, kept))
                               : status;
}

static int
remove_segment(const struct broker *broker, const char *segment)
{
    char path[STRAND_PATH_SIZE_MAX];
    int status = strand_path_join(path, broker->directory, segment);

    if (status == STRAND_OK)
        status = strand_path_remove(broker->fs, path);
    return status == STRAND_OK ? strand_path_sync_directory(broker->fs, broker->directory) : status;
}

static int
treat_segment(struct broker *broker, const char *segment, size_t place)
{
    char path[STRAND_PATH_SIZE_MAX];
    char *data = NULL;
    size_t size = 0;

    if (place >= KEPT_SEGMENTS)
        return remove_segment(broker, segment);
    int status = strand_path_join(path, broker->directory, segment);
    if (status == STRAND_OK)
        status = strand_path_read(broker->fs, path, SEGMENT_MAX, &data, &size);
    if (status == STRAND_OK && size == 0)
        status = strand_fail(STRAND_ERR_INVALID, "a broker needs two segments with batches");
    if (status == STRAND_OK)
        status = change_segment(broker, segment, (const uint8_t *)data, size, place == 0);
    free(data);
    return status;
}

static int
treat_segments(struct broker *broker)
{
    struct strand_names names = {0};
    size_t place = 0;
    int64_t base_offset;

    int status = strand_path_list(broker->fs, broker->directory, &names);
    for (size_t i = 0; i < names.count && status == STRAND_OK; i++)
        if (strand_segment_name_parse(names.names[i], &base_offset))
            status = treat_segment(broker, names.names[i], place++);
    strand_names_free(&names);
    if (status == STRAND_OK && place < KEPT_SEGMENTS)
        status = strand_fail(STRAND_ERR_INVALID, "a broker needs two segments with batches");
    return status;
}

/* ---- The files of the directory ---- */

static int
write_offset(const struct broker *broker, const char *file, int64_t offset)
{
    char text[TEXT_SIZE + TEXT_SIZE];
    int size = snprintf(text, sizeof text, "0\n1\n%s %" PRId64 "\n", broker->name, offset);

    return strand_file_replace(broker->fs, CRASHTEST_DIRECTORY, file, text, (size_t)size);
}

static int
write_marker(const struct broker *broker)
{
    char text[TEXT_SIZE];
    int size =
        snprintf(text, sizeof text, "{\"version\":0,\"sum\":\"%08" PRIx32 "\"}", broker->sum);

    return strand_file_replace(broker->fs, CRASHTEST_DIRECTORY, STRAND_KAFKA_CLEAN_NAME, text,
                               (size_t)size);
}

int
crashtest_broker_change(const struct strand_fs *fs, const struct crashtest_ledger *ledger,
                        int32_t log, struct crashtest_outcome *out_outcome)
{
    struct broker broker = {.fs = fs};

    for (int32_t i = 0; i < CRASHTEST_LOGS; i++)
        if (i != log && ledger->logs[i].exists)
            return strand_fail(STRAND_ERR_INVALID, "a broker has one log, and no other is there");
    (void)snprintf(broker.directory, sizeof broker.directory, CRASHTEST_DIRECTORY "/%s-0",
                   crashtest_topics[log]);
    (void)snprintf(broker.name, sizeof broker.name, "%s 0", crashtest_topics[log]);
    int status = treat_segments(&broker);
    if (status == STRAND_OK)
        status = write_offset(&broker, STRAND_RECOVERY_POINT_NAME, broker.outcome.offset);
    if (status == STRAND_OK)
        status = write_offset(&broker, STRAND_LOG_START_NAME, ledger->logs[log].start);
    if (status == STRAND_OK)
        status = write_offset(&broker, STRAND_COMMITTED_NAME, broker.outcome.offset);
    if (status == STRAND_OK)
        status = write_marker(&broker);
    *out_outcome = broker.outcome;
    return status;
}

/* ---- Whether it is still true ---- */

/* The number behind BEGINNING in TEXT; false: TEXT (NULL: there is none) begins otherwise. */
static bool
read_sum(const uint8_t *text, const char *beginning, uint32_t *out_sum)
{
    size_t size = strlen(beginning);

    if (text == NULL || strncmp((const char *)text, beginning, size) != 0)
        return false;
    *out_sum = (uint32_t)strtoul((const char *)text + size, NULL, 16);
    return true;
}

/* The CRC that the index of a segment of LOG speaks of; false: there is no index. */
static bool
find_indexed_crc(const struct crashtest_check *check, const char *directory, const char *segment,
                 uint32_t *out_crc)
{
    char path[STRAND_PATH_SIZE_MAX];

    (void)snprintf(path, sizeof path, "%s/%.20s.index", directory, segment);
    const uint8_t *text =
        strand_sim_disk_content(crashtest_driver_disk(&check->driver), path, NULL);
    return read_sum(text, "index ", out_crc);
}

/* Add what the segments' indexes would say to *SUM. */
static bool
check_log(struct crashtest_check *check, int32_t log, uint32_t *sum)
{
    char directory[PATH_MAX_SIZE], path[STRAND_PATH_SIZE_MAX];
    struct strand_names names = {0};
    bool is_right = true;
    int64_t size, base_offset;

    (void)snprintf(directory, sizeof directory, CRASHTEST_DIRECTORY "/%s-0", crashtest_topics[log]);
    if (strand_path_list(check->fs, directory, &names) != STRAND_OK)
        return true; /* there is no such log */
    for (size_t i = 0; i < names.count && is_right; i++) {
        uint32_t indexed;

        if (!strand_segment_name_parse(names.names[i], &base_offset) ||
            strand_path_join(path, directory, names.names[i]) != STRAND_OK)
            continue;
        const uint8_t *data =
            strand_sim_disk_content(crashtest_driver_disk(&check->driver), path, &size);
        uint32_t crc = strand_crc32c(0, data, (size_t)size);
        *sum += crc;
        if (find_indexed_crc(check, directory, names.names[i], &indexed))
            is_right = crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE, indexed == crc,
                                       "%s has changed beside the index of a broker", path);
    }
    strand_names_free(&names);
    return is_right;
}

bool
crashtest_check_broker(struct crashtest_check *check)
{
    uint32_t sum = 0, marked;
    bool is_right = true;

    for (int32_t i = 0; i < CRASHTEST_LOGS && is_right; i++)
        is_right = check_log(check, i, &sum);
    const uint8_t *text =
        strand_sim_disk_content(crashtest_driver_disk(&check->driver),
                                CRASHTEST_DIRECTORY "/" STRAND_KAFKA_CLEAN_NAME, NULL);
    if (!is_right || !read_sum(text, "{\"version\":0,\"sum\":\"", &marked))
        return is_right;
    return crashtest_holds(check, CRASHTEST_CLEAN_MARKER_TRUE, marked == sum,
                           "segments have changed beside the marker of a broker");
}
