/* tests/compat/oracle_verdict.c -- A difference is listed by what both sides said about it, not by
 * where it was: so a new one does not hide behind an old one.
 */
#include "compat/oracle_verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { FAILURES_SHOWN_MAX = 10 };

struct verdict {
    bool is_refused;
    char *content; /* text, or the sentence of the refusal */
};

struct question { /* a mutant, and what was said about it */
    struct strand_batch_header header;
    struct verdict kafka;
    struct verdict ours;
    const char *records; /* of the fixture before it was changed, as text */
};

struct difference { /* one that is meant to be; docs/COMPATIBILITY.md gives the reason */
    const char *name;
    bool (*applies)(const struct question *question);
    uint64_t count;
};

static bool
says(const struct verdict *verdict, const char *words)
{
    return verdict->is_refused && strstr(verdict->content, words) != NULL;
}

static bool
offset_is_negative(const struct question *question)
{
    return !question->kafka.is_refused && question->header.base_offset < 0 &&
           says(&question->ours, "base offset");
}

static bool
offset_overflows(const struct question *question)
{
    return !question->kafka.is_refused && question->header.last_offset_delta >= 0 &&
           question->header.base_offset >= INT64_MAX - question->header.last_offset_delta &&
           says(&question->ours, "exceed the largest offset");
}

static bool
span_is_too_small(const struct question *question)
{
    return !question->kafka.is_refused && (says(&question->ours, "last offset delta") ||
                                           says(&question->ours, "offset delta lies"));
}

static bool
order_is_wrong(const struct question *question)
{
    return !question->kafka.is_refused && question->header.record_count > 1 &&
           says(&question->ours, "offsets do not increase");
}

static bool
no_record_is_counted(const struct question *question)
{
    return !question->kafka.is_refused && question->header.record_count == 0 &&
           says(&question->ours, "bytes follow");
}

static bool
nothing_is_compressed(const struct question *question)
{
    return question->kafka.is_refused && !question->ours.is_refused &&
           question->header.size == STRAND_BATCH_HEADER_SIZE &&
           (question->header.attributes & STRAND_BATCH_CODEC_MASK) != STRAND_CODEC_NONE;
}

/* The first line of each, one of which may be a header's key in which bytes that are no text became
 * U+FFFD. */
static bool
lines_are_alike(const char *kafka, size_t kafka_size, const char *ours, size_t ours_size)
{
    static const char PREFIX[] = "header x";
    static const char REPLACEMENT[] = "efbfbd";
    const size_t prefix_size = sizeof PREFIX - 1;

    if (kafka_size == ours_size && memcmp(kafka, ours, ours_size) == 0)
        return true;
    if (kafka_size < prefix_size || ours_size < prefix_size ||
        memcmp(kafka, PREFIX, prefix_size) != 0 || memcmp(ours, PREFIX, prefix_size) != 0)
        return false;
    const char *kafka_value = memchr(kafka + prefix_size, ' ', kafka_size - prefix_size);
    const char *our_value = memchr(ours + prefix_size, ' ', ours_size - prefix_size);
    const char *replaced = strstr(kafka, REPLACEMENT);
    size_t rest = (size_t)(kafka + kafka_size - kafka_value);

    return replaced != NULL && replaced < kafka_value &&
           rest == (size_t)(ours + ours_size - our_value) &&
           memcmp(kafka_value, our_value, rest) == 0;
}

static bool
key_is_no_text(const struct question *question)
{
    const char *theirs = question->kafka.content;
    const char *mine = question->ours.content;

    if (question->kafka.is_refused || question->ours.is_refused)
        return false;
    while (*theirs != '\0' && *mine != '\0') {
        size_t theirs_size = strcspn(theirs, "\n");
        size_t mine_size = strcspn(mine, "\n");

        if (!lines_are_alike(theirs, theirs_size, mine, mine_size))
            return false;
        theirs += theirs_size + 1;
        mine += mine_size + 1;
    }
    return *theirs == *mine;
}

/* The records of VERDICT are those of the fixture: what was changed does not matter to it. */
static bool
is_unchanged(const struct question *question, const struct verdict *verdict)
{
    const char *records = strchr(verdict->content, '\n');

    return !verdict->is_refused && records != NULL && strcmp(records, question->records) == 0;
}

static bool
gzip_flag_is_reserved(const struct question *question)
{
    return is_unchanged(question, &question->kafka) &&
           says(&question->ours, "gzip: unknown header flags set");
}

static bool
zstd_is_stricter(const struct question *question)
{
    return (question->header.attributes & STRAND_BATCH_CODEC_MASK) == STRAND_CODEC_ZSTD &&
           says(&question->kafka, "Failed to decompress") &&
           is_unchanged(question, &question->ours);
}

static struct difference differences[] = {
    {"base offset below 0", offset_is_negative, 0},
    {"offsets beyond the largest", offset_overflows, 0},
    {"records outside the span of their batch", span_is_too_small, 0},
    {"offsets that do not increase", order_is_wrong, 0},
    {"record count 0, and yet records", no_record_is_counted, 0},
    {"a codec, and nothing compressed", nothing_is_compressed, 0},
    {"header key that is not UTF-8", key_is_no_text, 0},
    {"gzip: reserved flag", gzip_flag_is_reserved, 0},
    {"zstd: window above 128 MiB, or reserved bits", zstd_is_stricter, 0},
};

static uint64_t same_text;
static uint64_t both_refused;

static struct verdict
ask_us(struct judge *judge, const uint8_t *batch, size_t size)
{
    struct verdict verdict = {.content = NULL};
    size_t text_size = 0;
    FILE *out = open_memstream(&verdict.content, &text_size);

    verdict.is_refused = batch_text_put(&judge->text, out, batch, size) != STRAND_OK;
    fclose(out);
    if (verdict.is_refused) {
        free(verdict.content);
        verdict.content = strdup(strand_error_message());
    }
    return verdict;
}

static bool
is_listed(const struct question *question)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        if (!differences[i].applies(question))
            continue;
        differences[i].count++;
        return true;
    }
    return false;
}

static bool
is_same(const struct question *question)
{
    if (question->kafka.is_refused && question->ours.is_refused) {
        both_refused++;
        return true;
    }
    if (question->kafka.is_refused != question->ours.is_refused ||
        strcmp(question->kafka.content, question->ours.content) != 0)
        return false;
    same_text++;
    return true;
}

static void
complain(struct judge *judge, const struct question *question, const char *what, size_t where)
{
    judge->failures++;
    if (judge->failures > FAILURES_SHOWN_MAX)
        return;
    printf("FAILED: %s, %s at %zu\n-- Kafka %s\n%.1500s\n-- we %s\n%.1500s\n", judge->path, what,
           where, question->kafka.is_refused ? "refuses" : "reads", question->kafka.content,
           question->ours.is_refused ? "refuse" : "read", question->ours.content);
}

/* Ask Kafka about all that waits, then judge one after the other. */
static void
judge_waiting(struct judge *judge)
{
    for (size_t i = 0; i < judge->waiting_count; i++)
        oracle_send_decode(judge->oracle, judge->waiting[i].batch, judge->waiting[i].size);
    for (size_t i = 0; i < judge->waiting_count; i++) {
        struct mutant *mutant = &judge->waiting[i];
        struct oracle_answer answer = oracle_receive(judge->oracle);
        struct question question = {
            .kafka = {answer.is_refused, answer.content},
            .ours = ask_us(judge, mutant->batch, mutant->size),
            .records = judge->records,
        };

        if (mutant->size >= STRAND_BATCH_HEADER_SIZE)
            strand_batch_decode_header(mutant->batch, &question.header);
        if (!is_same(&question) && !is_listed(&question))
            complain(judge, &question, mutant->what, mutant->where);
        free(question.kafka.content);
        free(question.ours.content);
        free(mutant->batch);
    }
    judge->waiting_count = 0;
    judge->waiting_size = 0;
}

void
judge_init(struct judge *judge, struct oracle *oracle, const char *path, const uint8_t *fixture,
           size_t size)
{
    *judge = (struct judge){.oracle = oracle, .path = path};
    batch_text_init(&judge->text);

    struct verdict verdict = ask_us(judge, fixture, size);
    const char *records = strchr(verdict.content, '\n');
    judge->records = strdup(records != NULL ? records : "");
    free(verdict.content);
    if (judge->records == NULL)
        abort();
}

uint64_t
judge_deinit(struct judge *judge)
{
    judge_waiting(judge);
    batch_text_deinit(&judge->text);
    free(judge->records);
    return judge->failures;
}

void
judge_batch(struct judge *judge, const uint8_t *batch, size_t size, const char *what, size_t where)
{
    struct mutant mutant = {malloc(size > 0 ? size : 1), size, what, where};

    if (mutant.batch == NULL)
        abort();
    memcpy(mutant.batch, batch, size);
    if (judge->waiting_count == JUDGE_WAITING_MAX ||
        judge->waiting_size + size + ORACLE_QUESTION_OVERHEAD > ORACLE_AHEAD_MAX)
        judge_waiting(judge);
    judge->waiting[judge->waiting_count++] = mutant;
    judge->waiting_size += size + ORACLE_QUESTION_OVERHEAD;
}

void
judge_print_totals(void)
{
    printf("%" PRIu64 " mutants read alike, %" PRIu64 " refused by both\n", same_text,
           both_refused);
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++)
        printf("%" PRIu64 " listed: %s\n", differences[i].count, differences[i].name);
}
