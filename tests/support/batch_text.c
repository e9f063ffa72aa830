/* tests/support/batch_text.c -- See the header. */
#include "support/batch_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "storage/compression.h"

enum { SHOWN_SIZE_MAX = 256 };

void
batch_text_init(struct batch_text *text)
{
    *text = (struct batch_text){.codecs = NULL};
    strand_record_reader_init(&text->reader);
    if (strand_codec_pool_create(&text->codecs) != STRAND_OK)
        abort();
}

void
batch_text_deinit(struct batch_text *text)
{
    strand_record_reader_deinit(&text->reader);
    strand_codec_pool_destroy(text->codecs);
    free(text->decompressed.data);
}

static void
put_bytes(FILE *out, struct strand_bytes bytes)
{
    const uint8_t *data = bytes.data;

    if (data == NULL) {
        fputs(" null", out);
    } else if (bytes.size > SHOWN_SIZE_MAX) {
        fprintf(out, " crc32c:%zu:%08" PRIx32, bytes.size, strand_crc32c(0, data, bytes.size));
    } else {
        fputs(" x", out);
        for (size_t i = 0; i < bytes.size; i++)
            fprintf(out, "%02x", data[i]);
    }
}

void
batch_text_put_header(FILE *out, const struct strand_batch_header *header)
{
    fprintf(out,
            "batch %" PRId64 " %" PRId64 " %" PRId32 " %08" PRIx32 " %d %" PRId32 " %" PRId64
            " %" PRId64 " %" PRId64 " %d %" PRId32 " %" PRId32 "\n",
            header->base_offset, header->size, header->leader_epoch, header->crc,
            header->attributes & STRAND_BATCH_ATTRIBUTES_KNOWN, header->last_offset_delta,
            header->base_timestamp_ms, header->max_timestamp_ms, header->producer_id,
            header->producer_epoch, header->base_sequence, header->record_count);
}

void
batch_text_put_record(FILE *out, const struct strand_batch_header *header,
                      const struct strand_record *record)
{
    int32_t sequence = -1;

    if (header->base_sequence >= 0)
        sequence = strand_sequence_add(header->base_sequence,
                                       (int32_t)(record->offset - header->base_offset));
    fprintf(out, "record %" PRId64 " %" PRId64 " %" PRId32, record->offset, record->timestamp_ms,
            sequence);
    put_bytes(out, record->key);
    put_bytes(out, record->value);
    fputc('\n', out);
    for (size_t i = 0; i < record->header_count; i++) {
        fputs("header", out);
        put_bytes(out, record->headers[i].key);
        put_bytes(out, record->headers[i].value);
        fputc('\n', out);
    }
}

static int
put_control(FILE *out, const struct strand_record *record)
{
    struct strand_control_record control;
    int status = strand_control_record_decode(record, &control);

    if (status != STRAND_OK)
        return status;
    fprintf(out, "control %d", control.type);
    if (control.type == STRAND_CONTROL_ABORT || control.type == STRAND_CONTROL_COMMIT)
        fprintf(out, " %" PRId32, control.coordinator_epoch);
    fputc('\n', out);
    return STRAND_OK;
}

int
batch_text_put(struct batch_text *text, FILE *out, const void *data, size_t available)
{
    struct strand_batch_header header;
    struct strand_record record;
    int status = strand_batch_check(data, available);

    if (status != STRAND_OK)
        return status;
    strand_batch_decode_header(data, &header);
    batch_text_put_header(out, &header);
    status = strand_record_reader_open(&text->reader, data, text->codecs, &text->decompressed);
    while (status == STRAND_OK) {
        status = strand_record_reader_next(&text->reader, &record);
        if (status != STRAND_OK)
            break;
        batch_text_put_record(out, &header, &record);
        if ((header.attributes & STRAND_BATCH_CONTROL) != 0)
            status = put_control(out, &record);
    }
    return status == STRAND_END ? STRAND_OK : status;
}
