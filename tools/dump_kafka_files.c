/* tools/dump_kafka_files.c -- All but checkpoints are arrays of entries of one size, big-endian: a
 * table says what is in them.
 */
#include "tools/dump_kafka_files.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "recovery/checkpoint_text.h"
#include "storage/batch.h"
#include "storage/topic_name.h"
#include "tools/report.h"

enum {
    FIELDS_MAX = 8,
    ENTRY_SIZE_MAX = 46,
    NAME_DIGITS = 20,
    CHECKPOINT_COUNT_MAX = 1 << 20,

    SNAPSHOT_VERSION = 1,
    SNAPSHOT_HEADER_SIZE = 10, /* version int16, CRC-32C of what follows it, count int32 */
    SNAPSHOT_CRC_START = 6,
};

enum snapshot_field {
    SNAPSHOT_PRODUCER_ID,
    SNAPSHOT_PRODUCER_EPOCH,
    SNAPSHOT_LAST_SEQUENCE,
    SNAPSHOT_LAST_OFFSET,
    SNAPSHOT_OFFSET_DELTA,
    SNAPSHOT_TIMESTAMP,
    SNAPSHOT_COORDINATOR_EPOCH,
    SNAPSHOT_TXN_FIRST_OFFSET,
};

struct field {
    const char *name;
    size_t size;
    bool is_relative; /* to the base offset in the name of the file */
};

struct kind {
    const char *suffix;
    struct field fields[FIELDS_MAX]; /* as stored */
    bool may_end_in_zeros;           /* allocated in advance while its segment is written to */
    bool is_snapshot;
};

static const struct kind KINDS[] = {
    {".index", {{"offset", 4, true}, {"position", 4, false}}, true, false},
    {".timeindex", {{"timestamp", 8, false}, {"offset", 4, true}}, true, false},
    {".txnindex",
     {{"version", 2, false},
      {"producerId", 8, false},
      {"firstOffset", 8, false},
      {"lastOffset", 8, false},
      {"lastStableOffset", 8, false}},
     false,
     false},
    {".snapshot",
     {[SNAPSHOT_PRODUCER_ID] = {"producerId", 8, false},
      [SNAPSHOT_PRODUCER_EPOCH] = {"producerEpoch", 2, false},
      [SNAPSHOT_LAST_SEQUENCE] = {"lastSequence", 4, false},
      [SNAPSHOT_LAST_OFFSET] = {"lastOffset", 8, false},
      [SNAPSHOT_OFFSET_DELTA] = {"offsetDelta", 4, false},
      [SNAPSHOT_TIMESTAMP] = {"timestamp", 8, false},
      [SNAPSHOT_COORDINATOR_EPOCH] = {"coordinatorEpoch", 4, false},
      [SNAPSHOT_TXN_FIRST_OFFSET] = {"currentTxnFirstOffset", 8, false}},
     false,
     true},
};

struct dump {
    const struct strand_file *file;
    const char *path;
    int64_t size;
    bool json;
    const struct kind *kind;
    int64_t base_offset;
};

static const char *
name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t text_size = strlen(text);
    size_t end_size = strlen(end);

    return text_size >= end_size && strcmp(text + text_size - end_size, end) == 0;
}

static const struct kind *
find_kind(const char *path)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (ends_with(path, KINDS[i].suffix))
            return &KINDS[i];
    return NULL;
}

static bool
is_epoch_file(const char *path)
{
    return strcmp(name_of(path), "leader-epoch-checkpoint") == 0;
}

bool
cli_kafka_file_is_known(const char *path)
{
    return find_kind(path) != NULL || is_epoch_file(path) || ends_with(path, "-offset-checkpoint");
}

/* ---- Entries --------------------------------------------------------------------------------- */

static size_t
entry_size(const struct kind *kind)
{
    size_t size = 0;

    for (size_t i = 0; i < FIELDS_MAX && kind->fields[i].name != NULL; i++)
        size += kind->fields[i].size;
    strand_assert(size > 0);
    strand_assert(size <= ENTRY_SIZE_MAX);
    return size;
}

static int64_t
get_number(const uint8_t *from, size_t size)
{
    if (size == 2)
        return (int16_t)strand_get_be16(from);
    if (size == 4)
        return (int32_t)strand_get_be32(from);
    return (int64_t)strand_get_be64(from);
}

static void
decode_entry(const struct dump *dump, const uint8_t *entry, int64_t out_values[FIELDS_MAX])
{
    for (size_t i = 0; i < FIELDS_MAX && dump->kind->fields[i].name != NULL; i++) {
        const struct field *field = &dump->kind->fields[i];

        out_values[i] = get_number(entry, field->size);
        if (field->is_relative) /* by a damaged file: without overflow, to whatever it comes to */
            out_values[i] = (int64_t)((uint64_t)out_values[i] + (uint64_t)dump->base_offset);
        entry += field->size;
    }
}

static void
print_fields(const struct dump *dump, const int64_t values[FIELDS_MAX])
{
    const char *quote = dump->json ? "\"" : "";

    (void)fputs(dump->json ? "{" : "", stdout);
    for (size_t i = 0; i < FIELDS_MAX && dump->kind->fields[i].name != NULL; i++)
        (void)printf("%s%s%s%s:%s%" PRId64,
                     i == 0       ? ""
                     : dump->json ? ","
                                  : " ",
                     quote, dump->kind->fields[i].name, quote, dump->json ? "" : " ", values[i]);
    (void)fputs(dump->json ? "}\n" : "\n", stdout);
}

/* As DumpLogSegments: the last batch, if the producer has one, behind the rest. */
static void
print_producer(const int64_t values[FIELDS_MAX])
{
    int32_t last_sequence = (int32_t)values[SNAPSHOT_LAST_SEQUENCE];
    int32_t offset_delta = (int32_t)values[SNAPSHOT_OFFSET_DELTA];

    (void)printf("producerId: %" PRId64 " producerEpoch: %" PRId64 " coordinatorEpoch: %" PRId64,
                 values[SNAPSHOT_PRODUCER_ID], values[SNAPSHOT_PRODUCER_EPOCH],
                 values[SNAPSHOT_COORDINATOR_EPOCH]);
    if (values[SNAPSHOT_TXN_FIRST_OFFSET] >= 0)
        (void)printf(" currentTxnFirstOffset: OptionalLong[%" PRId64 "]",
                     values[SNAPSHOT_TXN_FIRST_OFFSET]);
    else
        (void)printf(" currentTxnFirstOffset: OptionalLong.empty");
    (void)printf(" lastTimestamp: %" PRId64 " ", values[SNAPSHOT_TIMESTAMP]);
    if (values[SNAPSHOT_LAST_OFFSET] >= 0 && offset_delta >= 0)
        (void)printf("firstSequence: %" PRId32 " lastSequence: %" PRId32 " lastOffset: %" PRId64
                     " offsetDelta: %" PRId32 " timestamp: %" PRId64,
                     strand_sequence_subtract(last_sequence, offset_delta), last_sequence,
                     values[SNAPSHOT_LAST_OFFSET], offset_delta, values[SNAPSHOT_TIMESTAMP]);
    (void)fputc('\n', stdout);
}

/* Print the entries from POSITION on. */
static int
print_entries(const struct dump *dump, int64_t position)
{
    size_t size = entry_size(dump->kind);

    for (int64_t at = position; at + (int64_t)size <= dump->size; at += (int64_t)size) {
        static const uint8_t ZEROS[ENTRY_SIZE_MAX];
        uint8_t entry[ENTRY_SIZE_MAX];
        int64_t values[FIELDS_MAX] = {0};
        int status = strand_file_read_exactly(dump->file, entry, size, at);

        if (status == STRAND_OK)
            status = cli_output_status();
        if (status != STRAND_OK)
            return status;
        if (dump->kind->may_end_in_zeros && at > 0 && memcmp(entry, ZEROS, size) == 0)
            return STRAND_OK;
        decode_entry(dump, entry, values);
        if (dump->kind->is_snapshot && !dump->json)
            print_producer(values);
        else
            print_fields(dump, values);
    }
    if ((dump->size - position) % (int64_t)size != 0)
        return strand_fail(STRAND_ERR_CORRUPT,
                           "dump %s: %" PRId64 " bytes are no whole number of entries of %zu",
                           dump->path, dump->size - position, size);
    return STRAND_OK;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

static int
compute_crc(const struct dump *dump, uint32_t *out_crc)
{
    uint8_t piece[4096];
    uint32_t crc = 0;

    for (int64_t at = SNAPSHOT_CRC_START; at < dump->size;) {
        int64_t left = dump->size - at;
        size_t size = left < (int64_t)sizeof piece ? (size_t)left : sizeof piece;
        int status = strand_file_read_exactly(dump->file, piece, size, at);

        if (status != STRAND_OK)
            return status;
        crc = strand_crc32c(crc, piece, size);
        at += (int64_t)size;
    }
    *out_crc = crc;
    return STRAND_OK;
}

static int
print_snapshot(const struct dump *dump)
{
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    uint32_t crc = 0;

    if (dump->size < SNAPSHOT_HEADER_SIZE)
        return strand_fail(STRAND_ERR_CORRUPT, "dump %s: it has no whole header", dump->path);
    int status = strand_file_read_exactly(dump->file, header, sizeof header, 0);
    if (status == STRAND_OK)
        status = compute_crc(dump, &crc);
    if (status != STRAND_OK)
        return status;
    int version = (int16_t)strand_get_be16(header);
    if (version != SNAPSHOT_VERSION)
        return strand_fail(STRAND_ERR_CORRUPT, "dump %s: version %d is unknown", dump->path,
                           version);
    if (crc != strand_get_be32(header + 2))
        return strand_fail(STRAND_ERR_CORRUPT, "dump %s: its CRC is wrong", dump->path);
    int64_t count = (int32_t)strand_get_be32(header + SNAPSHOT_CRC_START);
    if (dump->size - SNAPSHOT_HEADER_SIZE != count * (int64_t)entry_size(dump->kind))
        return strand_fail(STRAND_ERR_CORRUPT, "dump %s: it does not hold %" PRId64 " entries",
                           dump->path, count);
    return print_entries(dump, SNAPSHOT_HEADER_SIZE);
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

/* The number in field INDEX of TEXT. */
static int
get_field(const struct strand_checkpoint_text *text, size_t index, int64_t max, int64_t *out_value)
{
    return strand_checkpoint_text_number(text->fields[index], max, out_value)
               ? STRAND_OK
               : strand_checkpoint_text_fail(text, "a number is malformed");
}

static int
print_epoch(const struct strand_checkpoint_text *text, bool json)
{
    int64_t epoch;
    int64_t start;
    int status = get_field(text, 0, INT32_MAX, &epoch);

    if (status == STRAND_OK)
        status = get_field(text, 1, INT64_MAX, &start);
    if (status != STRAND_OK)
        return status;
    (void)printf(json ? "{\"epoch\":%" PRId64 ",\"startOffset\":%" PRId64 "}\n"
                      : "epoch: %" PRId64 " startOffset: %" PRId64 "\n",
                 epoch, start);
    return cli_output_status();
}

static int
print_offset(const struct strand_checkpoint_text *text, bool json)
{
    const char *topic = text->fields[0];
    int64_t partition;
    int64_t offset;
    int status = get_field(text, 1, INT32_MAX, &partition);

    if (status == STRAND_OK)
        status = get_field(text, 2, INT64_MAX, &offset);
    if (status == STRAND_OK && strand_topic_name_check(topic) != STRAND_OK)
        status = strand_checkpoint_text_fail(text, "it names no topic");
    if (status != STRAND_OK)
        return status;
    (void)printf(json ? "{\"topic\":\"%s\"" : "topic: %s", topic);
    (void)printf(json ? ",\"partition\":%" PRId64 ",\"offset\":%" PRId64 "}\n"
                      : " partition: %" PRId64 " offset: %" PRId64 "\n",
                 partition, offset);
    return cli_output_status();
}

static int
print_checkpoint(const struct dump *dump)
{
    bool is_epochs = is_epoch_file(dump->path);
    const char *name = name_of(dump->path);
    struct strand_checkpoint_text text;
    char directory[STRAND_PATH_SIZE_MAX];

    (void)snprintf(directory, sizeof directory, "%.*s", (int)(name - dump->path - 1), dump->path);
    int status = strand_checkpoint_text_open(&text, strand_fs_posix(), directory, name,
                                             CHECKPOINT_COUNT_MAX);
    if (status != STRAND_OK)
        return status;
    while (status == STRAND_OK) {
        status = strand_checkpoint_text_next(&text, is_epochs ? 2 : 3);
        if (status == STRAND_OK)
            status = is_epochs ? print_epoch(&text, dump->json) : print_offset(&text, dump->json);
    }
    strand_checkpoint_text_close(&text);
    return status == STRAND_END ? STRAND_OK : status;
}

/* ---- The file -------------------------------------------------------------------------------- */

static bool
parse_base_offset(const char *path, int64_t *out_base_offset)
{
    const char *name = name_of(path);
    char digits[NAME_DIGITS + 1] = "";

    if (strspn(name, "0123456789") != NAME_DIGITS)
        return false;
    memcpy(digits, name, NAME_DIGITS);
    return strand_checkpoint_text_number(digits, INT64_MAX, out_base_offset);
}

int
cli_kafka_file_dump(const struct strand_file *file, const char *path, int64_t size, bool json)
{
    struct dump dump = {
        .file = file, .path = path, .size = size, .json = json, .kind = find_kind(path)};

    if (dump.kind == NULL)
        return print_checkpoint(&dump);
    if (dump.kind->is_snapshot)
        return print_snapshot(&dump);
    if (dump.kind->may_end_in_zeros && !parse_base_offset(path, &dump.base_offset))
        return strand_fail(
            STRAND_ERR_INVALID,
            "dump %s: offsets are relative to the 20 digits of a name, and it has none", path);
    return print_entries(&dump, 0);
}
