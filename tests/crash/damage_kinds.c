/* tests/crash/damage_kinds.c -- One file, one damage: how many there are, and what each gives. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "crash/damage_sweep.h"

const char *const SWEEP_KIND_NAMES[SWEEP_KINDS] = {
    "bit",       "length",     "removed",       "zeros-behind",   "garbage-behind",
    "stale",     "zero-512",   "zero-4096",     "swap-512",       "swap-4096",
    "stale-512", "stale-4096", "misplaced-512", "misplaced-4096",
};

static int64_t
block_size(enum sweep_kind kind)
{
    return (kind - SWEEP_ZERO_512) % 2 == 0 ? 512 : 4096;
}

int64_t
sweep_damage_count(const struct sweep_reference *reference, size_t file, enum sweep_kind kind)
{
    const struct sweep_content *content = &reference->files[file].now;
    int64_t blocks =
        kind < SWEEP_ZERO_512 ? 0 : (content->size + block_size(kind) - 1) / block_size(kind);

    if (content->data == NULL && kind != SWEEP_STALE)
        return 0;
    switch (kind) {
    case SWEEP_BIT:
        return reference->is_large ? 0 : 8 * content->size;
    case SWEEP_LENGTH:
        return content->size;
    case SWEEP_REMOVED:
    case SWEEP_ZEROS_BEHIND:
    case SWEEP_GARBAGE_BEHIND:
        return 1;
    case SWEEP_STALE:
        return SWEEP_MOMENTS;
    case SWEEP_ZERO_512:
    case SWEEP_ZERO_4096:
        return blocks;
    case SWEEP_SWAP_512:
    case SWEEP_SWAP_4096:
        return blocks > 0 ? blocks - 1 : 0;
    case SWEEP_STALE_512:
    case SWEEP_STALE_4096:
        return blocks * SWEEP_MOMENTS;
    case SWEEP_MISPLACED_512:
    case SWEEP_MISPLACED_4096:
        return blocks * SWEEP_FILES;
    case SWEEP_KINDS:
        break;
    }
    return 0;
}

/* ---- Blocks ---- */

/* The block at AT of CONTENT becomes what stands there in OTHER, as far as both reach; false: OTHER
 * has nothing there. */
static bool
take_block(struct sweep_content *content, int64_t at, int64_t size,
           const struct sweep_content *other)
{
    int64_t end = at + size;

    if (other->data == NULL || at >= other->size)
        return false;
    if (end > content->size)
        end = content->size;
    if (end > other->size)
        end = other->size;
    memcpy(content->data + at, other->data + at, (size_t)(end - at));
    return true;
}

static bool
swap_blocks(struct sweep_content *content, int64_t at, int64_t size)
{
    uint8_t space[4096];
    int64_t second = content->size - at - size < size ? content->size - at - size : size;

    strand_assert(second > 0);
    memcpy(space, content->data + at, (size_t)second);
    memcpy(content->data + at, content->data + at + size, (size_t)second);
    memcpy(content->data + at + size, space, (size_t)second);
    return true;
}

static bool
damage_block(const struct sweep_damage *damage, struct sweep_content *content)
{
    const struct sweep_reference *reference = damage->reference;
    const struct sweep_file *file = &reference->files[damage->file];
    int64_t size = block_size(damage->kind);
    int64_t position = damage->position;

    if (damage->kind == SWEEP_ZERO_512 || damage->kind == SWEEP_ZERO_4096) {
        position *= size;
        size = content->size - position < size ? content->size - position : size;
        memset(content->data + position, 0, (size_t)size);
        return true;
    }
    if (damage->kind == SWEEP_SWAP_512 || damage->kind == SWEEP_SWAP_4096)
        return swap_blocks(content, position * size, size);
    if (damage->kind == SWEEP_STALE_512 || damage->kind == SWEEP_STALE_4096)
        return take_block(content, position / SWEEP_MOMENTS * size, size,
                          &file->earlier[position % SWEEP_MOMENTS]);
    return take_block(content, position / SWEEP_FILES * size, size,
                      &reference->files[position % SWEEP_FILES].now);
}

/* ---- Whole files ---- */

static void
put_behind(struct sweep_content *content, bool is_garbage)
{
    uint32_t state = 12345;

    for (int64_t i = 0; i < content->size; i++) {
        state = state * 1664525 + 1013904223;
        content->data[content->size + i] = is_garbage ? (uint8_t)(state >> 24) : 0;
    }
    content->size *= 2;
}

static void
make_stale(const struct sweep_content *earlier, struct sweep_content *content)
{
    free(content->data);
    *content = (struct sweep_content){.data = NULL};
    if (earlier->data == NULL)
        return;
    content->data = malloc((size_t)earlier->size + 1);
    strand_assert(content->data != NULL);
    memcpy(content->data, earlier->data, (size_t)earlier->size);
    content->size = earlier->size;
}

static bool
is_same(const struct sweep_content *a, const struct sweep_content *b)
{
    if (a->data == NULL || b->data == NULL)
        return a->data == b->data;
    return a->size == b->size && memcmp(a->data, b->data, (size_t)a->size) == 0;
}

bool
sweep_damage_make(const struct sweep_damage *damage, struct sweep_content *out_content)
{
    const struct sweep_file *file = &damage->reference->files[damage->file];
    struct sweep_content content = {.size = file->now.size};
    bool is_made = true;

    if (file->now.data != NULL) {
        content.data = malloc(2 * (size_t)content.size + 1);
        strand_assert(content.data != NULL);
        memcpy(content.data, file->now.data, (size_t)content.size);
    }
    if (damage->kind == SWEEP_BIT)
        content.data[damage->position / 8] ^= (uint8_t)(1U << damage->position % 8);
    else if (damage->kind == SWEEP_LENGTH)
        content.size = damage->position;
    else if (damage->kind == SWEEP_REMOVED)
        make_stale(&(struct sweep_content){.data = NULL}, &content);
    else if (damage->kind == SWEEP_STALE)
        make_stale(&file->earlier[damage->position], &content);
    else if (damage->kind == SWEEP_ZEROS_BEHIND || damage->kind == SWEEP_GARBAGE_BEHIND)
        put_behind(&content, damage->kind == SWEEP_GARBAGE_BEHIND);
    else
        is_made = damage_block(damage, &content);
    if (is_made && !is_same(&content, &file->now)) {
        *out_content = content;
        return true;
    }
    free(content.data);
    return false;
}
