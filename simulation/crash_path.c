/* simulation/crash_path.c -- Lines are read as strictly as they are written. */
#include "simulation/crash_path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static const struct {
    uint32_t fault;
    const char *name;
} FAULTS[] = {
    {0, "none"},
    {STRAND_CRASH_FAULT_IO, "io"},
    {STRAND_CRASH_FAULT_IO_STICKY, "io-sticky"},
    {STRAND_CRASH_FAULT_NO_SPACE, "no-space"},
    {STRAND_CRASH_FAULT_NO_SPACE_STICKY, "no-space-sticky"},
};

enum { FAULT_COUNT = sizeof FAULTS / sizeof *FAULTS };

static const char *
fault_name(uint32_t fault)
{
    size_t index = 0;

    while (FAULTS[index].fault != fault)
        index++;
    strand_assert(index < FAULT_COUNT);
    return FAULTS[index].name;
}

void
strand_crash_path_write(const struct strand_crash_path *path,
                        const struct strand_crash_rules *rules,
                        char out_line[STRAND_CRASH_LINE_SIZE])
{
    size_t used = (size_t)snprintf(
        out_line, STRAND_CRASH_LINE_SIZE,
        "seed=%" PRIu64 ",names=%s,torn=%d,max=%" PRIu64 ",samples=%" PRIu64 ",fault=%s@%" PRIu64,
        rules->seed, rules->any_names ? "any" : "ordered", !rules->whole_pages, rules->states_max,
        rules->samples, fault_name(path->planned.fault), path->planned.call);

    for (size_t i = 0; i < path->step_count; i++) {
        const struct strand_crash_step *step = &path->steps[i];

        strand_assert(used < STRAND_CRASH_LINE_SIZE);
        used += (size_t)snprintf(
            out_line + used, STRAND_CRASH_LINE_SIZE - used, ",%s=%" PRIu64 ".%" PRIu64,
            step->kind == STRAND_CRASH_KILL ? "kill" : "power", step->point, step->state);
    }
}

/* ---- Reading: each moves *LINE behind what it has read ---- */

static bool
read_word(const char **line, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(*line, word, size) != 0)
        return false;
    *line += size;
    return true;
}

static bool
read_number(const char **line, const char *word, uint64_t *out_number)
{
    char *end;

    if (!read_word(line, word) || **line < '0' || **line > '9')
        return false;
    errno = 0;
    *out_number = strtoull(*line, &end, 10);
    *line = end;
    return errno == 0;
}

static bool
read_fault(const char **line, struct strand_crash_planned *planned)
{
    char word[32];

    for (size_t i = 0; i < FAULT_COUNT; i++) {
        (void)snprintf(word, sizeof word, ",fault=%s@", FAULTS[i].name); /* it fits */
        planned->fault = FAULTS[i].fault;
        if (read_number(line, word, &planned->call))
            return true;
    }
    return false;
}

static bool
read_step(const char **line, struct strand_crash_step *step)
{
    if (read_number(line, ",power=", &step->point))
        step->kind = STRAND_CRASH_POWER;
    else if (read_number(line, ",kill=", &step->point))
        step->kind = STRAND_CRASH_KILL;
    else
        return false;
    return read_number(line, ".", &step->state);
}

bool
strand_crash_path_read(const char *line, struct strand_crash_path *out_path,
                       struct strand_crash_rules *out_rules)
{
    struct strand_crash_path path = {.step_count = 0};
    struct strand_crash_rules rules = {.seed = 0};
    uint64_t is_torn;

    if (!read_number(&line, "seed=", &rules.seed))
        return false;
    rules.any_names = read_word(&line, ",names=any");
    if (!rules.any_names && !read_word(&line, ",names=ordered"))
        return false;
    if (!read_number(&line, ",torn=", &is_torn) ||
        !read_number(&line, ",max=", &rules.states_max) ||
        !read_number(&line, ",samples=", &rules.samples) || !read_fault(&line, &path.planned))
        return false;
    rules.whole_pages = is_torn == 0;
    while (*line != '\0') {
        if (path.step_count == STRAND_CRASH_STEPS_MAX ||
            !read_step(&line, &path.steps[path.step_count]))
            return false;
        path.step_count++;
    }
    if (path.step_count == 0)
        return false;
    *out_path = path;
    *out_rules = rules;
    return true;
}
