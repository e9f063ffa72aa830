/* tests/support/scheduler.c -- Who has the baton, and who gets it next.
 *
 * Two ways to choose, which find different mistakes.  By chance: at each switch point the baton
 * goes, with a chance of one in so many, to any thread that can run; where there are weights some
 * threads seldom get it, and where there are delays one is held up for long wherever it is, while
 * the others come far.  By priorities (PCT;
 * Burckhardt et al., ASPLOS 2010): each thread draws one when it starts, the highest that can run
 * runs, and at a few points, drawn beforehand, the one that runs falls below all others.  A mistake
 * that takes few switches at the right places is found with a chance that does not fall with the
 * length of the run.  Which of them finds what is in docs/CRASH_TESTING.md.
 */
#include "support/scheduler_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum {
    HELD_MAX = 16,
    POINTS_MAX = 1000000, /* of a run that has an end */
    PRIORITY_LOW = 1 << 16,
    WEIGHTS = 8,
};

static const uint64_t HASH_PRIME = UINT64_C(1099511628211); /* FNV-1a's */
static const int64_t FIRST_NS = INT64_C(1000000000);
static const int64_t WALL_NS = INT64_C(1600000000000000000); /* in 2020 */

struct scheduler_task {
    struct schedule *schedule; /* borrowed */
    struct strand_thread *thread;
    char name[16];
    uint64_t number; /* in the order they came */
    sem_t baton;
    uint64_t priority;
    uint64_t weight;
    uint64_t resumes_at; /* a switch point: held up until then */
    enum scheduler_wait wait;
    const void *object;  /* that it waits for */
    int64_t deadline_ns; /* -1: none */
    bool is_woken;
    const struct strand_mutex *held[HELD_MAX];
    size_t held_count;
};

struct schedule {
    const struct scheduler_plan *plan;
    uint64_t random;
    int64_t now_ns;
    uint64_t change_points[SCHEDULER_CHANGES_MAX];
    struct scheduler_counts counts;
    struct scheduler_task *tasks[SCHEDULER_THREADS_MAX]; /* in the order they came */
    size_t task_count;
    uint64_t started_count;
};

static _Thread_local struct scheduler_task *self; /* NULL: not in a schedule */

/* SplitMix64. */
static uint64_t
draw(struct schedule *schedule, uint64_t below)
{
    schedule->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = schedule->random;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) % below;
}

static uint64_t
draw_weight(struct schedule *schedule)
{
    return schedule->plan->has_weights ? UINT64_C(1) << draw(schedule, WEIGHTS) : 1;
}

/* ---- Giving up ---- */

static const char *
name_of_holder(const struct schedule *schedule, const void *mutex)
{
    for (size_t i = 0; i < schedule->task_count; i++)
        for (size_t k = 0; k < schedule->tasks[i]->held_count; k++)
            if (schedule->tasks[i]->held[k] == mutex)
                return schedule->tasks[i]->name;
    return "nobody";
}

static void
tell_task(const struct schedule *schedule, const struct scheduler_task *task)
{
    static const char *const kinds[] = {"can run",
                                        "waits for the mutex",
                                        "waits for the condition",
                                        "waits for the semaphore",
                                        "waits for the end of the thread",
                                        "has ended"};

    (void)fprintf(stderr, "  %-15s %s", task->name, kinds[task->wait]);
    if (task->wait != SCHEDULER_RUNS && task->wait != SCHEDULER_ENDED)
        (void)fprintf(stderr, " %p", task->object);
    if (task->wait == SCHEDULER_WAITS_MUTEX)
        (void)fprintf(stderr, ", which %s has", name_of_holder(schedule, task->object));
    if (task->wait == SCHEDULER_WAITS_THREAD)
        (void)fprintf(stderr, ", %s", ((const struct strand_thread *)task->object)->name);
    if (task->deadline_ns >= 0)
        (void)fprintf(stderr, ", until %" PRId64 " ns", task->deadline_ns);
    for (size_t i = 0; i < task->held_count; i++)
        (void)fprintf(stderr, "%s %p", i == 0 ? "; has" : ",", (const void *)task->held[i]);
    (void)fputc('\n', stderr);
}

/* Break here: each thread stands where it waits. */
static _Noreturn void
end_process(const struct schedule *schedule, const char *why)
{
    (void)fprintf(stderr, "scheduler: %s at %" PRId64 " ns, after %" PRIu64 " switch points\n", why,
                  schedule->now_ns, schedule->counts.points);
    for (size_t i = 0; i < schedule->task_count; i++)
        tell_task(schedule, schedule->tasks[i]);
    if (schedule->plan->again != NULL)
        (void)fprintf(stderr, "again: %s\n", schedule->plan->again);
    (void)fflush(NULL);
    _exit(EXIT_FAILURE);
}

/* ---- Choosing ---- */

static bool
is_ready(const struct schedule *schedule, const struct scheduler_task *task)
{
    return task->wait == SCHEDULER_RUNS ||
           (task->deadline_ns >= 0 && task->deadline_ns <= schedule->now_ns);
}

/* Those that can run and are not held up; where all are, all of them. */
static size_t
list_ready(const struct schedule *schedule, struct scheduler_task **ready)
{
    struct scheduler_task *held_up[SCHEDULER_THREADS_MAX];
    size_t held_up_count = 0;
    size_t count = 0;

    for (size_t i = 0; i < schedule->task_count; i++) {
        struct scheduler_task *task = schedule->tasks[i];

        if (!is_ready(schedule, task))
            continue;
        if (task->resumes_at > schedule->counts.points)
            held_up[held_up_count++] = task;
        else
            ready[count++] = task;
    }
    if (count > 0)
        return count;
    memcpy(ready, held_up, held_up_count * sizeof held_up[0]);
    return held_up_count;
}

/* Nobody can run: the next deadline comes at once. */
static void
jump(struct schedule *schedule)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < schedule->task_count; i++) {
        const struct scheduler_task *task = schedule->tasks[i];

        if (task->deadline_ns >= 0 && task->deadline_ns < next)
            next = task->deadline_ns;
    }
    if (next == INT64_MAX)
        end_process(schedule, "everybody waits for somebody else, or for a wake-up that was lost");
    schedule->now_ns = next;
}

static struct scheduler_task *
choose_by_weight(struct schedule *schedule, struct scheduler_task **ready, size_t count)
{
    uint64_t sum = 0;
    size_t i = 0;

    for (size_t k = 0; k < count; k++)
        sum += ready[k]->weight;
    uint64_t left = draw(schedule, sum);
    while (left >= ready[i]->weight)
        left -= ready[i++]->weight;
    return ready[i];
}

static struct scheduler_task *
choose(struct schedule *schedule)
{
    struct scheduler_task *ready[SCHEDULER_THREADS_MAX];
    size_t count = list_ready(schedule, ready);

    if (count == 0) {
        jump(schedule);
        count = list_ready(schedule, ready);
    }
    if (schedule->plan->switch_one_in > 0)
        return choose_by_weight(schedule, ready, count);
    struct scheduler_task *highest = ready[0];
    for (size_t i = 1; i < count; i++)
        if (ready[i]->priority > highest->priority)
            highest = ready[i];
    return highest;
}

/* ---- The baton ---- */

static void
await_baton(struct scheduler_task *task)
{
    while (sem_wait(&task->baton) != 0)
        continue; /* a signal */
}

/* Let whoever is chosen run; return when it is this thread. */
static void
pass_baton(struct scheduler_task *task)
{
    struct schedule *schedule = task->schedule;
    struct scheduler_task *next = choose(schedule);
    bool has_ended = task->wait == SCHEDULER_ENDED;

    next->wait = SCHEDULER_RUNS;
    next->object = NULL;
    next->deadline_ns = -1;
    if (next == task)
        return;
    schedule->counts.switches++;
    schedule->counts.hash =
        (schedule->counts.hash ^ schedule->counts.points ^ next->number << 32) * HASH_PRIME;
    int result = sem_post(&next->baton);
    strand_assert(result == 0);
    if (!has_ended)
        await_baton(task);
}

/* Whether the one that runs is to stop here. */
static bool
must_switch(struct schedule *schedule)
{
    const struct scheduler_plan *plan = schedule->plan;

    for (uint32_t i = 0; i < plan->changes; i++)
        if (schedule->change_points[i] == schedule->counts.points) {
            self->priority = PRIORITY_LOW - i;
            self->weight = draw_weight(schedule);
        }
    if (plan->delay_points > 0 && draw(schedule, plan->delay_one_in) == 0) {
        self->resumes_at = schedule->counts.points + 1 + draw(schedule, plan->delay_points);
        return true;
    }
    if (plan->switch_one_in > 0)
        return draw(schedule, plan->switch_one_in) == 0;
    return true; /* one with a higher priority may have been woken */
}

void
scheduler_point(void)
{
    struct schedule *schedule = self->schedule;

    schedule->counts.points++;
    schedule->now_ns += schedule->plan->tick_ns;
    if (schedule->counts.points > POINTS_MAX)
        end_process(schedule, "there is no end: some only look at the clock, again and again");
    if (must_switch(schedule))
        pass_baton(self);
}

bool
scheduler_block(enum scheduler_wait wait, const void *object, int64_t deadline_ns)
{
    self->wait = wait;
    self->object = object;
    self->deadline_ns = deadline_ns;
    self->is_woken = false;
    pass_baton(self);
    return self->is_woken;
}

/* ---- Waking ---- */

static void
wake(struct scheduler_task *task)
{
    task->wait = SCHEDULER_RUNS;
    task->object = NULL;
    task->deadline_ns = -1;
    task->is_woken = true;
}

void
scheduler_wake_all(const void *object)
{
    struct schedule *schedule = self->schedule;

    for (size_t i = 0; i < schedule->task_count; i++)
        if (schedule->tasks[i]->object == object)
            wake(schedule->tasks[i]);
}

void
scheduler_wake_one(const void *object)
{
    struct schedule *schedule = self->schedule;
    struct scheduler_task *waiting[SCHEDULER_THREADS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < schedule->task_count; i++)
        if (schedule->tasks[i]->object == object)
            waiting[count++] = schedule->tasks[i];
    if (count > 0)
        wake(waiting[draw(schedule, count)]);
}

void
scheduler_check_unused(const void *object)
{
    const struct schedule *schedule = self->schedule;

    for (size_t i = 0; i < schedule->task_count; i++)
        if (schedule->tasks[i]->object == object)
            end_process(schedule, "what somebody waits for is destroyed");
}

bool
scheduler_draw_spurious(void)
{
    uint32_t one_in = self->schedule->plan->spurious_one_in;

    return one_in > 0 && draw(self->schedule, one_in) == 0;
}

void
scheduler_note_locked(const struct strand_mutex *mutex)
{
    strand_assert(self->held_count < HELD_MAX);
    self->held[self->held_count++] = mutex;
}

void
scheduler_note_unlocked(const struct strand_mutex *mutex)
{
    for (size_t i = self->held_count; i-- > 0;)
        if (self->held[i] == mutex) {
            self->held[i] = self->held[--self->held_count];
            return;
        }
    end_process(self->schedule, "a mutex is unlocked by a thread that does not have it");
}

/* ---- Threads ---- */

static struct scheduler_task *
add_task(struct schedule *schedule, struct strand_thread *thread, const char *name)
{
    struct scheduler_task *task = calloc(1, sizeof *task);

    strand_assert(task != NULL && schedule->task_count < SCHEDULER_THREADS_MAX);
    task->schedule = schedule;
    task->thread = thread;
    (void)snprintf(task->name, sizeof task->name, "%s", name);
    task->number = ++schedule->started_count;
    task->deadline_ns = -1;
    task->weight = draw_weight(schedule);
    task->priority = PRIORITY_LOW + 1 + draw(schedule, UINT32_MAX);
    int result = sem_init(&task->baton, 0, 0);
    strand_assert(result == 0);
    schedule->tasks[schedule->task_count++] = task;
    return task;
}

static void
remove_task(struct scheduler_task *task)
{
    struct schedule *schedule = task->schedule;
    size_t i = 0;

    while (schedule->tasks[i] != task)
        i++;
    schedule->task_count--;
    memmove(&schedule->tasks[i], &schedule->tasks[i + 1],
            (schedule->task_count - i) * sizeof(struct scheduler_task *));
    (void)sem_destroy(&task->baton);
    free(task);
}

struct scheduler_task *
scheduler_task_create(struct strand_thread *thread)
{
    return add_task(self->schedule, thread, thread->name);
}

void
scheduler_task_drop(struct scheduler_task *task)
{
    remove_task(task);
}

struct strand_thread *
scheduler_task_begin(struct scheduler_task *task)
{
    self = task;
    await_baton(task);
    return task->thread;
}

void
scheduler_task_end(void)
{
    struct scheduler_task *task = self;

    self = NULL;
    task->wait = SCHEDULER_ENDED;
    for (size_t i = 0; i < task->schedule->task_count; i++)
        if (task->schedule->tasks[i]->object == task->thread)
            wake(task->schedule->tasks[i]);
    if (task->held_count > 0)
        end_process(task->schedule, "a thread ends with a mutex");
    pass_baton(task);
}

void
scheduler_await_end(const struct strand_thread *thread)
{
    struct schedule *schedule = self->schedule;
    size_t i = 0;

    while (i < schedule->task_count && schedule->tasks[i]->thread != thread)
        i++;
    strand_assert(i < schedule->task_count);
    struct scheduler_task *task = schedule->tasks[i];
    scheduler_point();
    while (task->wait != SCHEDULER_ENDED)
        (void)scheduler_block(SCHEDULER_WAITS_THREAD, thread, -1);
    remove_task(task);
}

/* ---- A schedule ---- */

bool
scheduler_is_on(void)
{
    return self != NULL;
}

int64_t
scheduler_now_ns(void)
{
    return self->schedule->now_ns;
}

void
scheduler_run(const struct scheduler_plan *plan, scheduler_main_fn *main, void *argument,
              struct scheduler_counts *out_counts)
{
    struct schedule schedule = {.plan = plan, .random = plan->seed, .now_ns = FIRST_NS};

    strand_assert(self == NULL && plan->changes <= SCHEDULER_CHANGES_MAX);
    for (uint32_t i = 0; i < plan->changes; i++)
        schedule.change_points[i] = 1 + draw(&schedule, plan->changes_within);
    self = add_task(&schedule, NULL, "main");
    main(argument);
    struct scheduler_task *task = self;
    self = NULL;
    if (schedule.task_count > 1)
        end_process(&schedule, "a thread was not joined");
    remove_task(task);
    if (out_counts != NULL)
        *out_counts = schedule.counts;
}

/* ---- Clocks ---- */

/* A look takes as long as on the simulated disk: who asks again and again sees time go by. */
static int64_t
look(void)
{
    return self->schedule->now_ns++;
}

static int64_t
monotonic_ns(void *context)
{
    (void)context;
    return look();
}

static int64_t
wall_clock_ns(void *context)
{
    (void)context;
    return WALL_NS + look();
}

struct strand_fs
scheduler_fs(const struct strand_fs *fs)
{
    struct strand_fs scheduled = *fs;

    scheduled.monotonic_ns = monotonic_ns;
    scheduled.wall_clock_ns = wall_clock_ns;
    return scheduled;
}
