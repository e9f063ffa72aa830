/* crashtest/random_script.c -- Steps by chance, each of which the ledger says is possible.
 *
 * The ledger that is kept here assumes that every truncation removes as much as it may: what is
 * below its log end is there whatever the engine does.  What goes on after a crash cannot know
 * where a log ends.  Its ledger begins with empty logs, and it cuts only what it has appended
 * itself, by offsets that count from the log end.
 */
#include "crashtest/random_script.h"

#include "base/assert.h"
#include "crashtest/ledger.h"
#include "simulation/sim_inode.h"
#include "strandline/strandline.h"

enum {
    RUN_ACTIONS_MIN = 5,
    RUN_ACTIONS_MAX = 14,
    GO_ON_ACTIONS_MAX = 3,
    END_MAX = 300,      /* no log grows beyond it by appends, or begins there after a reset */
    UNSYNCED_MAX = 4,   /* batches in a row that are not durable: states multiply with them */
    GO_ON_EPOCH = 1000, /* above all epochs of a run */
    BATCH_BYTES = 61,   /* of a header */
    RECORD_BYTES = CRASHTEST_VALUE_SIZE + 10, /* at most, in a batch */
};

struct maker {
    uint64_t state; /* of chance */
    struct crashtest_script *script;
    struct crashtest_ledger ledger;
    bool is_replicated[CRASHTEST_LOGS];
    bool is_from_end;  /* offsets count from the log end */
    int32_t count;     /* records in each batch; 0: by chance */
    int32_t count_max; /* what a segment has room for */
    int32_t epoch;     /* the newest of any log */
    int32_t unsynced;  /* batches since the last that was made durable */
};

/* ---- Chance ---- */

/* MIN to MAX, both included. */
static int32_t
between(struct maker *maker, int64_t min, int64_t max)
{
    strand_assert(min <= max);
    return (int32_t)(min +
                     (int64_t)(strand_sim_next_random(&maker->state) % (uint64_t)(max - min + 1)));
}

/* Once in TIMES. */
static bool
happens(struct maker *maker, int32_t times)
{
    return between(maker, 1, times) == 1;
}

/* ---- Steps ---- */

/* What the engine would say of STEP, which has begun. */
static struct crashtest_outcome
outcome_of(const struct maker *maker, const struct crashtest_step *step)
{
    const struct crashtest_ledger_log *log = &maker->ledger.logs[step->log];
    bool is_batch = step->kind == CRASHTEST_APPEND || step->kind == CRASHTEST_FOLLOW;
    struct crashtest_outcome outcome = {.offset = 0, .epoch = log->epoch};

    if (is_batch)
        outcome.offset = log->end - step->count;
    else if (step->kind == CRASHTEST_TRUNCATE)
        outcome.offset = log->maybe_end;
    return outcome;
}

static void
add(struct maker *maker, struct crashtest_step step)
{
    struct crashtest_script *script = maker->script;
    int32_t number = (int32_t)script->count;
    struct crashtest_outcome outcome;

    strand_assert(script->count < CRASHTEST_STEPS_MAX);
    script->steps[script->count++] = step;
    crashtest_ledger_begin(&maker->ledger, &step, number);
    outcome = outcome_of(maker, &step);
    crashtest_ledger_done(&maker->ledger, &step, number, &outcome);
}

static void
add_simple(struct maker *maker, enum crashtest_step_kind kind)
{
    add(maker, (struct crashtest_step){.kind = kind});
    maker->unsynced = 0;
}

static void
add_creation(struct maker *maker, int32_t log)
{
    enum crashtest_step_kind kind =
        maker->is_replicated[log] ? CRASHTEST_REPLICATE : CRASHTEST_CREATE;

    add(maker, (struct crashtest_step){.kind = kind, .log = log});
}

/* KIND at OFFSET of LOG, said in one of the two ways. */
static void
add_cut(struct maker *maker, enum crashtest_step_kind kind, int32_t log, int64_t offset)
{
    struct crashtest_step step = {.kind = kind, .log = log, .at = (int32_t)offset};

    if (maker->is_from_end || happens(maker, 2)) {
        step.is_from_end = true;
        step.at = (int32_t)(offset - maker->ledger.logs[log].end);
    }
    add(maker, step);
}

/* ---- Actions: a step or a few ---- */

static int32_t
choose_durability(struct maker *maker)
{
    bool is_durable = maker->unsynced >= UNSYNCED_MAX || happens(maker, 2);

    maker->unsynced = is_durable ? 0 : maker->unsynced + 1;
    return is_durable ? STRAND_DURABLE : STRAND_WRITTEN;
}

static void
append(struct maker *maker, int32_t log)
{
    struct crashtest_step step = {
        .kind = CRASHTEST_APPEND,
        .log = log,
        .count = maker->count > 0 ? maker->count : between(maker, 1, maker->count_max),
        .durability = choose_durability(maker),
    };

    if (maker->ledger.logs[log].end >= END_MAX)
        return;
    if (maker->is_replicated[log]) {
        maker->epoch += happens(maker, 3) ? between(maker, 1, 3) : 0;
        step.kind = CRASHTEST_FOLLOW;
        step.gap = happens(maker, 3) ? between(maker, 1, 4) : 0;
        step.epoch = maker->epoch;
    }
    add(maker, step);
}

static void
append_some(struct maker *maker, int32_t log)
{
    for (int32_t times = between(maker, 1, 4); times > 0; times--)
        append(maker, log);
}

/* The newest records more often than old ones. */
static void
truncate_log(struct maker *maker, int32_t log)
{
    const struct crashtest_ledger_log *known = &maker->ledger.logs[log];
    int64_t least = happens(maker, 4) ? known->start : known->end - 6;
    int64_t offset = between(maker, least > known->start ? least : known->start, known->end);

    add_cut(maker, CRASHTEST_TRUNCATE, log, offset);
}

static void
trim(struct maker *maker, int32_t log)
{
    const struct crashtest_ledger_log *known = &maker->ledger.logs[log];

    if (known->durable_end > known->start)
        add_cut(maker, CRASHTEST_TRIM, log, between(maker, known->start, known->durable_end));
}

static void
reset(struct maker *maker, int32_t log)
{
    int64_t end = maker->ledger.logs[log].end;

    /* Below the end it may be anywhere, but what goes on does not know where that is. */
    add_cut(maker, CRASHTEST_RESET, log,
            between(maker, maker->is_from_end ? end : 0, end < END_MAX - 9 ? end + 9 : END_MAX));
}

static void
begin_epoch(struct maker *maker, int32_t log)
{
    if (maker->is_replicated[log])
        return;
    maker->epoch += between(maker, 1, 3);
    add(maker, (struct crashtest_step){.kind = CRASHTEST_EPOCH, .log = log, .epoch = maker->epoch});
}

static void
delete_log(struct maker *maker, int32_t log)
{
    add(maker, (struct crashtest_step){.kind = CRASHTEST_DELETE, .log = log});
    if (happens(maker, 2))
        add_creation(maker, log);
}

static void
reopen(struct maker *maker)
{
    bool existed[CRASHTEST_LOGS];

    for (int32_t i = 0; i < CRASHTEST_LOGS; i++)
        existed[i] = maker->ledger.logs[i].exists;
    add_simple(maker, CRASHTEST_CLOSE);
    add_simple(maker, CRASHTEST_OPEN);
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++)
        if (existed[i])
            add_creation(maker, i);
}

static void
run_later(struct maker *maker)
{
    add(maker,
        (struct crashtest_step){.kind = CRASHTEST_RUN, .count = happens(maker, 4) ? 11000 : 250});
}

static void
act_on_engine(struct maker *maker)
{
    int32_t number = between(maker, 1, 8);

    if (number <= 3)
        run_later(maker);
    else if (number <= 5)
        add_simple(maker, CRASHTEST_SYNC);
    else if (number <= 6)
        add_simple(maker, CRASHTEST_CHECKPOINT);
    else
        reopen(maker);
}

static void
act_on_log(struct maker *maker, int32_t log)
{
    int32_t number = between(maker, 1, 20);

    if (!maker->ledger.logs[log].exists)
        add_creation(maker, log);
    if (number <= 10)
        append_some(maker, log);
    else if (number <= 14)
        truncate_log(maker, log);
    else if (number <= 16)
        trim(maker, log);
    else if (number <= 18)
        begin_epoch(maker, log);
    else if (number <= 19)
        reset(maker, log);
    else
        delete_log(maker, log);
}

static void
act(struct maker *maker)
{
    if (happens(maker, 5))
        act_on_engine(maker);
    else
        act_on_log(maker, happens(maker, 5) ? 1 : 0);
}

/* ---- Scripts ---- */

static void
choose_settings(struct maker *maker)
{
    static const int32_t SEGMENTS[] = {384, 512, 512, 640, 1024};
    static const int32_t PREPARATIONS[] = {
        STRAND_PREPARE_NONE, STRAND_PREPARE_NONE, STRAND_PREPARE_NONE,
        STRAND_PREPARE_AUTO, STRAND_PREPARE_ZERO, STRAND_PREPARE_RESERVE,
    };
    struct crashtest_script *script = maker->script;

    script->segment_bytes = SEGMENTS[between(maker, 0, sizeof SEGMENTS / sizeof SEGMENTS[0] - 1)];
    script->preparation =
        PREPARATIONS[between(maker, 0, sizeof PREPARATIONS / sizeof PREPARATIONS[0] - 1)];
    script->codec = happens(maker, 8) ? STRAND_CODEC_LZ4 : STRAND_CODEC_NONE;
    script->pins_cuts = happens(maker, 6);
    script->copies_reads = happens(maker, 8);
}

static void
choose_batches(struct maker *maker)
{
    maker->count_max = (maker->script->segment_bytes - BATCH_BYTES) / RECORD_BYTES;
    if (maker->count_max > CRASHTEST_BATCH_MAX)
        maker->count_max = CRASHTEST_BATCH_MAX;
    if (!happens(maker, 3))
        maker->count = between(maker, 1, maker->count_max > 3 ? 3 : maker->count_max);
}

static void
make_run(struct maker *maker)
{
    int32_t actions = between(maker, RUN_ACTIONS_MIN, RUN_ACTIONS_MAX);

    add_simple(maker, CRASHTEST_OPEN);
    add_creation(maker, 0);
    append_some(maker, 0);
    for (; actions > 0; actions--)
        act(maker);
    add_simple(maker, CRASHTEST_CLOSE);
}

static void
make_go_on(struct maker *maker)
{
    int32_t actions = between(maker, 0, GO_ON_ACTIONS_MAX);

    add_creation(maker, 0);
    append(maker, 0);
    for (; actions > 0; actions--)
        act(maker);
}

void
crashtest_random_script(uint64_t seed, struct crashtest_script *out_run,
                        struct crashtest_script *out_go_on)
{
    struct maker run = {.state = seed, .script = out_run};
    struct maker go_on = {.script = out_go_on, .is_from_end = true, .epoch = GO_ON_EPOCH};

    crashtest_script_init(out_run);
    crashtest_ledger_init(&run.ledger);
    for (int i = 0; i < CRASHTEST_LOGS; i++)
        run.is_replicated[i] = happens(&run, 4);
    choose_settings(&run);
    choose_batches(&run);
    make_run(&run);

    crashtest_script_init(out_go_on);
    crashtest_ledger_init(&go_on.ledger);
    go_on.state = run.state;
    go_on.count = run.count;
    go_on.count_max = run.count_max;
    for (int i = 0; i < CRASHTEST_LOGS; i++)
        go_on.is_replicated[i] = run.is_replicated[i];
    make_go_on(&go_on);
}
