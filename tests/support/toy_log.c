/* tests/support/toy_log.c -- The log, its bugs beside what they replace. */
#include "support/toy_log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"

enum { RECORD_SIZE = 96, SEGMENT_SIZE_MAX = 32768, TEXT_SIZE = 64, GO_ON_COUNT = 3 };

static const char CHECKPOINT[] = "/log/checkpoint";
static const char CHECKPOINT_NEW[] = "/log/checkpoint.new";

/* CRC, epoch, number, and bytes that both decide. */
static void
make_record(uint8_t record[RECORD_SIZE], uint32_t epoch, uint32_t number)
{
    strand_put_be32(record + 4, epoch);
    strand_put_be32(record + 8, number);
    for (size_t i = 12; i < RECORD_SIZE; i++)
        record[i] = (uint8_t)(1 + (number * 31 + epoch * 7 + i) % 255);
    strand_put_be32(record, strand_crc32c(1, record + 4, RECORD_SIZE - 4));
}

static void
segment_path(char path[TEXT_SIZE], uint32_t segment)
{
    (void)snprintf(path, TEXT_SIZE, "/log/%03" PRIu32, segment);
}

static int
open_segment(const struct toy_log *toy, const struct strand_fs *fs, uint32_t number,
             char path[TEXT_SIZE], struct strand_file *out_file)
{
    bool is_first = number % toy->segment_records == 0;

    segment_path(path, number / toy->segment_records);
    int status = strand_file_open(fs, path, STRAND_FS_WRITE | STRAND_FS_CREATE, out_file);
    if (status == STRAND_OK && is_first && toy->bug != TOY_SYNCS_NO_DIRECTORY)
        status = strand_path_sync_directory(fs, "/log");
    return status;
}

static int
write_checkpoint(const struct toy_log *toy, const struct strand_fs *fs, uint32_t count)
{
    struct strand_file file = {.fs = fs};
    char text[TEXT_SIZE];
    int size = snprintf(text, sizeof text, "%" PRIu32 "\n", count);

    int status = strand_file_open(fs, CHECKPOINT_NEW,
                                  STRAND_FS_WRITE | STRAND_FS_CREATE | STRAND_FS_EMPTY, &file);
    if (status == STRAND_OK)
        status = strand_file_write(&file, text, (size_t)size, 0, NULL);
    if (status == STRAND_OK && toy->bug != TOY_RENAMES_BEFORE_SYNC)
        status = strand_file_sync_data(&file);
    strand_file_discard(&file);
    if (status == STRAND_OK)
        status = strand_path_rename(fs, CHECKPOINT_NEW, CHECKPOINT);
    if (status == STRAND_OK)
        status = strand_path_sync_directory(fs, "/log");
    if (status == STRAND_OK)
        strand_crash_note(fs, TOY_CHECKPOINT | count);
    return status;
}

/* COUNT records of EPOCH from FIRST on. */
static int
append_records(const struct toy_log *toy, const struct strand_fs *fs, uint32_t epoch,
               uint32_t first, uint32_t count)
{
    struct strand_file file = {.fs = fs};
    char path[TEXT_SIZE];
    uint8_t record[RECORD_SIZE];
    uint32_t sync_count = 0;
    int status = STRAND_OK;

    for (uint32_t number = first; number < first + count && status == STRAND_OK; number++) {
        uint32_t next = number + 1;
        bool is_full = next % toy->segment_records == 0;

        if (file.handle == NULL)
            status = open_segment(toy, fs, number, path, &file);
        make_record(record, epoch, number);
        if (status == STRAND_OK)
            status =
                strand_file_write(&file, record, sizeof record,
                                  (int64_t)(number % toy->segment_records) * RECORD_SIZE, NULL);
        if (status != STRAND_OK ||
            (next % toy->sync_every != 0 && !is_full && next != first + count))
            continue;
        if (toy->bug == TOY_PROMISES_BEFORE_SYNC)
            strand_crash_note(fs, TOY_DURABLE | next);
        status = strand_file_sync_data(&file);
        if (status == STRAND_OK)
            strand_crash_note(fs, TOY_DURABLE | next);
        if (is_full)
            strand_file_discard(&file);
        if (status == STRAND_OK && toy->checkpoint_every != 0 &&
            ++sync_count % toy->checkpoint_every == 0)
            status = write_checkpoint(toy, fs, next);
    }
    strand_file_discard(&file);
    return status;
}

int
toy_log_run(const struct strand_fs *fs, void *toy_log)
{
    const struct toy_log *toy = toy_log;
    int status = strand_path_make_directory(fs, "/log");

    if (status == STRAND_OK)
        status = strand_path_sync_directory(fs, "/");
    return status == STRAND_OK ? append_records(toy, fs, 1, 0, toy->record_count) : status;
}

/* ---- Recovery ---- */

/* What the notes say. */
struct promises {
    uint32_t durable;
    uint32_t epoch_start; /* UINT32_MAX: there is no second epoch */
    uint32_t checkpoint;
};

static struct promises
read_notes(const struct strand_crash_state *state)
{
    struct promises promises = {.epoch_start = UINT32_MAX};

    for (size_t i = 0; i < state->note_count; i++) {
        uint32_t number = (uint32_t)state->notes[i];
        uint64_t kind = state->notes[i] & ~UINT64_C(0xffffffff);

        if (kind == TOY_DURABLE)
            promises.durable = number;
        else if (kind == TOY_EPOCH)
            promises.epoch_start = number;
        else
            promises.checkpoint = number;
    }
    return promises;
}

static bool
is_record(const struct toy_log *toy, const uint8_t *record, uint32_t number)
{
    if (strand_get_be32(record + 8) != number || strand_get_be32(record + 4) == 0)
        return false;
    return toy->bug == TOY_CHECKS_NO_CRC ||
           strand_get_be32(record) == strand_crc32c(1, record + 4, RECORD_SIZE - 4);
}

static int
judge_record(const struct strand_fs *fs, const struct promises *promises, const uint8_t *record,
             uint32_t number)
{
    uint8_t expected[RECORD_SIZE];
    uint32_t epoch = number < promises->epoch_start ? 1 : 2;

    make_record(expected, epoch, number);
    if (strand_get_be32(record + 4) != epoch)
        return strand_crash_fail(fs, "record %" PRIu32 " is of epoch %" PRIu32 ", not %" PRIu32,
                                 number, strand_get_be32(record + 4), epoch);
    if (memcmp(record, expected, sizeof expected) != 0)
        return strand_crash_fail(fs, "record %" PRIu32 " has other bytes than were written",
                                 number);
    return STRAND_OK;
}

/* Records from *COUNT on in one segment, up to the first that is none; what is behind goes. */
static int
recover_segment(const struct toy_log *toy, const struct strand_fs *fs,
                const struct promises *promises, struct strand_file *file, uint32_t *count)
{
    uint8_t bytes[SEGMENT_SIZE_MAX];
    uint32_t first = *count;
    size_t size;
    int status = strand_file_read(file, bytes, sizeof bytes, 0, &size);

    while (status == STRAND_OK && *count - first < toy->segment_records &&
           (size_t)(*count - first + 1) * RECORD_SIZE <= size &&
           is_record(toy, bytes + (size_t)(*count - first) * RECORD_SIZE, *count)) {
        status = judge_record(fs, promises, bytes + (size_t)(*count - first) * RECORD_SIZE, *count);
        (*count)++;
    }
    int64_t end = (int64_t)(*count - first) * RECORD_SIZE;
    if (status == STRAND_OK && end < (int64_t)size && toy->bug != TOY_LEAVES_STALE_TAIL)
        status = strand_file_set_size(file, end);
    if (status == STRAND_OK && toy->bug != TOY_TRUSTS_CACHE)
        status = strand_file_write(file, bytes, (size_t)end, 0, NULL);
    return status == STRAND_OK ? strand_file_sync_data(file) : status;
}

/* The names that it finds need not be durable: a killed process may have left them. */
static int
sync_names(const struct strand_fs *fs)
{
    int status = strand_path_sync_directory(fs, "/");

    return status == STRAND_OK ? strand_path_sync_directory(fs, "/log") : status;
}

/* *OUT_COUNT is -1 when there is no log. */
static int
recover(const struct toy_log *toy, const struct strand_fs *fs, const struct promises *promises,
        int64_t *out_count)
{
    uint32_t count = 0;
    int kind = 0;
    int status = strand_path_kind(fs, "/log", &kind);

    *out_count = -1;
    if (status != STRAND_OK || kind == 0)
        return status;
    for (uint32_t segment = 0; count == segment * toy->segment_records; segment++) {
        struct strand_file file = {.fs = fs};
        char path[TEXT_SIZE];

        segment_path(path, segment);
        status = strand_path_kind(fs, path, &kind);
        if (status != STRAND_OK || kind == 0)
            break;
        status = strand_file_open(fs, path, STRAND_FS_WRITE, &file);
        if (status == STRAND_OK)
            status = recover_segment(toy, fs, promises, &file, &count);
        strand_file_discard(&file);
        if (status != STRAND_OK)
            return status;
    }
    *out_count = count;
    return status == STRAND_OK ? sync_names(fs) : status;
}

static int
judge_checkpoint(const struct strand_fs *fs, const struct promises *promises, int64_t count)
{
    char *text = NULL;
    size_t size;
    unsigned value = 0;
    int status = strand_path_read(fs, CHECKPOINT, TEXT_SIZE, &text, &size);

    if (status == STRAND_ERR_NOT_FOUND && promises->checkpoint == 0)
        return STRAND_OK;
    if (status != STRAND_OK)
        return strand_crash_fail(fs, "%s", strand_error_message());
    bool is_text = sscanf(text, "%u\n", &value) == 1;
    free(text);
    if (!is_text)
        return strand_crash_fail(fs, "the checkpoint holds no number");
    if (value < promises->checkpoint || value > count)
        return strand_crash_fail(fs, "the checkpoint is %u, not %" PRIu32 " to %" PRId64, value,
                                 promises->checkpoint, count);
    return STRAND_OK;
}

int
toy_log_check(const struct strand_fs *fs, void *toy_log, const struct strand_crash_state *state)
{
    const struct toy_log *toy = toy_log;
    const struct promises promises = read_notes(state);
    int64_t count;
    int status = recover(toy, fs, &promises, &count);

    if (status == STRAND_OK && promises.durable > 0 && count < promises.durable)
        status = strand_crash_fail(fs, "%" PRId64 " records are there, %" PRIu32 " were promised",
                                   count, promises.durable);
    return status == STRAND_OK ? judge_checkpoint(fs, &promises, count) : status;
}

int
toy_log_go_on(const struct strand_fs *fs, void *toy_log, const struct strand_crash_state *state)
{
    const struct toy_log *toy = toy_log;
    const struct promises promises = read_notes(state);
    int64_t count;
    int status = recover(toy, fs, &promises, &count);

    if (status != STRAND_OK || count < 0)
        return status; /* it had not begun */
    strand_crash_note(fs, TOY_EPOCH | (uint64_t)count);
    return append_records(toy, fs, 2, (uint32_t)count, GO_ON_COUNT);
}
