/* tests/fuzz/fuzz_batch.c -- Any bytes as a batch, as they come from a producer or from a file.
 *
 * What a header check accepts has a size that is there; what a leader accepts reads to the end, and
 * says the same when it is encoded anew.  The CRC is tested once as it comes and then made right,
 * so that what stands behind it is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fuzz/fuzz.h"
#include "storage/record_reader.h"

enum { RECORDS_MAX = 4096 };

/* ---- The same records ---- */

static bool
is_same_bytes(struct strand_bytes a, struct strand_bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void
expect_same(const struct strand_record *a, const struct strand_record *b)
{
    FUZZ_MUST(a->offset == b->offset && a->timestamp_ms == b->timestamp_ms);
    FUZZ_MUST(is_same_bytes(a->key, b->key) && is_same_bytes(a->value, b->value));
    FUZZ_MUST(a->header_count == b->header_count);
    for (size_t i = 0; i < a->header_count; i++)
        FUZZ_MUST(is_same_bytes(a->headers[i].key, b->headers[i].key) &&
                  is_same_bytes(a->headers[i].value, b->headers[i].value));
}

/* RECORD, whose headers are copied, so that the reader may go on. */
static void
keep(struct strand_record *to, const struct strand_record *record)
{
    size_t size = record->header_count * sizeof *record->headers;
    struct strand_header *headers = size > 0 ? malloc(size) : NULL;

    *to = *record;
    if (headers != NULL)
        memcpy(headers, record->headers, size);
    FUZZ_MUST(size == 0 || headers != NULL);
    to->headers = headers;
}

static void
compare(const struct strand_record *records, size_t count, const uint8_t *batch)
{
    struct strand_record_reader reader;
    struct strand_buffer space = {0};
    struct strand_record record;

    strand_record_reader_init(&reader);
    FUZZ_MUST(strand_record_reader_open(&reader, batch, fuzz_codecs(), &space) == STRAND_OK);
    for (size_t i = 0; i < count; i++) {
        FUZZ_MUST(strand_record_reader_next(&reader, &record) == STRAND_OK);
        expect_same(&records[i], &record);
    }
    FUZZ_MUST(strand_record_reader_next(&reader, &record) == STRAND_END);
    strand_record_reader_deinit(&reader);
    free(space.data);
}

static void
encode_anew(const uint8_t *batch, const struct strand_record *records, size_t count)
{
    struct strand_batch_encoding encoding = {.keep_offsets = true, .keep_timestamps = true};
    struct strand_batch_header header;
    struct strand_buffer space = {0};
    struct strand_buffer out = {0};

    strand_batch_decode_header(batch, &header);
    int status =
        strand_batch_encode(&header, records, count, &encoding, fuzz_codecs(), &space, &out);
    if (status == STRAND_OK) {
        FUZZ_MUST(strand_batch_check(out.data, out.size) == STRAND_OK);
        compare(records, count, out.data);
    } else {
        FUZZ_MUST(status == STRAND_ERR_INVALID); /* a timestamp that nobody may write */
    }
    free(space.data);
    free(out.data);
}

/* ---- One batch ---- */

static void
read_all(const uint8_t *batch, bool is_produced)
{
    static struct strand_record records[RECORDS_MAX];
    struct strand_record_reader reader;
    struct strand_buffer space = {0};
    struct strand_record record;
    size_t count = 0;

    strand_record_reader_init(&reader);
    int status = strand_record_reader_open(&reader, batch, fuzz_codecs(), &space);
    while (status == STRAND_OK &&
           (status = strand_record_reader_next(&reader, &record)) == STRAND_OK)
        if (count < RECORDS_MAX)
            keep(&records[count++], &record);
    FUZZ_MUST(!is_produced || status == STRAND_END);
    if (is_produced)
        FUZZ_MUST((int64_t)count == strand_batch_record_count(batch) || count == RECORDS_MAX);
    if (status == STRAND_END && count > 0 && count < RECORDS_MAX)
        encode_anew(batch, records, count);
    for (size_t i = 0; i < count; i++) {
        const void *headers = records[i].headers;
        free((void *)(uintptr_t)headers);
    }
    strand_record_reader_deinit(&reader);
    free(space.data);
}

static void
try_batch(const uint8_t *batch, size_t size)
{
    struct strand_buffer space = {0};
    struct strand_batch_header header;
    int64_t max_timestamp_ms;

    if (strand_batch_check(batch, size) != STRAND_OK)
        return;
    strand_batch_decode_header(batch, &header);
    FUZZ_MUST(header.size >= STRAND_BATCH_HEADER_SIZE && header.size <= (int64_t)size);
    bool is_produced =
        strand_batch_check_produced(batch, fuzz_codecs(), &space, &max_timestamp_ms) == STRAND_OK;
    free(space.data);
    read_all(batch, is_produced);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *batch = malloc(size + 1); /* the caller's is not to be changed */

    FUZZ_MUST(batch != NULL);
    memcpy(batch, data, size);
    try_batch(batch, size);
    if (strand_batch_check_header(batch, size) == STRAND_OK) {
        size_t end = (size_t)strand_batch_size(batch);

        strand_put_be32(batch + STRAND_BATCH_CRC, strand_crc32c(0, batch + STRAND_BATCH_CRC_START,
                                                                end - STRAND_BATCH_CRC_START));
        try_batch(batch, size);
    }
    free(batch);
    return 0;
}

bool
fuzz_make_seed(unsigned number, struct strand_buffer *out)
{
    if (number >= 2 * (STRAND_CODEC_ZSTD + 1))
        return false;
    int codec = (int)(number / 2);
    fuzz_put_batch(out, strand_codec_is_available(codec) != 0 ? codec : STRAND_CODEC_NONE, 0,
                   number % 2 == 0 ? 1 : 20);
    return true;
}
