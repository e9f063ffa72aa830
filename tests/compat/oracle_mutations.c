/* tests/compat/oracle_mutations.c -- Each byte flipped in three ways, the file cut off at each
 * byte, each number of the header and each length of the records at its extremes.
 *
 * Most mutants fail by their CRC, on both sides; to get behind it each is tried with its CRC made
 * right as well.  Records that are compressed are mutated as they are stored and once more before
 * they are compressed.
 */
#include "compat/oracle_mutations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/varint.h"
#include "compat/oracle_verdict.h"
#include "storage/compression.h"
#include "support/golden_batch.h"

enum {
    EVERY_BYTE_MAX = 1200, /* of what is larger not every byte is tried */
    FEW_BYTES_MIN = 100000,
    VARINTS_MAX = 256,
};

struct mutation {
    struct judge judge;
    uint8_t *batch; /* as it was */
    size_t size;
};

static void
judge_repaired(struct mutation *mutation, uint8_t *batch, size_t size, const char *what,
               size_t where)
{
    int64_t stored_size = strand_batch_size(batch); /* perhaps what was changed */

    if (stored_size >= STRAND_BATCH_HEADER_SIZE && (uint64_t)stored_size < size)
        golden_batch_fix_crc(batch, (size_t)stored_size);
    else
        golden_batch_fix_crc(batch, size);
    judge_batch(&mutation->judge, batch, size, what, where);
}

/* As it is, and with its CRC made right. */
static void
judge_twice(struct mutation *mutation, uint8_t *batch, size_t size, const char *what, size_t where)
{
    judge_batch(&mutation->judge, batch, size, what, where);
    judge_repaired(mutation, batch, size, what, where);
}

static uint8_t *
copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    return copy;
}

/* From one byte that is tried to the next in SIZE bytes of something. */
static size_t
step_in(size_t size)
{
    if (size <= EVERY_BYTE_MAX)
        return 1;
    return size / (size < FEW_BYTES_MIN ? 300 : 20);
}

static void
flip_bytes(struct mutation *mutation)
{
    static const uint8_t MASKS[] = {0x01, 0x80, 0xff};
    size_t step = step_in(mutation->size);

    for (size_t at = 0; at < mutation->size; at += at < STRAND_BATCH_HEADER_SIZE ? 1 : step) {
        for (size_t i = 0; i < sizeof MASKS; i++) {
            uint8_t *batch = copy_of(mutation->batch, mutation->size);
            batch[at] ^= MASKS[i];
            if (i == 0)
                judge_twice(mutation, batch, mutation->size, "byte flipped", at);
            else
                judge_repaired(mutation, batch, mutation->size, "byte flipped", at);
            free(batch);
        }
    }
}

static void
cut_off(struct mutation *mutation)
{
    size_t step = step_in(mutation->size);

    for (size_t size = 0; size < mutation->size; size += step) {
        uint8_t *batch = copy_of(mutation->batch, size);
        judge_batch(&mutation->judge, batch, size, "cut off", size);
        free(batch);
    }
}

static const struct {
    size_t at;
    size_t size;
} FIELDS[] = {
    {STRAND_BATCH_BASE_OFFSET, 8},    {STRAND_BATCH_LENGTH, 4},
    {STRAND_BATCH_LEADER_EPOCH, 4},   {STRAND_BATCH_MAGIC, 1},
    {STRAND_BATCH_ATTRIBUTES, 2},     {STRAND_BATCH_LAST_OFFSET_DELTA, 4},
    {STRAND_BATCH_BASE_TIMESTAMP, 8}, {STRAND_BATCH_MAX_TIMESTAMP, 8},
    {STRAND_BATCH_PRODUCER_ID, 8},    {STRAND_BATCH_PRODUCER_EPOCH, 2},
    {STRAND_BATCH_BASE_SEQUENCE, 4},  {STRAND_BATCH_RECORD_COUNT, 4},
};

static void
set_fields(struct mutation *mutation)
{
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
        size_t size = FIELDS[i].size;
        uint64_t top = UINT64_C(1) << (8 * size - 1);
        uint64_t values[] = {0, 1, 2, 3, 4, UINT64_MAX, top, top - 1, top - 2, mutation->size};

        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
            uint8_t *batch = copy_of(mutation->batch, mutation->size);
            uint8_t bytes[8];

            strand_put_be64(bytes, values[j]);
            memcpy(batch + FIELDS[i].at, bytes + sizeof bytes - size, size);
            judge_twice(mutation, batch, mutation->size, "header field set", FIELDS[i].at);
            free(batch);
        }
    }
}

/* ---- Records, not compressed ----------------------------------------------------------------- */

struct varint {
    size_t at;
    size_t size;
    size_t record; /* position of the length of its record */
};

struct payload { /* the records of a batch, and where their lengths are */
    uint8_t *data;
    size_t size;
    struct varint varints[VARINTS_MAX];
    size_t count;
};

static int32_t
take_varint(struct payload *payload, size_t *at, size_t record)
{
    int32_t value = 0;
    const uint8_t *end =
        strand_varint_get(payload->data + *at, payload->data + payload->size, &value);
    size_t size = (size_t)(end - (payload->data + *at));

    if (payload->count < VARINTS_MAX)
        payload->varints[payload->count++] = (struct varint){*at, size, record};
    *at += size;
    return value;
}

static void
take_bytes(struct payload *payload, size_t *at, size_t record)
{
    int32_t size = take_varint(payload, at, record);

    *at += size > 0 ? (size_t)size : 0;
}

/* The fixture is known to be good. */
static void
find_varints(struct payload *payload)
{
    for (size_t at = 0; at < payload->size;) {
        size_t record = at;
        int64_t timestamp_delta;

        take_varint(payload, &at, record);
        at++; /* attributes */
        at = (size_t)(strand_varlong_get(payload->data + at, payload->data + payload->size,
                                         &timestamp_delta) -
                      payload->data);
        take_varint(payload, &at, record); /* offset delta */
        take_bytes(payload, &at, record);
        take_bytes(payload, &at, record);
        for (int32_t i = take_varint(payload, &at, record); i > 0; i--) {
            take_bytes(payload, &at, record);
            take_bytes(payload, &at, record);
        }
    }
}

/* Judge the batch with DATA for its records, compressed if they were. */
static void
judge_payload(struct mutation *mutation, const uint8_t *data, size_t size, const char *what,
              size_t where)
{
    int codec = strand_batch_attributes(mutation->batch) & STRAND_BATCH_CODEC_MASK;
    struct strand_buffer records = {0};
    struct golden_batch header = {mutation->batch, mutation->size};

    if (strand_compress(mutation->judge.text.codecs, codec, 0, data, size, &records) != STRAND_OK)
        abort();
    struct golden_batch batch = golden_batch_with_records(&header, records.data, records.size);
    golden_batch_fix_crc(batch.data, batch.size);
    judge_batch(&mutation->judge, batch.data, batch.size, what, where);
    golden_batch_free(&batch);
    free(records.data);
}

/* VARINT replaced by VALUE in the over-long form of five bytes, or six. */
static void
set_varint(struct mutation *mutation, const struct payload *payload, const struct varint *varint,
           int32_t value, bool is_too_long)
{
    uint8_t *data = malloc(payload->size + STRAND_VARINT_SIZE_MAX + 1);
    uint32_t rest = (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0);
    size_t size = STRAND_VARINT_SIZE_MAX + (is_too_long ? 1 : 0);
    size_t behind = payload->size - varint->at - varint->size;

    memcpy(data, payload->data, varint->at);
    for (size_t i = 0; i < size; i++, rest >>= 7)
        data[varint->at + i] = (uint8_t)((rest & 0x7f) | (i + 1 < size ? 0x80 : 0));
    memcpy(data + varint->at + size, payload->data + varint->at + varint->size, behind);
    judge_payload(mutation, data, varint->at + size + behind, "length set", varint->at);
    free(data);
}

static void
set_varints(struct mutation *mutation, const struct payload *payload)
{
    static const int32_t VALUES[] = {INT32_MIN, INT32_MIN + 1, -2,       -1, 0,
                                     1,         INT32_MAX - 1, INT32_MAX};

    for (size_t i = 0; i < payload->count; i++) {
        const struct varint *varint = &payload->varints[i];
        int32_t value;

        for (size_t j = 0; j < sizeof VALUES / sizeof VALUES[0]; j++)
            set_varint(mutation, payload, varint, VALUES[j], false);
        strand_varint_get(payload->data + varint->at, payload->data + payload->size, &value);
        set_varint(mutation, payload, varint, value, false);
        set_varint(mutation, payload, varint, value, true);
    }
}

/* The same, the length of the record around it made to fit: what is wrong is the inner one alone.
 */
static void
set_short_varints(struct mutation *mutation, const struct payload *payload)
{
    static const uint8_t ENCODED[] = {0, 1, 2, 3, 4, 0x7d, 0x7e, 0x7f};

    for (size_t i = 0; i < payload->count; i++) {
        const struct varint *varint = &payload->varints[i];

        for (size_t j = 0; j < sizeof ENCODED && varint->size == 1; j++) {
            uint8_t *data = copy_of(payload->data, payload->size);
            data[varint->at] = ENCODED[j];
            judge_payload(mutation, data, payload->size, "short length set", varint->at);
            free(data);
        }
    }
}

static void
flip_payload(struct mutation *mutation, const struct payload *payload)
{
    static const uint8_t MASKS[] = {0x01, 0x80, 0xff};
    size_t step = step_in(payload->size);

    for (size_t at = 0; at < payload->size; at += step) {
        for (size_t i = 0; i < sizeof MASKS; i++) {
            uint8_t *data = copy_of(payload->data, payload->size);
            data[at] ^= MASKS[i];
            judge_payload(mutation, data, payload->size, "byte of the records flipped", at);
            free(data);
        }
        judge_payload(mutation, payload->data, at, "records cut off", at);
    }
}

static void
mutate_payload(struct mutation *mutation)
{
    struct strand_buffer records = {0};
    struct payload *payload = calloc(1, sizeof *payload);
    int codec = strand_batch_attributes(mutation->batch) & STRAND_BATCH_CODEC_MASK;

    if (payload == NULL || strand_decompress(mutation->judge.text.codecs, codec,
                                             mutation->batch + STRAND_BATCH_RECORDS,
                                             mutation->size - STRAND_BATCH_HEADER_SIZE,
                                             STRAND_DECOMPRESSED_SIZE_MAX, &records) != STRAND_OK)
        abort();
    payload->data = records.data;
    payload->size = records.size;
    find_varints(payload);
    set_varints(mutation, payload);
    set_short_varints(mutation, payload);
    if (codec != STRAND_CODEC_NONE)
        flip_payload(mutation, payload);
    free(records.data);
    free(payload);
}

/* ---- Running --------------------------------------------------------------------------------- */

static void
load(struct mutation *mutation, const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    mutation->size = (size_t)ftell(file);
    mutation->batch = malloc(mutation->size);
    rewind(file);
    if (mutation->batch == NULL ||
        fread(mutation->batch, 1, mutation->size, file) != mutation->size)
        abort();
    fclose(file);
}

uint64_t
oracle_mutations_run(struct oracle *oracle, const char *path)
{
    struct mutation mutation;

    load(&mutation, path);
    judge_init(&mutation.judge, oracle, path, mutation.batch, mutation.size);
    int codec = strand_batch_attributes(mutation.batch) & STRAND_BATCH_CODEC_MASK;
    if (strand_codec_is_available(codec)) {
        judge_batch(&mutation.judge, mutation.batch, mutation.size, "nothing changed", 0);
        flip_bytes(&mutation);
        cut_off(&mutation);
        set_fields(&mutation);
        if (mutation.size > STRAND_BATCH_HEADER_SIZE)
            mutate_payload(&mutation);
    } else {
        printf("%s: codec %s is not in this build\n", path, strand_codec_name(codec));
    }
    uint64_t failures = judge_deinit(&mutation.judge);
    free(mutation.batch);
    return failures;
}
