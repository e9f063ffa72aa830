/* tests/fuzz/fuzz_support.c -- What the targets share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fuzz/fuzz.h"
#include "simulation/sim_disk.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "strandline/log.h"

enum { SEED_RECORDS_MAX = 64 };

void
fuzz_must(bool condition, const char *text, const char *file, int line)
{
    if (condition)
        return;
    (void)fprintf(stderr, "%s:%d: %s does not hold: %s\n", file, line, text,
                  strand_error_message());
    abort();
}

void
fuzz_put(struct strand_buffer *buffer, const void *data, size_t size)
{
    FUZZ_MUST(strand_buffer_reserve(buffer, buffer->size + size + 1) == STRAND_OK);
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

struct strand_sim_disk *
fuzz_disk(void)
{
    static struct strand_sim_disk *disk; /* as long as the process */
    struct strand_sim_disk_options options = {.seed = 1, .no_trace = true};

    if (disk != NULL)
        return disk;
    FUZZ_MUST(strand_sim_disk_create(&options, &disk) == STRAND_OK);
    const struct strand_fs *fs = strand_sim_disk_fs(disk);
    FUZZ_MUST(fs->make_directory(fs->context, "/data") == 0);
    return disk;
}

const struct strand_fs *
fuzz_fs(void)
{
    return strand_sim_disk_fs(fuzz_disk());
}

void
fuzz_store(const char *name, const uint8_t *data, size_t size)
{
    char path[256];

    (void)snprintf(path, sizeof path, "/data/%s", name);
    FUZZ_MUST(strand_sim_disk_store(fuzz_disk(), path, size == 0 ? (const uint8_t *)"" : data,
                                    (int64_t)size) == STRAND_OK);
}

const uint8_t *
fuzz_content(const char *name, size_t *out_size)
{
    char path[256];
    int64_t size = 0;

    (void)snprintf(path, sizeof path, "/data/%s", name);
    const uint8_t *content = strand_sim_disk_content(fuzz_disk(), path, &size);
    FUZZ_MUST(content != NULL);
    *out_size = (size_t)size;
    return content;
}

struct strand_codec_pool *
fuzz_codecs(void)
{
    static struct strand_codec_pool *pool; /* as long as the process */

    if (pool == NULL)
        FUZZ_MUST(strand_codec_pool_create(&pool) == STRAND_OK);
    return pool;
}

void
fuzz_put_batch(struct strand_buffer *out, int codec, int64_t base_offset, size_t count)
{
    static struct strand_record records[SEED_RECORDS_MAX];
    static const struct strand_header header = {{"h", 1}, {"x", 1}};
    struct strand_batch_encoding encoding = {.now_ms = 1700000000000};
    struct strand_batch_header batch;
    struct strand_buffer space = {0};
    struct strand_buffer encoded = {0};

    FUZZ_MUST(count <= SEED_RECORDS_MAX);
    for (size_t i = 0; i < count; i++)
        records[i] = (struct strand_record){.timestamp_ms = 1700000000000 + (int64_t)i,
                                            .key = strand_bytes(i % 3 == 0 ? NULL : "key", i % 3),
                                            .value = strand_bytes("value of a record", 6 + i % 11),
                                            .headers = i % 4 == 1 ? &header : NULL,
                                            .header_count = i % 4 == 1 ? 1 : 0};
    strand_batch_header_init(&batch, records, count, codec, STRAND_CREATE_TIME, encoding.now_ms);
    batch.base_offset = base_offset;
    batch.leader_epoch = base_offset == 0 ? -1 : 3;
    FUZZ_MUST(strand_batch_encode(&batch, records, count, &encoding, fuzz_codecs(), &space,
                                  &encoded) == STRAND_OK);
    fuzz_put(out, encoded.data, encoded.size);
    free(space.data);
    free(encoded.data);
}

void
fuzz_fix_crc(uint8_t *data, size_t from, size_t to, size_t at)
{
    strand_put_le32(data + at, strand_crc32c(0, data + from, to - from));
}
