/* tests/fuzz/fuzz_directory.c -- Any bytes as a data directory: an engine opens it, or says why
 * not.
 *
 * The input is a list of files: kind 1 | number 1 | size 2, little-endian | bytes.  The kind names
 * the file, the number is the base offset of a segment; of one name the last counts.  The first
 * byte of the input says how it is opened.  CRCs are made right unless the kind's highest bit is
 * set, as damage alone would hardly get past them.
 *
 * Whatever is there, everything that can be asked is answered, and a second opening of a directory
 * of ours finds the same log.  One without strandline.format is taken for a broker's the first
 * time, and for ours the second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "crash/damage_sweep.h"
#include "fuzz/fuzz.h"
#include "storage/batch.h"

enum { READS_MAX = 100000, HEAD = 4, AS_IT_IS = 0x80 };

enum file_kind {
    FILE_LOCK,
    FILE_FORMAT,
    FILE_FRONTIER,
    FILE_CLEAN,
    FILE_RECOVERY_POINT,
    FILE_LOG_START,
    FILE_COMMITTED,
    FILE_SEGMENT,
    FILE_ID,
    FILE_EPOCHS,
    FILE_OTHER, /* what an operation leaves that was interrupted; the number says which */
    FILE_KINDS
};

static const char *const names[FILE_KINDS] = {
    ".lock",
    "strandline.format",
    "strandline.frontier",
    "strandline.clean",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "replication-offset-checkpoint",
    "orders-0/%020d.log",
    "orders-0/strandline.id",
    "orders-0/leader-epoch-checkpoint",
    NULL,
};

static const char *const others[] = {
    "orders-0/truncated.tmp",
    "orders-0/prepared.tmp",
    "orders-0/00000000000000000000.log.swap",
    "orders-0/00000000000000000000.log.cleaned",
    "orders-0/00000000000000000000.index",
    "orders-0/cut-00000000000000000004.bytes",
    "orders-0/00000000000000000000.log.deleted",
    ".kafka_cleanshutdown",
};

enum { OTHERS = sizeof others / sizeof *others };

/* ---- From bytes to a directory ---- */

static void
fix_batches(uint8_t *data, size_t size)
{
    size_t at = 0;

    while (at < size && strand_batch_check_header(data + at, size - at) == STRAND_OK) {
        size_t batch_size = (size_t)strand_batch_size(data + at);

        strand_put_be32(data + at + STRAND_BATCH_CRC,
                        strand_crc32c(0, data + at + STRAND_BATCH_CRC_START,
                                      batch_size - STRAND_BATCH_CRC_START));
        at += batch_size;
    }
}

static void
fix_crcs(enum file_kind kind, uint8_t *data, size_t size)
{
    if (kind == FILE_SEGMENT)
        fix_batches(data, size);
    for (size_t at = 0; kind == FILE_FRONTIER && at + 64 <= size; at += 64) {
        static const uint8_t unused[64];

        if (memcmp(data + at, unused, sizeof unused) != 0)
            fuzz_fix_crc(data, at, at + 60, at + 60);
    }
    if (kind == FILE_CLEAN && size >= 4)
        fuzz_fix_crc(data, 0, size - 4, size - 4);
    if (kind == FILE_ID && size == 32)
        fuzz_fix_crc(data, 0, 28, 28);
}

static void
store_file(struct strand_sim_disk *disk, const uint8_t *head, size_t size)
{
    enum file_kind kind = (enum file_kind)((head[0] & ~AS_IT_IS) % FILE_KINDS);
    uint8_t *data = malloc(size + 1);
    char path[128] = "/data/";
    const size_t used = strlen(path);

    FUZZ_MUST(data != NULL);
    memcpy(data, head + HEAD, size);
    if ((head[0] & AS_IT_IS) == 0)
        fix_crcs(kind, data, size);
    if (kind == FILE_SEGMENT)
        (void)snprintf(path + used, sizeof path - used, "orders-0/%020d.log", head[1]);
    else
        (void)snprintf(path + used, sizeof path - used, "%s",
                       kind == FILE_OTHER ? others[head[1] % OTHERS] : names[kind]);
    FUZZ_MUST(strand_sim_disk_store(disk, path, data, (int64_t)size) == STRAND_OK);
    free(data);
}

static struct strand_sim_disk *
make_disk(const uint8_t *data, size_t size)
{
    struct strand_sim_disk_options options = {.seed = 1, .no_trace = true};
    struct strand_sim_disk *disk;

    FUZZ_MUST(strand_sim_disk_create(&options, &disk) == STRAND_OK);
    const struct strand_fs *fs = strand_sim_disk_fs(disk);
    FUZZ_MUST(fs->make_directory(fs->context, "/data") == 0);
    FUZZ_MUST(fs->make_directory(fs->context, "/data/orders-0") == 0);
    while (size >= HEAD) {
        size_t length = (size_t)(data[2] | data[3] << 8);

        length = length > size - HEAD ? size - HEAD : length;
        store_file(disk, data, length);
        data += HEAD + length;
        size -= HEAD + length;
    }
    return disk;
}

/* ---- Asking ---- */

static int
visit_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    (void)context;
    FUZZ_MUST(epoch->epoch >= 0 && epoch->start_offset >= 0);
    return STRAND_OK;
}

static int
visit_report(void *context, const struct strand_recovery_report *report)
{
    (void)context;
    FUZZ_MUST(report->reason != NULL);
    return STRAND_OK;
}

/* How many records there are, damage told apart. */
static uint64_t
read_all(struct strand_log *log)
{
    struct strand_cursor_options options = {
        .struct_size = sizeof options, .isolation = STRAND_READ_WRITTEN, .include_control = 1};
    struct strand_cursor *cursor;
    struct strand_record record;
    int64_t previous = -1;
    uint64_t count = 0;
    int status = STRAND_OK;

    if (strand_cursor_open(log, STRAND_EARLIEST, &options, &cursor) != STRAND_OK)
        return 0;
    for (int reads = 0; status != STRAND_END; reads++) {
        FUZZ_MUST(reads < READS_MAX);
        status = strand_cursor_next(cursor, &record);
        if (status == STRAND_OK) {
            FUZZ_MUST(record.offset > previous);
            previous = record.offset;
            count++;
        } else if (status != STRAND_END && status != STRAND_ERR_CORRUPT) {
            FUZZ_MUST(status == STRAND_ERR_CODEC || status == STRAND_ERR_FAILED ||
                      status == STRAND_ERR_QUARANTINED || status == STRAND_ERR_OUT_OF_RANGE);
            if (status != STRAND_ERR_CODEC)
                break;
        }
    }
    strand_cursor_close(cursor);
    return count;
}

struct found {
    int status;
    struct strand_positions positions;
    uint64_t records;
};

static void
ask(struct strand_engine *engine, bool appends, struct found *found)
{
    struct strand_log_options options = {.struct_size = sizeof options,
                                         .flags = STRAND_LOG_MUST_EXIST};
    struct strand_record record = {.value = strand_bytes("v", 1)};
    struct strand_log *log;
    int64_t offset;
    int32_t epoch;

    FUZZ_MUST(strand_engine_recovery_report(engine, visit_report, NULL) == STRAND_OK);
    if (strand_log_open(engine, "orders", 0, &options, &log) != STRAND_OK)
        return;
    FUZZ_MUST(strand_log_positions(log, &found->positions) == STRAND_OK);
    FUZZ_MUST(found->positions.log_start <= found->positions.high_watermark &&
              found->positions.high_watermark <= found->positions.durable_end &&
              found->positions.durable_end <= found->positions.log_end);
    (void)strand_log_list_epochs(log, visit_epoch, NULL);
    (void)strand_log_end_offset_for_epoch(log, 3, &epoch, &offset);
    for (int64_t time = -3; time < 3; time++)
        (void)strand_log_offset_for_timestamp(log, time, STRAND_READ_WRITTEN, &offset, NULL);
    found->records = read_all(log);
    if (appends)
        (void)strand_log_append(log, &record, 1, NULL, NULL);
    (void)strand_log_close(log);
}

static struct found
open_once(struct strand_sim_disk *disk, uint32_t flags, int32_t policy, bool appends)
{
    struct strand_engine_options options = {.struct_size = sizeof options,
                                            .flags = STRAND_ENGINE_NO_THREADS | flags,
                                            .recovery_policy = policy,
                                            .fs = strand_sim_disk_fs(disk)};
    struct found found = {.records = 0};
    struct strand_engine *engine;

    found.status = strand_engine_open("/data", &options, &engine);
    if (found.status == STRAND_OK) {
        ask(engine, appends, &found);
        (void)strand_engine_close(engine);
    } else {
        FUZZ_MUST(strand_error_message()[0] != '\0');
    }
    return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint32_t flags = (data[0] & 4) != 0 ? STRAND_ENGINE_READ_ONLY : 0;
    flags |= (data[0] & 8) != 0 ? STRAND_ENGINE_COPY_READS : 0;
    struct strand_sim_disk *disk = make_disk(data + 1, size - 1);
    bool appends = (data[0] & 16) != 0;
    bool is_ours = strand_sim_disk_content(disk, "/data/strandline.format", NULL) != NULL;
    struct found first = open_once(disk, flags, data[0] % 3, appends);
    struct found second = open_once(disk, flags, data[0] % 3, false);

    if (first.status == STRAND_OK)
        FUZZ_MUST(second.status == STRAND_OK);
    if (first.status == STRAND_OK && is_ours && !appends) {
        FUZZ_MUST(first.positions.log_start == second.positions.log_start);
        FUZZ_MUST(first.positions.log_end == second.positions.log_end);
        FUZZ_MUST(first.records == second.records);
    }
    strand_sim_disk_destroy(disk);
    return 0;
}

/* ---- Seeds: the directories of the damage sweep ---- */

static bool
classify(const char *path, uint8_t *out_kind, uint8_t *out_number)
{
    for (uint8_t kind = 0; kind < FILE_KINDS; kind++)
        if (names[kind] != NULL && strcmp(names[kind], path) == 0) {
            *out_kind = kind;
            *out_number = 0;
            return true;
        }
    *out_kind = FILE_SEGMENT;
    return sscanf(path, "orders-0/%" SCNu8 ".log", out_number) == 1;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    static const enum sweep_ending endings[] = {SWEEP_CLOSED, SWEEP_CUT, SWEEP_KILLED};

    if (number >= sizeof endings / sizeof *endings)
        return false;
    struct sweep_reference *reference = calloc(1, sizeof *reference);
    FUZZ_MUST(reference != NULL);
    reference->name = "seed";
    reference->ending = endings[number];
    sweep_reference_make(reference);
    fuzz_put(out, "", 1);
    for (size_t i = 0; i < reference->file_count; i++) {
        const struct sweep_file *file = &reference->files[i];
        size_t size = (size_t)file->now.size;
        uint8_t head[HEAD];

        if (file->now.data == NULL || !classify(file->path, &head[0], &head[1]))
            continue;
        if (head[0] == FILE_FRONTIER && size > 192)
            size = 192; /* no slot behind is used */
        head[2] = (uint8_t)size;
        head[3] = (uint8_t)(size >> 8);
        fuzz_put(out, head, sizeof head);
        fuzz_put(out, file->now.data, size);
    }
    sweep_reference_free(reference);
    free(reference);
    return true;
}
