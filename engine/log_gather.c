/* engine/log_gather.c -- When a round that somebody waits for begins. */
#include "engine/log_internal.h"

static const int64_t WAIT_NS_MAX = 1000000;

void
strand_log_gather_init(struct strand_log_gather *gather)
{
    *gather = (struct strand_log_gather){.wait_ns_max = WAIT_NS_MAX};
    strand_condition_init(&gather->complete);
}

void
strand_log_gather_deinit(struct strand_log_gather *gather)
{
    strand_condition_deinit(&gather->complete);
}

static int64_t
deadline_ns(const struct strand_log_gather *gather)
{
    int64_t most = gather->round_ns / 4 * 3;

    return strand_thread_now_ns() + (most < gather->wait_ns_max ? most : gather->wait_ns_max);
}

static void gather_locked(struct strand_log *log) STRAND_REQUIRES(log->state);

static void
gather_locked(struct strand_log *log)
{
    struct strand_log_gather *gather = &log->gather;
    uint32_t first = gather->arrived;
    uint32_t missing = gather->expected - first;
    int64_t deadline = deadline_ns(gather);

    gather->goal = gather->expected;
    while (gather->goal != 0 && strand_condition_wait(&gather->complete, &log->state, deadline))
        continue;
    gather->goal = 0;
    if ((gather->arrived - first) * 2 >= missing) {
        gather->misses = 0;
        return;
    }
    if (gather->misses < STRAND_GATHER_MISSES_MAX)
        gather->misses++;
    gather->skips = 1U << gather->misses;
}

void
strand_log_gather(struct strand_log *log)
{
    struct strand_log_gather *gather = &log->gather;

    if (!strand_engine_has_threads(log->engine))
        return;
    strand_mutex_lock(&log->state);
    if (gather->arrived > 0 && gather->arrived < gather->expected) {
        if (gather->skips > 0)
            gather->skips--;
        else
            gather_locked(log);
    }
    strand_mutex_unlock(&log->state);
}

void
strand_log_gather_arrive_locked(struct strand_log *log, int64_t end_offset)
{
    struct strand_log_gather *gather = &log->gather;

    if (end_offset <= log->round_end) {
        gather->covered++;
        return;
    }
    gather->arrived++;
    if (gather->goal != 0 && gather->arrived >= gather->goal) {
        gather->goal = 0;
        strand_condition_signal(&gather->complete);
    }
}

void
strand_log_gather_begin_locked(struct strand_log *log)
{
    log->gather.covered = log->gather.arrived;
    log->gather.arrived = 0;
}

void
strand_log_gather_end_locked(struct strand_log *log, int64_t round_ns)
{
    log->gather.expected = log->gather.covered + log->gather.arrived;
    log->gather.covered = 0;
    log->gather.round_ns = round_ns;
}
