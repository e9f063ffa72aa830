/* crashtest/step_read.c -- Reading scripts.
 *
 * A list of items between semicolons; an item is a setting, a step, or N* and an item or a list in
 * parentheses.  Repetitions are unrolled as they are read: the copies follow the original.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "crashtest/step.h"
#include "crashtest/step_internal.h"

enum {
    DEPTH_MAX = 8, /* of repetitions in repetitions */
    SEGMENT_BYTES_MIN = 128,
    SEGMENT_BYTES_MAX = 1 << 20,
};

/* A word that is as long as this is none that is known. */
enum { WORD_SIZE = 32 };

/* N* in front of an item that is being read. */
struct repetition {
    size_t begin; /* the item's first step */
    size_t times;
    bool is_list; /* the item is a list in parentheses */
};

struct reader {
    const char *at;
    struct crashtest_script *script;
    char word[WORD_SIZE];                     /* the newest; "" when there is none */
    int step;                                 /* of the text, from 1; settings count, too */
    struct repetition repetitions[DEPTH_MAX]; /* the innermost is the last */
    size_t depth;                             /* of them there are so many */
};

/* ---- Words ---- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_blanks(struct reader *reader)
{
    while (is_blank(*reader->at))
        reader->at++;
}

/* The next word becomes reader->word; one that is too long is cut. */
static void
take_word(struct reader *reader)
{
    size_t size;
    size_t kept;

    skip_blanks(reader);
    size = strcspn(reader->at, " \t\n\r;()*");
    kept = size < WORD_SIZE ? size : WORD_SIZE - 1;
    memcpy(reader->word, reader->at, kept);
    reader->word[kept] = '\0';
    reader->at += size;
}

static bool
take_character(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (*reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* Say that WHAT was expected in place of the newest word. */
static int
expected(const struct reader *reader, const char *what)
{
    if (reader->word[0] != '\0')
        return strand_fail(STRAND_ERR_INVALID, "step %d, \"%s\": should be %s", reader->step,
                           reader->word, what);
    if (*reader->at != '\0')
        return strand_fail(STRAND_ERR_INVALID, "step %d, \"%c\": should be %s", reader->step,
                           *reader->at, what);
    return strand_fail(STRAND_ERR_INVALID, "step %d, at the end: should be %s", reader->step, what);
}

static int
expected_number(const struct reader *reader, const char *about, int64_t min, int64_t max)
{
    char what[96];

    (void)snprintf(what, sizeof what, "%s from %" PRId64 " to %" PRId64, about, min, max);
    return expected(reader, what);
}

/* ---- Values ---- */

/* Digits alone, at most six of them: no limit has more. */
static bool
parse_digits(const char *text, int64_t *out_value)
{
    size_t size = strlen(text);
    int64_t value = 0;

    if (size == 0 || size > 7)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *out_value = value;
    return true;
}

/* The newest word as a number. */
static int
read_number(const struct reader *reader, const char *about, int64_t min, int64_t max,
            int32_t *out_value)
{
    int64_t value;

    if (!parse_digits(reader->word, &value) || value < min || value > max)
        return expected_number(reader, about, min, max);
    *out_value = (int32_t)value;
    return STRAND_OK;
}

/* The newest word as one of WORDS. */
static int
read_word(const struct reader *reader, const struct crashtest_word *words, int32_t *out_value)
{
    char names[64] = "";

    for (; words->name != NULL; words++) {
        if (strcmp(words->name, reader->word) == 0) {
            *out_value = words->value;
            return STRAND_OK;
        }
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? " or " : "",
                       words->name);
    }
    return expected(reader, names);
}

/* The newest word as a place in a log: an offset, or "end" with what is added. */
static int
read_at(const struct reader *reader, struct crashtest_step *step)
{
    bool is_from_end = strncmp(reader->word, "end", 3) == 0;
    const char *digits = is_from_end ? reader->word + 3 : reader->word;
    bool is_negative = is_from_end && *digits == '-';
    int64_t value = 0;
    bool is_right;

    if (is_from_end && (*digits == '-' || *digits == '+'))
        is_right = parse_digits(digits + 1, &value);
    else
        is_right = is_from_end ? *digits == '\0' : parse_digits(digits, &value);
    if (!is_right || value >= CRASHTEST_OFFSETS) {
        char what[80];

        (void)snprintf(what, sizeof what, "an offset from 0 to %d, end, end-N or end+N",
                       CRASHTEST_OFFSETS - 1);
        return expected(reader, what);
    }
    step->at = (int32_t)(is_negative ? -value : value);
    step->is_from_end = is_from_end;
    return STRAND_OK;
}

static int
read_operand(struct reader *reader, enum crashtest_operand operand, struct crashtest_step *step)
{
    const struct crashtest_number *number;
    int32_t value = 0;
    int status;

    take_word(reader);
    if (operand == CRASHTEST_OPERAND_LEVEL)
        return read_word(reader, crashtest_levels, &step->durability);
    if (operand == CRASHTEST_OPERAND_AT)
        return read_at(reader, step);
    number = &crashtest_numbers[operand];
    status = read_number(reader, number->about, number->min, number->max, &value);
    memcpy((char *)step + number->field, &value, sizeof value);
    return status;
}

/* ---- Items ---- */

static int
refuse_more_steps(const struct reader *reader, const char *word)
{
    return strand_fail(STRAND_ERR_INVALID,
                       "step %d, \"%s\": more than %d steps, repeated ones counted", reader->step,
                       word, CRASHTEST_STEPS_MAX);
}

/* The newest word is the name of a step. */
static int
read_step(struct reader *reader)
{
    struct crashtest_step step = {.kind = CRASHTEST_OPEN};
    const struct crashtest_form *form;

    while (step.kind < CRASHTEST_STEP_KINDS &&
           strcmp(crashtest_forms[step.kind].name, reader->word) != 0)
        step.kind++;
    if (step.kind == CRASHTEST_STEP_KINDS)
        return expected(reader, "a step, such as append");
    if (reader->script->count == CRASHTEST_STEPS_MAX)
        return refuse_more_steps(reader, reader->word);
    form = &crashtest_forms[step.kind];
    for (const enum crashtest_operand *operand = form->operands; *operand != CRASHTEST_OPERAND_NONE;
         operand++) {
        int status = read_operand(reader, *operand, &step);

        if (status != STRAND_OK)
            return status;
    }
    reader->script->steps[reader->script->count++] = step;
    return STRAND_OK;
}

static bool
is_setting(const char *word)
{
    static const char *const NAMES[] = {"segment", "codec", "prepare", "pin", "copy"};

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(NAMES[i], word) == 0)
            return true;
    return false;
}

/* The newest word is the name of a setting. */
static int
read_setting(struct reader *reader)
{
    struct crashtest_script *script = reader->script;

    if (reader->depth > 0 || script->count > 0)
        return strand_fail(STRAND_ERR_INVALID,
                           "step %d, \"%s\": a setting stands before the first step", reader->step,
                           reader->word);
    if (strcmp(reader->word, "pin") == 0) {
        script->pins_cuts = true;
        return STRAND_OK;
    }
    if (strcmp(reader->word, "copy") == 0) {
        script->copies_reads = true;
        return STRAND_OK;
    }
    if (strcmp(reader->word, "segment") == 0) {
        take_word(reader);
        return read_number(reader, "a number of bytes", SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX,
                           &script->segment_bytes);
    }
    if (strcmp(reader->word, "codec") == 0) {
        take_word(reader);
        return read_word(reader, crashtest_codecs, &script->codec);
    }
    take_word(reader);
    return read_word(reader, crashtest_preparations, &script->preparation);
}

/* ---- Repetitions ---- */

/* The newest word stands in front of an asterisk. */
static int
begin_repetition(struct reader *reader)
{
    int32_t times = 1;
    int status = read_number(reader, "a number of times", 1, CRASHTEST_STEPS_MAX, &times);

    if (status != STRAND_OK)
        return status;
    if (reader->depth == DEPTH_MAX)
        return strand_fail(STRAND_ERR_INVALID,
                           "step %d, \"%s\": repetitions in more than %d others", reader->step,
                           reader->word, DEPTH_MAX);
    reader->at++;
    reader->repetitions[reader->depth++] = (struct repetition){
        .begin = reader->script->count,
        .times = (size_t)times,
        .is_list = take_character(reader, '('),
    };
    return STRAND_OK;
}

/* The item of the innermost repetition has been read once. */
static int
end_repetition(struct reader *reader)
{
    const struct repetition *repetition = &reader->repetitions[--reader->depth];
    struct crashtest_script *script = reader->script;
    size_t count = script->count - repetition->begin;
    size_t end = repetition->begin + count * repetition->times;

    if (end > CRASHTEST_STEPS_MAX) {
        char word[WORD_SIZE];

        (void)snprintf(word, sizeof word, "%zu*", repetition->times);
        return refuse_more_steps(reader, word);
    }
    for (; script->count < end; script->count++)
        script->steps[script->count] = script->steps[script->count - count];
    return STRAND_OK;
}

static bool
is_in_list(const struct reader *reader)
{
    return reader->depth > 0 && reader->repetitions[reader->depth - 1].is_list;
}

/* An item has been read: so have those of which it is the last part.  Something must separate it
 * from the next. */
static int
end_item(struct reader *reader)
{
    int status = STRAND_OK;

    while (status == STRAND_OK && reader->depth > 0 && !is_in_list(reader))
        status = end_repetition(reader);
    if (status != STRAND_OK)
        return status;
    skip_blanks(reader);
    if (*reader->at == ';' || *reader->at == (reader->depth > 0 ? ')' : '\0'))
        return STRAND_OK;
    take_word(reader);
    return expected(reader, reader->depth > 0 ? "; or )" : "; or the end");
}

/* ---- All of it ---- */

/* An item, or the beginning of one that is a list. */
static int
read_item(struct reader *reader)
{
    int status;

    for (;;) {
        take_word(reader);
        skip_blanks(reader);
        if (*reader->at != '*')
            break;
        status = begin_repetition(reader);
        if (status != STRAND_OK)
            return status;
        if (is_in_list(reader)) {
            reader->step--; /* it is no step itself: the first one in it is */
            return STRAND_OK;
        }
    }
    status = is_setting(reader->word) ? read_setting(reader) : read_step(reader);
    return status == STRAND_OK ? end_item(reader) : status;
}

static int
read_list_end(struct reader *reader)
{
    int status;

    reader->at++;
    status = end_repetition(reader);
    return status == STRAND_OK ? end_item(reader) : status;
}

static int
read_items(struct reader *reader)
{
    int status = STRAND_OK;

    while (status == STRAND_OK) {
        while (take_character(reader, ';')) /* nothing may stand between two of them */
            continue;
        reader->word[0] = '\0';
        if (*reader->at == '\0' && reader->depth == 0)
            break;
        if (*reader->at == ')' && reader->depth > 0) {
            status = read_list_end(reader);
        } else {
            reader->step++;
            status = read_item(reader);
        }
    }
    return status;
}

int
crashtest_script_read(const char *text, struct crashtest_script *out_script)
{
    struct crashtest_script script;
    struct reader reader = {.at = text, .script = &script, .step = 0};
    int status;

    crashtest_script_init(&script);
    status = read_items(&reader);
    if (status == STRAND_OK)
        *out_script = script;
    return status;
}
