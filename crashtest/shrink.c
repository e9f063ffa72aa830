/* crashtest/shrink.c -- Delta debugging: large parts first, then single steps, then numbers. */
#include "crashtest/shrink.h"

#include <string.h>

#include "base/assert.h"
#include "strandline/strandline.h"

struct shrinker {
    struct crashtest_pair *pair;     /* the smallest that fails */
    struct crashtest_pair candidate; /* one that may */
    crashtest_fails_fn *fails;
    void *context;
    uint32_t tries;
    uint32_t tries_max;
};

/* Whether the candidate fails, too; then it is the smallest, else it is again as that is. */
static bool
try_candidate(struct shrinker *shrinker)
{
    bool has_failed = false;

    if (shrinker->tries < shrinker->tries_max) {
        shrinker->tries++;
        has_failed = shrinker->fails(shrinker->context, &shrinker->candidate);
    }
    if (has_failed)
        *shrinker->pair = shrinker->candidate;
    else
        shrinker->candidate = *shrinker->pair;
    return has_failed;
}

/* ---- Steps ---- */

static void
remove_steps(struct crashtest_script *script, size_t at, size_t count)
{
    strand_assert(at + count <= script->count);
    memmove(&script->steps[at], &script->steps[at + count],
            (script->count - at - count) * sizeof *script->steps);
    script->count -= count;
}

/* Leave out COUNT steps in a row, here and there, from the end on: what comes later depends on what
 * was before it. */
static bool
leave_out(struct shrinker *shrinker, struct crashtest_script *script, size_t count)
{
    size_t end = script->count;
    bool has_shrunk = false;

    while (end >= count) {
        end -= count;
        remove_steps(script, end, count);
        has_shrunk = try_candidate(shrinker) || has_shrunk;
    }
    return has_shrunk;
}

static bool
shorten(struct shrinker *shrinker, struct crashtest_script *script)
{
    bool has_shrunk = false;

    for (size_t count = script->count; count > 0; count /= 2)
        has_shrunk = leave_out(shrinker, script, count) || has_shrunk;
    return has_shrunk;
}

/* ---- Numbers ---- */

/* Make *NUMBER, of the candidate, as low as it may be, but not below LEAST.  Tries that first. */
static bool
lower(struct shrinker *shrinker, int32_t *number, int32_t least)
{
    int32_t low = least; /* what is below does not fail */
    int32_t middle = least;
    bool has_shrunk = false;

    while (low < *number) {
        *number = middle;
        if (try_candidate(shrinker))
            has_shrunk = true;
        else
            low = middle + 1;
        middle = low + (*number - low) / 2;
    }
    return has_shrunk;
}

/* The same from below, for what is subtracted from a log end. */
static bool
raise(struct shrinker *shrinker, int32_t *number)
{
    bool has_shrunk = false;

    while (*number < 0) {
        ++*number;
        if (!try_candidate(shrinker))
            break;
        has_shrunk = true;
    }
    return has_shrunk;
}

static bool
simplify_step(struct shrinker *shrinker, struct crashtest_step *step)
{
    bool has_batch = step->kind == CRASHTEST_APPEND || step->kind == CRASHTEST_FOLLOW;
    bool has_place = step->kind == CRASHTEST_TRUNCATE || step->kind == CRASHTEST_TRIM ||
                     step->kind == CRASHTEST_RESET;
    bool has_shrunk = false;

    if (has_batch)
        has_shrunk = lower(shrinker, &step->count, 1);
    if (step->kind == CRASHTEST_FOLLOW)
        has_shrunk = lower(shrinker, &step->gap, 0) || has_shrunk;
    if (step->kind == CRASHTEST_RUN)
        has_shrunk = lower(shrinker, &step->count, 0) || has_shrunk;
    if (has_place && step->is_from_end)
        has_shrunk = raise(shrinker, &step->at) || has_shrunk;
    if (has_place && !step->is_from_end)
        has_shrunk = lower(shrinker, &step->at, 0) || has_shrunk;
    return has_shrunk;
}

static bool
simplify_steps(struct shrinker *shrinker, struct crashtest_script *script)
{
    bool has_shrunk = false;

    for (size_t i = 0; i < script->count; i++)
        has_shrunk = simplify_step(shrinker, &script->steps[i]) || has_shrunk;
    return has_shrunk;
}

/* ---- Settings ---- */

static bool
set_number(struct shrinker *shrinker, int32_t *number, int32_t value)
{
    if (*number == value)
        return false;
    *number = value;
    return try_candidate(shrinker);
}

static bool
set_flag(struct shrinker *shrinker, bool *flag)
{
    if (!*flag)
        return false;
    *flag = false;
    return try_candidate(shrinker);
}

/* To what they are when nothing is said, or at least to what does the least. */
static bool
simplify_settings(struct shrinker *shrinker, struct crashtest_script *script)
{
    struct crashtest_script plain;
    bool has_shrunk;

    crashtest_script_init(&plain);
    has_shrunk = set_number(shrinker, &script->segment_bytes, plain.segment_bytes);
    has_shrunk = set_number(shrinker, &script->codec, plain.codec) || has_shrunk;
    has_shrunk = set_number(shrinker, &script->preparation, plain.preparation) || has_shrunk;
    if (script->preparation != plain.preparation)
        has_shrunk = set_number(shrinker, &script->preparation, STRAND_PREPARE_NONE) || has_shrunk;
    has_shrunk = set_flag(shrinker, &script->pins_cuts) || has_shrunk;
    return set_flag(shrinker, &script->copies_reads) || has_shrunk;
}

uint32_t
crashtest_shrink(struct crashtest_pair *pair, crashtest_fails_fn *fails, void *context,
                 uint32_t tries_max)
{
    struct shrinker shrinker = {.pair = pair,
                                .candidate = *pair,
                                .fails = fails,
                                .context = context,
                                .tries_max = tries_max};
    struct crashtest_pair *candidate = &shrinker.candidate;
    bool has_shrunk = true;

    while (has_shrunk && shrinker.tries < tries_max) {
        has_shrunk = shorten(&shrinker, &candidate->go_on);
        has_shrunk = shorten(&shrinker, &candidate->run) || has_shrunk;
        has_shrunk = simplify_settings(&shrinker, &candidate->run) || has_shrunk;
        has_shrunk = simplify_steps(&shrinker, &candidate->run) || has_shrunk;
        has_shrunk = simplify_steps(&shrinker, &candidate->go_on) || has_shrunk;
    }
    return shrinker.tries;
}
