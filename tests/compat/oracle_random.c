/* tests/compat/oracle_random.c -- What is compared is always the text of what went in, so that an
 * error that both directions share would be seen too.
 *
 * Without compression there is one way to write records: then the bytes are compared as well.
 */
#include "compat/oracle_random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "storage/compression.h"
#include "strandline/log.h"
#include "support/batch_text.h"
#include "support/golden_batch.h"

enum {
    RECORDS_MAX = 700,
    HEADERS_MAX = 4, /* of a record */
    ARENA_SIZE = 3 << 20,
};

struct sample {
    uint64_t state; /* of the random numbers */
    struct strand_batch_header header;
    struct strand_record records[RECORDS_MAX];
    struct strand_header headers[RECORDS_MAX * HEADERS_MAX];
    size_t count;
    size_t header_count;
    uint8_t *arena; /* random bytes; what contents point into */
};

static uint64_t
below(struct sample *sample, uint64_t limit)
{
    return golden_random(&sample->state) % limit;
}

/* Now and then null, empty, or large; otherwise short. */
static struct strand_bytes
pick_bytes(struct sample *sample, bool may_be_null)
{
    size_t size;

    switch (below(sample, 16)) {
    case 0:
        if (may_be_null)
            return strand_bytes(NULL, 0);
        size = 1;
        break;
    case 1:
        size = 0;
        break;
    case 2:
        size = below(sample, 400);
        break;
    default:
        size = below(sample, 40);
        break;
    }
    return strand_bytes(sample->arena + below(sample, ARENA_SIZE - size), size);
}

/* Kafka's header keys are strings: here of ASCII, so that they stay what they are. */
static struct strand_bytes
pick_header_key(struct sample *sample)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t size = below(sample, sizeof LETTERS);

    return strand_bytes(LETTERS + below(sample, sizeof LETTERS - size), size);
}

static int64_t
pick_timestamp(struct sample *sample)
{
    static const int64_t RARE[] = {-1, 0, 1, INT64_MAX, INT32_MAX};

    if (below(sample, 20) == 0)
        return RARE[below(sample, sizeof RARE / sizeof RARE[0])];
    return INT64_C(1700000000000) + (int64_t)below(sample, 100000) - 50000;
}

static void
pick_record(struct sample *sample, int64_t offset)
{
    struct strand_record *record = &sample->records[sample->count++];

    *record = (struct strand_record){
        .offset = offset,
        .timestamp_ms = pick_timestamp(sample),
        .key = pick_bytes(sample, true),
        .value = pick_bytes(sample, true),
    };
    if (below(sample, 4) != 0)
        return;
    record->headers = &sample->headers[sample->header_count];
    record->header_count = below(sample, HEADERS_MAX + 1);
    for (size_t i = 0; i < record->header_count; i++)
        sample->headers[sample->header_count++] =
            (struct strand_header){pick_header_key(sample), pick_bytes(sample, true)};
}

static void
pick_records(struct sample *sample, int64_t base_offset)
{
    size_t count = below(sample, 10) == 0 ? 1 + below(sample, RECORDS_MAX) : 1 + below(sample, 20);
    bool has_holes = below(sample, 5) == 0;
    int64_t offset = base_offset;

    sample->count = 0;
    sample->header_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_holes)
            offset += (int64_t)below(sample, 300);
        pick_record(sample, offset++);
    }
    if (below(sample, 100) == 0) { /* one that is larger than any block of any codec */
        size_t size = (1 << 20) + below(sample, 1 << 20);
        sample->records[below(sample, count)].value =
            strand_bytes(sample->arena + below(sample, ARENA_SIZE - size), size);
    }
}

static void
pick_producer(struct sample *sample)
{
    struct strand_batch_header *header = &sample->header;

    if (below(sample, 3) != 0)
        return;
    header->producer_id = (int64_t)below(sample, 1 << 30);
    header->producer_epoch = (int16_t)below(sample, INT16_MAX);
    header->base_sequence = below(sample, 4) == 0 ? INT32_MAX - (int32_t)below(sample, 30)
                                                  : (int32_t)below(sample, 1 << 30);
    if (below(sample, 2) == 0)
        header->attributes |= STRAND_BATCH_TRANSACTIONAL;
}

static int
pick_codec(struct sample *sample)
{
    int codec = (int)below(sample, STRAND_CODEC_ZSTD + 1);

    return strand_codec_is_available(codec) ? codec : STRAND_CODEC_NONE;
}

static void
pick_sample(struct sample *sample)
{
    int64_t base_offset = below(sample, 3) == 0 ? 0 : (int64_t)(below(sample, 1 << 30) << 20);
    int timestamp_type = below(sample, 6) == 0 ? STRAND_LOG_APPEND_TIME : STRAND_CREATE_TIME;
    struct strand_batch_header *header = &sample->header;

    pick_records(sample, base_offset);
    /* Time 0 means now where a header is made for an append; the encoder is told to keep it. */
    strand_batch_header_init(header, sample->records, sample->count, pick_codec(sample),
                             timestamp_type, 0);
    if (timestamp_type == STRAND_LOG_APPEND_TIME)
        header->max_timestamp_ms = INT64_C(1700000000000) + (int64_t)below(sample, 1000);
    header->base_offset = base_offset;
    header->last_offset_delta =
        (int32_t)(sample->records[sample->count - 1].offset - base_offset + below(sample, 2));
    header->leader_epoch = (int32_t)below(sample, 100) - 1;
    pick_producer(sample);
}

/* What everybody should see in BATCH, which was made of SAMPLE. */
static char *
expected_text(const struct sample *sample, const void *batch)
{
    struct strand_batch_header stored;
    struct strand_batch_header header = sample->header;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    strand_batch_decode_header(batch, &stored);
    header.size = stored.size;
    header.crc = stored.crc;
    batch_text_put_header(out, &header);
    for (size_t i = 0; i < sample->count; i++) {
        struct strand_record record = sample->records[i];
        if ((header.attributes & STRAND_BATCH_LOG_APPEND_TIME) != 0)
            record.timestamp_ms = header.max_timestamp_ms;
        batch_text_put_record(out, &header, &record);
    }
    fclose(out);
    return text;
}

static bool
complain(const char *direction, const char *expected, const char *actual)
{
    printf("FAILED: %s\n-- expected\n%.4000s\n-- got\n%.4000s\n", direction, expected, actual);
    return false;
}

/* Our encoder, Kafka's decoder. */
static bool
check_ours(struct oracle *oracle, const struct sample *sample, const struct strand_buffer *ours)
{
    struct oracle_answer answer = oracle_decode(oracle, ours->data, ours->size);
    char *expected = expected_text(sample, ours->data);
    bool is_same = !answer.is_refused && strcmp(answer.content, expected) == 0;

    if (!is_same)
        complain("Kafka reads our batch differently", expected, answer.content);
    free(expected);
    oracle_answer_free(&answer);
    return is_same;
}

/* Kafka's encoder, our decoder. */
static bool
check_kafka(const struct sample *sample, struct batch_text *text, const struct oracle_answer *kafka)
{
    char *actual = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&actual, &size);
    int status = batch_text_put(text, out, kafka->content, kafka->size);
    char *expected = expected_text(sample, kafka->content);

    fclose(out);
    bool is_same = status == STRAND_OK && strcmp(actual, expected) == 0;
    if (!is_same)
        complain("we read Kafka's batch differently", expected,
                 status == STRAND_OK ? actual : strand_error_message());
    free(expected);
    free(actual);
    return is_same;
}

static bool
check_bytes(const struct sample *sample, const struct strand_buffer *ours,
            const struct oracle_answer *kafka)
{
    if ((sample->header.attributes & STRAND_BATCH_CODEC_MASK) != STRAND_CODEC_NONE)
        return true;
    if (ours->size == kafka->size && memcmp(ours->data, kafka->content, ours->size) == 0)
        return true;
    char *expected = expected_text(sample, ours->data);
    complain("Kafka writes other bytes", expected, "bytes");
    free(expected);
    return false;
}

static bool
check_sample(struct oracle *oracle, struct batch_text *text, const struct sample *sample,
             struct strand_buffer *scratch, struct strand_buffer *ours)
{
    struct strand_batch_encoding encoding = {.keep_offsets = true, .keep_timestamps = true};
    int status = strand_batch_encode(&sample->header, sample->records, sample->count, &encoding,
                                     text->codecs, scratch, ours);
    if (status != STRAND_OK)
        return complain("our encoder refuses", "", strand_error_message());
    struct oracle_answer kafka =
        oracle_encode(oracle, &sample->header, sample->records, sample->count);
    if (kafka.is_refused) {
        complain("Kafka's encoder refuses", "", kafka.content);
        oracle_answer_free(&kafka);
        return false;
    }
    bool is_same = check_ours(oracle, sample, ours);
    is_same = check_kafka(sample, text, &kafka) && is_same;
    is_same = check_bytes(sample, ours, &kafka) && is_same;
    oracle_answer_free(&kafka);
    return is_same;
}

/* Half of it repeats, so that there is something to compress. */
static uint8_t *
make_arena(uint64_t *state)
{
    uint8_t *arena = malloc(ARENA_SIZE);

    if (arena == NULL)
        abort();
    for (size_t i = 0; i < ARENA_SIZE; i++)
        arena[i] = (i & 4096) != 0 ? (uint8_t)(i % 11) : (uint8_t)golden_random(state);
    return arena;
}

uint64_t
oracle_random_run(struct oracle *oracle, uint64_t seed, uint64_t count)
{
    struct sample *sample = calloc(1, sizeof *sample);
    struct strand_buffer scratch = {0};
    struct strand_buffer ours = {0};
    struct batch_text text;
    uint64_t failures = 0;

    if (sample == NULL)
        abort();
    sample->state = seed;
    sample->arena = make_arena(&sample->state);
    batch_text_init(&text);
    for (uint64_t i = 0; i < count && failures < 10; i++) {
        pick_sample(sample);
        if (check_sample(oracle, &text, sample, &scratch, &ours))
            continue;
        printf("batch %" PRIu64 " of seed %" PRIu64 "\n", i, seed);
        failures++;
    }
    batch_text_deinit(&text);
    free(scratch.data);
    free(ours.data);
    free(sample->arena);
    free(sample);
    return failures;
}
