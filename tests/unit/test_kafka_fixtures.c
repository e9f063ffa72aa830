/* tests/unit/test_kafka_fixtures.c -- Batches that Kafka's own classes wrote are read as those
 * classes read them, and written again byte for byte.
 *
 * Method: what Kafka sees in a file lies beside it as text; the same text is made of what this
 * library sees.  Records that are not compressed have one encoding, so that encoding what was
 * decoded gives the file again.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/file.h"
#include "recovery/checkpoint.h"
#include "recovery/leader_epoch.h"
#include "storage/compression.h"
#include "support/batch_text.h"
#include "support/scratch.h"

#define KAFKA_DIR STRAND_FIXTURES_DIR "/kafka/"

enum {
    PATH_SIZE = 512,
    BATCH_FIXTURES_MIN = 40,
    RECORDS_MAX = 512,
};

static struct batch_text text;

static void
begin(void)
{
    batch_text_init(&text);
}

static void
end(void)
{
    batch_text_deinit(&text);
}

TestSuite(kafka_fixtures, .init = begin, .fini = end);

struct content { /* of a file; exactly SIZE bytes from malloc(), so that ASan sees a byte too far */
    uint8_t *data;
    size_t size;
};

static struct content
load(const char *path)
{
    struct content content = {NULL, 0};
    FILE *file = fopen(path, "rb");

    cr_assert_not_null(file, "%s is not there", path);
    fseek(file, 0, SEEK_END);
    content.size = (size_t)ftell(file);
    content.data = malloc(content.size > 0 ? content.size : 1);
    rewind(file);
    cr_assert_eq(fread(content.data, 1, content.size, file), content.size);
    fclose(file);
    return content;
}

static int
codec_of(const uint8_t *batch)
{
    return strand_batch_attributes(batch) & STRAND_BATCH_CODEC_MASK;
}

/* All batches of CONTENT as text, to be freed.  A codec that this build lacks: NULL. */
static char *
describe(const struct content *content, const char *path)
{
    char *actual = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&actual, &size);
    int status = STRAND_OK;

    for (size_t at = 0; at < content->size && status == STRAND_OK;) {
        status = batch_text_put(&text, out, content->data + at, content->size - at);
        if (status == STRAND_ERR_CODEC) {
            int codec = codec_of(content->data + at);
            cr_assert_not(strand_codec_is_available(codec), "%s", strand_error_message());
            cr_assert_not_null(strstr(strand_error_message(), strand_codec_name(codec)));
        } else {
            cr_assert_eq(status, STRAND_OK, "%s at %zu: %s", path, at, strand_error_message());
        }
        at += (size_t)strand_batch_size(content->data + at);
    }
    fclose(out);
    if (status == STRAND_OK)
        return actual;
    free(actual);
    return NULL;
}

static void
check_decoded(const char *path, const char *text_path)
{
    struct content content = load(path);
    struct content expected = load(text_path);
    char *actual = describe(&content, path);

    if (actual != NULL) {
        cr_assert_eq(strlen(actual), expected.size, "%s gives\n%s", path, actual);
        cr_assert(memcmp(actual, expected.data, expected.size) == 0, "%s gives\n%s", path, actual);
    }
    free(actual);
    free(expected.data);
    free(content.data);
}

/* The records of a batch, kept beyond the next one. */
struct records {
    struct strand_record at[RECORDS_MAX];
    size_t count;
};

static void
keep_record(struct records *records, const struct strand_record *record)
{
    struct strand_header *headers = NULL;

    cr_assert_lt(records->count, RECORDS_MAX);
    if (record->header_count > 0) {
        headers = malloc(record->header_count * sizeof *headers);
        memcpy(headers, record->headers, record->header_count * sizeof *headers);
    }
    records->at[records->count] = *record;
    records->at[records->count].headers = headers;
    records->count++;
}

static void
free_records(struct records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        struct strand_header *headers = (void *)(uintptr_t)records->at[i].headers;
        free(headers);
    }
    free(records);
}

/* With the times that their creators gave them, which a batch of LogAppendTime stores too. */
static struct records *
read_as_created(uint8_t *batch)
{
    struct records *records = calloc(1, sizeof *records);
    struct strand_record record;
    uint8_t attributes = batch[STRAND_BATCH_ATTRIBUTES + 1];

    batch[STRAND_BATCH_ATTRIBUTES + 1] &= (uint8_t)~STRAND_BATCH_LOG_APPEND_TIME;
    cr_assert_eq(strand_record_reader_open(&text.reader, batch, text.codecs, &text.decompressed),
                 STRAND_OK);
    while (strand_record_reader_next(&text.reader, &record) == STRAND_OK)
        keep_record(records, &record);
    batch[STRAND_BATCH_ATTRIBUTES + 1] = attributes;
    return records;
}

static void
check_encoded_again(uint8_t *batch, const char *path)
{
    struct strand_batch_encoding encoding = {.keep_offsets = true, .keep_timestamps = true};
    struct records *records = read_as_created(batch);
    struct strand_batch_header header;
    struct strand_buffer out = {0};

    strand_batch_decode_header(batch, &header);
    cr_assert_eq(records->count, (size_t)header.record_count);
    cr_assert_eq(
        strand_batch_encode(&header, records->at, records->count, &encoding, NULL, NULL, &out),
        STRAND_OK, "%s: %s", path, strand_error_message());
    cr_assert_eq((int64_t)out.size, header.size, "%s: %zu bytes", path, out.size);
    cr_assert(memcmp(out.data, batch, out.size) == 0, "%s: bytes differ", path);
    free(out.data);
    free_records(records);
}

/* How many batches of PATH are not compressed. */
static size_t
check_file_encoded_again(const char *path)
{
    struct content content = load(path);
    size_t count = 0;

    for (size_t at = 0; at < content.size; at += (size_t)strand_batch_size(content.data + at)) {
        if (codec_of(content.data + at) != STRAND_CODEC_NONE)
            continue;
        check_encoded_again(content.data + at, path);
        count++;
    }
    free(content.data);
    return count;
}

/* VISIT each batches/NAME.batch with its NAME.txt. */
static size_t
for_each_batch(void (*visit)(const char *path, const char *text_path))
{
    char path[PATH_SIZE];
    char text_path[PATH_SIZE];
    size_t count = 0;
    DIR *directory = opendir(KAFKA_DIR "batches");
    struct dirent *entry;

    cr_assert_not_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        const char *suffix = strrchr(entry->d_name, '.');

        if (suffix == NULL || strcmp(suffix, ".batch") != 0)
            continue;
        snprintf(path, sizeof path, KAFKA_DIR "batches/%s", entry->d_name);
        snprintf(text_path, sizeof text_path, KAFKA_DIR "batches/%.*s.txt",
                 (int)(suffix - entry->d_name), entry->d_name);
        visit(path, text_path);
        count++;
    }
    closedir(directory);
    return count;
}

Test(kafka_fixtures, every_batch_is_read_as_kafka_reads_it)
{
    cr_assert_geq(for_each_batch(check_decoded), BATCH_FIXTURES_MIN);
}

static size_t plain_count;

static void
count_plain(const char *path, const char *text_path)
{
    (void)text_path;
    plain_count += check_file_encoded_again(path);
}

Test(kafka_fixtures, what_is_not_compressed_is_written_byte_for_byte)
{
    for_each_batch(count_plain);
    cr_assert_geq(plain_count, 20u);
}

#define SEGMENT(base) KAFKA_DIR "segments/mixed-0/0000000000000000" base

Test(kafka_fixtures, segments_of_several_batches_are_read_as_kafka_reads_them)
{
    check_decoded(SEGMENT("0000.log"), SEGMENT("0000-log.txt"));
    check_decoded(SEGMENT("1000.log"), SEGMENT("1000-log.txt"));
    cr_assert_eq(check_file_encoded_again(SEGMENT("0000.log")), 3u);
    cr_assert_eq(check_file_encoded_again(SEGMENT("1000.log")), 4u);
}

/* NAME in DIRECTORY of the fixtures is the file PATH. */
static void
check_same_file(const char *directory, const char *name, const char *path)
{
    char fixture[PATH_SIZE];

    snprintf(fixture, sizeof fixture, "%s/%s", directory, name);
    struct content expected = load(fixture);
    struct content actual = load(path);
    cr_assert_eq(actual.size, expected.size, "%s", name);
    cr_assert(memcmp(actual.data, expected.data, expected.size) == 0, "%s", name);
    free(expected.data);
    free(actual.data);
}

Test(kafka_fixtures, leader_epochs_are_read_and_written_byte_for_byte)
{
    struct strand_leader_epochs epochs;
    const char *scratch = scratch_create();
    char path[SCRATCH_PATH_SIZE];

    strand_leader_epochs_init(&epochs);
    cr_assert_eq(
        strand_leader_epochs_load(strand_fs_posix(), KAFKA_DIR "segments/mixed-0", &epochs),
        STRAND_OK, "%s", strand_error_message());
    cr_assert_eq(epochs.count, 4u);
    cr_assert_eq(epochs.entries[1].epoch, 1);
    cr_assert_eq(epochs.entries[1].start_offset, 35);
    cr_assert_eq(epochs.entries[3].epoch, 5);
    cr_assert_eq(epochs.entries[3].start_offset, 1000);
    cr_assert_eq(strand_leader_epochs_store(strand_fs_posix(), scratch, &epochs), STRAND_OK);
    scratch_path(path, STRAND_LEADER_EPOCH_NAME);
    check_same_file(KAFKA_DIR "segments/mixed-0", STRAND_LEADER_EPOCH_NAME, path);
    strand_leader_epochs_deinit(&epochs);
    scratch_remove();
}

/* Read the checkpoint NAME of the fixtures and write it as PATH. */
static void
copy_checkpoint(const char *name, struct strand_checkpoint *checkpoint,
                char out_path[SCRATCH_PATH_SIZE])
{
    const char *scratch = scratch_create();

    strand_checkpoint_init(checkpoint);
    cr_assert_eq(strand_checkpoint_load(strand_fs_posix(), KAFKA_DIR "files", name, checkpoint),
                 STRAND_OK, "%s", strand_error_message());
    cr_assert_eq(strand_checkpoint_store(strand_fs_posix(), scratch, name, checkpoint), STRAND_OK);
    scratch_path(out_path, name);
}

Test(kafka_fixtures, offset_checkpoints_are_read_and_written_byte_for_byte)
{
    static const char *const NAMES[] = {STRAND_RECOVERY_POINT_NAME, STRAND_LOG_START_NAME};

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct strand_checkpoint checkpoint;
        char path[SCRATCH_PATH_SIZE];

        copy_checkpoint(NAMES[i], &checkpoint, path);
        check_same_file(KAFKA_DIR "files", NAMES[i], path);
        strand_checkpoint_deinit(&checkpoint);
        scratch_remove();
    }
}

/* Kafka writes them in the order of a hash table. */
Test(kafka_fixtures, offset_checkpoints_may_be_in_any_order)
{
    struct strand_checkpoint checkpoint;
    char path[SCRATCH_PATH_SIZE];
    int64_t offset;

    copy_checkpoint(STRAND_COMMITTED_NAME, &checkpoint, path);
    cr_assert_eq(checkpoint.count, 2u);
    cr_assert(strand_checkpoint_get(&checkpoint, "mixed", 0, &offset));
    cr_assert_eq(offset, 1016);
    cr_assert(strand_checkpoint_get(&checkpoint, "with.dots_and-dashes", 12, &offset));
    cr_assert_eq(offset, INT64_MAX);
    strand_checkpoint_deinit(&checkpoint);
    scratch_remove();
}

Test(kafka_fixtures, a_flipped_bit_in_any_batch_is_seen)
{
    struct content content = load(KAFKA_DIR "batches/none-mixed.batch");

    for (size_t i = STRAND_BATCH_CRC; i < content.size; i++) {
        content.data[i] ^= 1;
        cr_expect_eq(strand_batch_check(content.data, content.size), STRAND_ERR_BATCH, "byte %zu",
                     i);
        content.data[i] ^= 1;
    }
    free(content.data);
}
