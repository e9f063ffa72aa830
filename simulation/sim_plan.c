/* simulation/sim_plan.c -- Plans compare numbers only: the same calls meet the same fate. */
#include "simulation/sim_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/sim_memory.h"

void
strand_sim_plan_free(struct strand_sim_plan *plan)
{
    free(plan->faults);
    free(plan->lines);
    *plan = (struct strand_sim_plan){0};
}

void
strand_sim_plan_forget(struct strand_sim_plan *plan)
{
    plan->fault_count = 0;
    plan->cut_at = 0;
    plan->power_is_off = false;
}

void
strand_sim_plan_clear(struct strand_sim_plan *plan)
{
    strand_sim_plan_forget(plan);
    plan->calls = 0;
    memset(plan->calls_of, 0, sizeof plan->calls_of);
}

void
strand_sim_plan_add(struct strand_sim_plan *plan, const struct strand_sim_fault *fault)
{
    plan->faults = strand_sim_grow(plan->faults, &plan->fault_capacity, plan->fault_count,
                                   sizeof *plan->faults);
    plan->faults[plan->fault_count++] = *fault;
}

static char *
next_line(struct strand_sim_plan *plan)
{
    size_t index = (size_t)((plan->calls - 1) % STRAND_SIM_TRACE_COUNT);

    plan->lines = strand_sim_grow(plan->lines, &plan->line_capacity, index, sizeof *plan->lines);
    return plan->lines[index];
}

static bool
strikes(const struct strand_sim_plan *plan, const struct strand_sim_fault *fault, uint32_t kind)
{
    uint64_t count = 0;

    if ((fault->kinds & kind) == 0)
        return false;
    for (size_t i = 0; i < STRAND_SIM_KIND_COUNT; i++)
        if ((fault->kinds >> i & 1) != 0)
            count += plan->calls_of[i];
    return count == fault->nth || (fault->is_sticky && count > fault->nth);
}

static int
planned_result(struct strand_sim_plan *plan, uint32_t kind)
{
    if (plan->cut_at != 0 && plan->calls >= plan->cut_at)
        plan->power_is_off = true;
    if (plan->power_is_off)
        return -EIO;
    for (size_t i = 0; i < plan->fault_count; i++)
        if (strikes(plan, &plan->faults[i], kind))
            return -plan->faults[i].code;
    return 0;
}

static void
append_text(char line[STRAND_SIM_TRACE_LINE_SIZE], const char *text)
{
    size_t used = strlen(line);

    (void)snprintf(line + used, STRAND_SIM_TRACE_LINE_SIZE - used, "%s", text); /* may be cut */
}

int
strand_sim_plan_call(struct strand_sim_plan *plan, enum strand_sim_kind kind, const char *format,
                     ...)
{
    char object[STRAND_SIM_TRACE_LINE_SIZE];
    va_list args;

    plan->calls++;
    plan->calls_of[__builtin_ctz((unsigned)kind)]++;

    int result = planned_result(plan, kind);
    plan->has_struck = result != 0;
    if (plan->is_quiet)
        return result;

    va_start(args, format);
    (void)vsnprintf(object, sizeof object, format, args); /* may be cut */
    va_end(args);

    char *line = next_line(plan);
    (void)snprintf(line, STRAND_SIM_TRACE_LINE_SIZE, "%llu ", (unsigned long long)plan->calls);
    append_text(line, object);

    if (result != 0)
        append_text(line, plan->power_is_off ? ": power is off" : ": planned fault");
    return result;
}

const char *
strand_sim_plan_line(const struct strand_sim_plan *plan, uint64_t nth)
{
    if (plan->is_quiet || nth == 0 || nth > plan->calls ||
        plan->calls - nth >= STRAND_SIM_TRACE_COUNT)
        return NULL;
    return plan->lines[(nth - 1) % STRAND_SIM_TRACE_COUNT];
}
