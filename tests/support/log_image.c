/* tests/support/log_image.c -- Real batches, made with the library's encoder. */
#include "support/log_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buffer_pool.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "simulation/sim_disk.h"
#include "storage/batch.h"
#include "storage/topic_name.h"

enum { SEGMENT_SIZE_MAX = 1 << 18, RECORD_COUNT_MAX = 1000 };

struct segment {
    int64_t base_offset;
    uint8_t data[SEGMENT_SIZE_MAX];
    size_t size;
    int32_t epoch;
};

/* Append the batch [BASE, BASE + COUNT), whole; return where it stands. */
static uint8_t *
put_batch(struct segment *segment, int64_t base_offset, int count)
{
    static struct strand_record records[RECORD_COUNT_MAX];
    struct strand_batch_encoding encoding = {.now_ms = 1000 + base_offset % 1000000000};
    struct strand_batch_header header;
    struct strand_buffer_pool *pool;
    struct strand_buffer *out;
    struct strand_buffer *scratch;

    cr_assert(count > 0 && count <= RECORD_COUNT_MAX);
    for (int i = 0; i < count; i++)
        records[i] = (struct strand_record){.value = strand_bytes("value", 5)};
    cr_assert_eq(strand_buffer_pool_create(2, SEGMENT_SIZE_MAX, &pool), STRAND_OK);
    cr_assert_eq(strand_buffer_take(pool, 1024, &out), STRAND_OK);
    cr_assert_eq(strand_buffer_take(pool, 1024, &scratch), STRAND_OK);
    strand_batch_header_init(&header, records, (size_t)count, STRAND_CODEC_NONE, 0,
                             encoding.now_ms);
    header.base_offset = base_offset;
    header.leader_epoch = segment->epoch;
    cr_assert_eq(
        strand_batch_encode(&header, records, (size_t)count, &encoding, NULL, scratch, out),
        STRAND_OK, "%s", strand_error_message());
    cr_assert_leq(segment->size + out->size, sizeof segment->data);

    uint8_t *at = segment->data + segment->size;
    memcpy(at, out->data, out->size);
    segment->size += out->size;
    strand_buffer_put(pool, out);
    strand_buffer_put(pool, scratch);
    strand_buffer_pool_destroy(pool);
    return at;
}

static void
put_damaged_batch(struct segment *segment, char kind, const char *spec)
{
    long long base_offset;
    int count;

    cr_assert_eq(sscanf(spec, "%lld+%d", &base_offset, &count), 2, "%s", spec);
    uint8_t *at = put_batch(segment, base_offset, count);
    if (kind == 't')
        segment->size -= (size_t)strand_batch_size(at) / 2;
    else if (kind == 'x')
        segment->data[segment->size - 3] ^= 0x10;
    else if (kind == 's')
        strand_put_be32(at + STRAND_BATCH_LENGTH, 7);
}

static void
put_bytes(struct segment *segment, char kind, size_t size)
{
    cr_assert_leq(segment->size + size, sizeof segment->data);
    for (size_t i = 0; i < size; i++)
        segment->data[segment->size++] = kind == 'z' ? 0 : (uint8_t)(0xA0 + i % 7);
}

static void
put_token(struct segment *segment, const char *token)
{
    if (strchr("txs", token[0]) != NULL)
        put_damaged_batch(segment, token[0], token + 1);
    else if (token[0] == 'e')
        segment->epoch = atoi(token + 1);
    else if (token[0] == 'g' || token[0] == 'z')
        put_bytes(segment, token[0], (size_t)atoi(token + 1));
    else
        put_damaged_batch(segment, 0, token);
}

/* Parse the segment at TEXT; the epoch is carried over.  Returns where the next one begins, or
 * NULL. */
static const char *
parse(const char *text, struct segment *segment)
{
    char *position;

    segment->size = 0;
    segment->base_offset = strtoll(text, &position, 10);
    cr_assert_eq(*position, ':', "%s", text);
    position++;
    for (;;) {
        char token[64];
        size_t size;

        position += strspn(position, " ");
        if (*position == '\0')
            return NULL;
        if (*position == '|')
            return position + 1;
        size = strcspn(position, " |");
        cr_assert_lt(size, sizeof token);
        memcpy(token, position, size);
        token[size] = '\0';
        put_token(segment, token);
        position += size;
    }
}

static void
format_path(const char *directory, int64_t base_offset, const char *suffix, char *path,
            size_t path_size)
{
    char name[STRAND_SEGMENT_NAME_SIZE];

    strand_segment_name_format(base_offset, name);
    (void)snprintf(path, path_size, "%s/%s%s", directory, name, suffix);
}

void
log_image_store(struct strand_sim_disk *disk, const char *directory, const char *text,
                const char *suffix)
{
    static struct segment segment;
    char path[256];

    segment.epoch = 0;
    while (text != NULL && *text != '\0') {
        text = parse(text, &segment);
        format_path(directory, segment.base_offset, suffix, path, sizeof path);
        cr_assert_eq(strand_sim_disk_store(disk, path, segment.data, (int64_t)segment.size),
                     STRAND_OK);
    }
}

void
log_image_store_large(struct strand_sim_disk *disk, const char *directory, int64_t base_offset,
                      size_t size)
{
    static struct segment segment;
    char path[256];

    segment.size = 0;
    segment.epoch = 0;
    uint8_t *data = malloc(size);
    cr_assert_not_null(data);
    memset(data, 'r', size);
    memcpy(data, put_batch(&segment, base_offset, 1), STRAND_BATCH_HEADER_SIZE);
    strand_put_be32(data + STRAND_BATCH_LENGTH, (uint32_t)(size - STRAND_BATCH_OVERHEAD_SIZE));
    strand_put_be32(data + STRAND_BATCH_CRC,
                    strand_crc32c(0, data + STRAND_BATCH_CRC_START, size - STRAND_BATCH_CRC_START));
    format_path(directory, base_offset, "", path, sizeof path);
    cr_assert_eq(strand_sim_disk_store(disk, path, data, (int64_t)size), STRAND_OK);
    free(data);
}

void
log_image_write(struct strand_sim_disk *disk, const char *directory, const char *text)
{
    static struct segment segment;
    char path[256];

    segment.epoch = 0;
    while (text != NULL && *text != '\0') {
        struct strand_file file;

        text = parse(text, &segment);
        format_path(directory, segment.base_offset, "", path, sizeof path);
        cr_assert_eq(strand_file_open(strand_sim_disk_fs(disk), path,
                                      STRAND_FS_WRITE | STRAND_FS_CREATE, &file),
                     STRAND_OK);
        cr_assert_eq(strand_file_write(&file, segment.data, segment.size, 0, NULL), STRAND_OK);
        cr_assert_eq(strand_file_close(&file), STRAND_OK);
    }
}

/* One segment as text, behind what TEXT has. */
static void
append_segment(const char *name, const uint8_t *data, int64_t size, char *text, size_t text_size)
{
    size_t used = strlen(text);
    int64_t position = 0;

    used += (size_t)snprintf(text + used, text_size - used, "%s%lld:", used == 0 ? "" : " ",
                             strtoll(name, NULL, 10));
    while (size - position >= STRAND_BATCH_HEADER_SIZE &&
           strand_batch_check(data + position, (size_t)(size - position)) == STRAND_OK) {
        long long base_offset = strand_batch_base_offset(data + position);

        used += (size_t)snprintf(text + used, text_size - used, "%s%lld+%lld",
                                 position == 0 ? "" : ",", base_offset,
                                 (long long)strand_batch_end_offset(data + position) - base_offset);
        position += strand_batch_size(data + position);
    }
    if (position < size)
        (void)snprintf(text + used, text_size - used, "/%lld", (long long)(size - position));
}

const char *
log_image_read(struct strand_sim_disk *disk, const char *directory, const char *suffix)
{
    static char text[8192];
    struct strand_names names;

    text[0] = '\0';
    cr_assert_eq(strand_path_list(strand_sim_disk_fs(disk), directory, &names), STRAND_OK);
    for (size_t i = 0; i < names.count; i++) {
        size_t size = strlen(names.names[i]);
        char path[512];
        int64_t file_size;

        if (size < strlen(suffix) || strcmp(names.names[i] + size - strlen(suffix), suffix) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", directory, names.names[i]);
        const uint8_t *data = strand_sim_disk_content(disk, path, &file_size);
        append_segment(names.names[i], data, file_size, text, sizeof text);
    }
    strand_names_free(&names);
    return text;
}

const char *
log_image_names(struct strand_sim_disk *disk, const char *directory, const char *part)
{
    static char text[8192];
    struct strand_names names;
    size_t used = 0;

    text[0] = '\0';
    cr_assert_eq(strand_path_list(strand_sim_disk_fs(disk), directory, &names), STRAND_OK);
    for (size_t i = 0; i < names.count; i++)
        if (strstr(names.names[i], part) != NULL)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used == 0 ? "" : " ",
                                     names.names[i]);
    strand_names_free(&names);
    return text;
}
