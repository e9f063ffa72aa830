/* bench/conditions.c -- A short list; searched from its start. */
#include "bench/conditions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static struct bench_condition *
add(struct bench_conditions *conditions, const char *name)
{
    strand_assert(conditions->count < BENCH_CONDITIONS_MAX);
    struct bench_condition *item = &conditions->items[conditions->count++];
    item->name = name;
    return item;
}

void
bench_conditions_add_number(struct bench_conditions *conditions, const char *name, int64_t value)
{
    struct bench_condition *item = add(conditions, name);

    item->is_number = true;
    (void)snprintf(item->text, sizeof item->text, "%" PRId64, value);
}

void
bench_conditions_add_text(struct bench_conditions *conditions, const char *name, const char *text)
{
    struct bench_condition *item = add(conditions, name);

    item->is_number = false;
    (void)snprintf(item->text, sizeof item->text, "%s", text); /* one too long is cut */
}

static const char *
find(const struct bench_conditions *conditions, const char *name)
{
    for (size_t i = 0; i < conditions->count; i++)
        if (strcmp(conditions->items[i].name, name) == 0)
            return conditions->items[i].text;
    return "";
}

bool
bench_conditions_agree(const struct bench_conditions *one, const struct bench_conditions *other,
                       const char *name)
{
    return strcmp(find(one, name), find(other, name)) == 0;
}
