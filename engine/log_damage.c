/* engine/log_damage.c -- What a read is told that cannot go on: damage, or that somebody else has
 * cut the log. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "engine/log_internal.h"
#include "engine/log_read.h"

/* A reader beside a writer: has the log been cut since it was opened here? */
static bool
was_cut_elsewhere(const struct strand_log *log)
{
    const struct strand_engine *engine = log->engine;
    struct strand_frontier *frontier = NULL;
    struct strand_frontier_slot slot;
    int64_t bad_slots;

    if (!strand_engine_is_read_only(engine) || engine->directory.was_kafkas ||
        strand_frontier_open(engine->config.fs, engine->directory.path, false, &frontier,
                             &bad_slots) != STRAND_OK)
        return false;
    bool was_cut = strand_frontier_find(frontier, log->identity.id, &slot) &&
                   slot.generation != log->first_generation;
    (void)strand_frontier_close(frontier);
    return was_cut;
}

int
strand_log_fail_read(const struct strand_log *log, int64_t first, int64_t next, int status)
{
    char reason[STRAND_ERROR_MESSAGE_SIZE_MAX / 2];
    bool is_damage = status == STRAND_ERR_BATCH || status == STRAND_ERR_MAGIC;

    (void)snprintf(reason, sizeof reason, "%s", strand_error_message());
    if ((is_damage || status == STRAND_ERR_IO) && was_cut_elsewhere(log)) {
        status = strand_fail(STRAND_ERR_TRUNCATED,
                             "read %s: another process has truncated it: open it again", log->name);
        strand_error_set_offsets(first, next);
        return status;
    }
    return is_damage ? strand_log_fail_corrupt(log, first, next, reason)
                     : strand_fail(status, "%s", reason);
}

int
strand_log_fail_corrupt(const struct strand_log *log, int64_t first, int64_t next,
                        const char *reason)
{
    int status = strand_fail(STRAND_ERR_CORRUPT,
                             "read %s: offsets %" PRId64 " to %" PRId64 " are damaged: %s",
                             log->name, first, next - 1, reason);

    strand_error_set_offsets(first, next);
    return status;
}
