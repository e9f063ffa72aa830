/* crashtest/step.c -- The forms of steps, and writing them as text. */
#include "crashtest/step.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "crashtest/step_internal.h"
#include "strandline/strandline.h"

enum { SEGMENT_BYTES = 512 };

#define LOG     CRASHTEST_OPERAND_LOG
#define COUNT   CRASHTEST_OPERAND_COUNT
#define GAP     CRASHTEST_OPERAND_GAP
#define EPOCH   CRASHTEST_OPERAND_EPOCH
#define MS      CRASHTEST_OPERAND_MS
#define LEVEL   CRASHTEST_OPERAND_LEVEL
#define AT      CRASHTEST_OPERAND_AT
#define NOTHING CRASHTEST_OPERAND_NONE

const struct crashtest_form crashtest_forms[CRASHTEST_STEP_KINDS] = {
    [CRASHTEST_OPEN] = {"open", {NOTHING}},
    [CRASHTEST_CLOSE] = {"close", {NOTHING}},
    [CRASHTEST_CREATE] = {"create", {LOG}},
    [CRASHTEST_REPLICATE] = {"replicate", {LOG}},
    [CRASHTEST_APPEND] = {"append", {LOG, COUNT, LEVEL}},
    [CRASHTEST_FOLLOW] = {"follow", {LOG, GAP, COUNT, EPOCH, LEVEL}},
    [CRASHTEST_SYNC] = {"sync", {NOTHING}},
    [CRASHTEST_CHECKPOINT] = {"checkpoint", {NOTHING}},
    [CRASHTEST_RUN] = {"run", {MS}},
    [CRASHTEST_TRUNCATE] = {"truncate", {LOG, AT}},
    [CRASHTEST_TRIM] = {"trim", {LOG, AT}},
    [CRASHTEST_RESET] = {"reset", {LOG, AT}},
    [CRASHTEST_EPOCH] = {"epoch", {LOG, EPOCH}},
    [CRASHTEST_DELETE] = {"delete", {LOG}},
    [CRASHTEST_BROKER] = {"broker", {LOG}},
};

#define FIELD(name) offsetof(struct crashtest_step, name)

const struct crashtest_number crashtest_numbers[CRASHTEST_OPERAND_LEVEL] = {
    [LOG] = {"a log", FIELD(log), 0, CRASHTEST_LOGS - 1},
    [COUNT] = {"a number of records", FIELD(count), 1, CRASHTEST_BATCH_MAX},
    [GAP] = {"a gap", FIELD(gap), 0, CRASHTEST_BATCH_MAX},
    [EPOCH] = {"an epoch", FIELD(epoch), 0, 4095},
    [MS] = {"a number of milliseconds", FIELD(count), 0, 100000},
};

const struct crashtest_word crashtest_levels[] = {
    {"durable", STRAND_DURABLE},
    {"written", STRAND_WRITTEN},
    {NULL, 0},
};

const struct crashtest_word crashtest_codecs[] = {
    {"none", STRAND_CODEC_NONE},
    {"lz4", STRAND_CODEC_LZ4},
    {NULL, 0},
};

const struct crashtest_word crashtest_preparations[] = {
    {"auto", STRAND_PREPARE_AUTO},
    {"none", STRAND_PREPARE_NONE},
    {"reserve", STRAND_PREPARE_RESERVE},
    {"zero", STRAND_PREPARE_ZERO},
    {NULL, 0},
};

void
crashtest_script_init(struct crashtest_script *out_script)
{
    memset(out_script, 0, sizeof *out_script);
    out_script->segment_bytes = SEGMENT_BYTES;
    out_script->codec = STRAND_CODEC_NONE;
    out_script->preparation = STRAND_PREPARE_AUTO;
}

/* Whether the two do the same: members that a step of this kind does not have do not count. */
bool
crashtest_step_is_equal(const struct crashtest_step *one, const struct crashtest_step *other)
{
    const enum crashtest_operand *operand = crashtest_forms[one->kind].operands;

    if (one->kind != other->kind)
        return false;
    for (; *operand != NOTHING; operand++) {
        if (*operand == LEVEL) {
            if (one->durability != other->durability)
                return false;
        } else if (*operand == AT) {
            if (one->at != other->at || one->is_from_end != other->is_from_end)
                return false;
        } else {
            size_t field = crashtest_numbers[*operand].field;

            if (memcmp((const char *)one + field, (const char *)other + field, sizeof(int32_t)) !=
                0)
                return false;
        }
    }
    return true;
}

/* ---- Text of a limited size ---- */

struct text {
    char *bytes;
    size_t size;
    size_t used;
    bool is_cut;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct text *text, const char *format, ...)
{
    va_list args;
    int count;

    if (text->is_cut)
        return;
    va_start(args, format);
    count = vsnprintf(text->bytes + text->used, text->size - text->used, format, args);
    va_end(args);
    strand_assert(count >= 0);
    text->used += (size_t)count;
    text->is_cut = text->used >= text->size;
    if (text->is_cut)
        memcpy(text->bytes + text->size - sizeof "...", "...", sizeof "...");
}

static struct text
text_begin(char *bytes, size_t size)
{
    strand_assert(size >= sizeof "...");
    bytes[0] = '\0';
    return (struct text){bytes, size, 0, false};
}

/* What stands between what has been put and what comes. */
static void
put_separator(struct text *text)
{
    if (text->used > 0)
        put(text, "; ");
}

/* ---- Writing ---- */

static const char *
name_of(const struct crashtest_word *words, int32_t value)
{
    while (words->name != NULL && words->value != value)
        words++;
    strand_assert(words->name != NULL);
    return words->name;
}

static void
put_number(struct text *text, const struct crashtest_number *number,
           const struct crashtest_step *step)
{
    int32_t value;

    memcpy(&value, (const char *)step + number->field, sizeof value);
    put(text, " %" PRId32, value);
}

static void
put_at(struct text *text, const struct crashtest_step *step)
{
    if (!step->is_from_end)
        put(text, " %" PRId32, step->at);
    else if (step->at == 0)
        put(text, " end");
    else
        put(text, " end%+" PRId32, step->at);
}

static void
put_step(struct text *text, const struct crashtest_step *step)
{
    const struct crashtest_form *form = &crashtest_forms[step->kind];

    put(text, "%s", form->name);
    for (const enum crashtest_operand *operand = form->operands; *operand != NOTHING; operand++) {
        if (*operand == LEVEL)
            put(text, " %s", name_of(crashtest_levels, step->durability));
        else if (*operand == AT)
            put_at(text, step);
        else
            put_number(text, &crashtest_numbers[*operand], step);
    }
}

static void
put_settings(struct text *text, const struct crashtest_script *script)
{
    if (script->segment_bytes != SEGMENT_BYTES)
        put(text, "segment %" PRId32, script->segment_bytes);
    if (script->codec != STRAND_CODEC_NONE) {
        put_separator(text);
        put(text, "codec %s", name_of(crashtest_codecs, script->codec));
    }
    if (script->preparation != STRAND_PREPARE_AUTO) {
        put_separator(text);
        put(text, "prepare %s", name_of(crashtest_preparations, script->preparation));
    }
    if (script->pins_cuts) {
        put_separator(text);
        put(text, "pin");
    }
    if (script->copies_reads) {
        put_separator(text);
        put(text, "copy");
    }
}

void
crashtest_script_write(const struct crashtest_script *script, char *out_text, size_t size)
{
    struct text text = text_begin(out_text, size);

    put_settings(&text, script);
    for (size_t i = 0; i < script->count;) {
        size_t next = i + 1;

        while (next < script->count &&
               crashtest_step_is_equal(&script->steps[next], &script->steps[i]))
            next++;
        put_separator(&text);
        if (next - i > 1)
            put(&text, "%zu*", next - i);
        put_step(&text, &script->steps[i]);
        i = next;
    }
}

void
crashtest_step_write(const struct crashtest_step *step, char *out_text, size_t size)
{
    struct text text = text_begin(out_text, size);

    put_step(&text, step);
}
