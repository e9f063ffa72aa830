/* tests/support/record_check.h -- Whether records that were read are those that were meant. */
#ifndef STRAND_TESTS_RECORD_CHECK_H
#define STRAND_TESTS_RECORD_CHECK_H

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "storage/compression.h"
#include "storage/record_reader.h"

static inline void
record_check_bytes(struct strand_bytes actual, struct strand_bytes expected)
{
    cr_assert_eq(actual.data == NULL, expected.data == NULL, "null and empty are not the same");
    cr_assert_eq(actual.size, expected.size);
    if (expected.data != NULL)
        cr_assert(memcmp(actual.data, expected.data, expected.size) == 0);
}

static inline void
record_check_same(const struct strand_record *actual, const struct strand_record *expected)
{
    cr_assert_eq(actual->offset, expected->offset);
    cr_assert_eq(actual->timestamp_ms, expected->timestamp_ms);
    record_check_bytes(actual->key, expected->key);
    record_check_bytes(actual->value, expected->value);
    cr_assert_eq(actual->header_count, expected->header_count);
    for (size_t i = 0; i < expected->header_count; i++) {
        record_check_bytes(actual->headers[i].key, expected->headers[i].key);
        record_check_bytes(actual->headers[i].value, expected->headers[i].value);
    }
}

/* BATCH is a good batch that holds exactly RECORDS. */
static inline void
record_check_batch(const struct strand_buffer *batch, const struct strand_record *records,
                   size_t count)
{
    struct strand_codec_pool *codecs;
    struct strand_buffer decompressed = {0};
    struct strand_record_reader reader;
    struct strand_record record;

    cr_assert_eq(strand_batch_check(batch->data, batch->size), STRAND_OK, "%s",
                 strand_error_message());
    cr_assert_eq(strand_batch_size(batch->data), (int64_t)batch->size);
    cr_assert_eq(strand_batch_record_count(batch->data), (int32_t)count);
    cr_assert_eq(strand_codec_pool_create(&codecs), STRAND_OK);
    strand_record_reader_init(&reader);
    cr_assert_eq(strand_record_reader_open(&reader, batch->data, codecs, &decompressed), STRAND_OK);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_OK, "record %zu: %s", i,
                     strand_error_message());
        record_check_same(&record, &records[i]);
    }
    cr_assert_eq(strand_record_reader_next(&reader, &record), STRAND_END);
    strand_record_reader_deinit(&reader);
    strand_codec_pool_destroy(codecs);
    free(decompressed.data);
}

#endif
