/* tests/unit/test_preparer_threads.c -- What waits while zeros are being written, and threads that
 * append meanwhile; on real files.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "base/thread.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "support/engine_fixture.h"

TestSuite(preparer_threads, .fini = fixture_destroy, .timeout = 120);

enum { BATCH = 69, CALL = 64 };

static const struct strand_preparer_sizes SIZES = {
    .after = 4 * BATCH, .least = 512, .most = 1024, .step = 256, .call = CALL};

static void
open_preparing(void)
{
    fixture.engine_options.preparation = STRAND_PREPARE_ZERO;
    fixture_open_engine();
    fixture.engine->preparer.sizes = SIZES;
    fixture_open_log();
}

static void
append_written(int count)
{
    for (int i = 0; i < count; i++)
        require_ok(fixture_try_append("v", STRAND_WRITTEN, NULL));
}

static void
expect_healthy_whole(int64_t log_end)
{
    require_ok(strand_engine_health(fixture.engine));
    cr_expect_eq(fixture_positions().log_end, log_end);
}

/* ---- What waits ---- */

/* The POSIX seam.  While the first zeros are being written another thread does what must wait for
 * that: zeros would land on a batch, or behind the end of a file that was cut. */
static struct strand_fs watched;
static struct strand_thread other_thread;
static strand_thread_fn *other_action;
static bool (*is_other_under_way)(void);
static atomic_int deeds; /* big writes, and cuts */
static bool has_started;
static atomic_int deeds_meanwhile = -1;

static void
append_big(void *argument)
{
    static char value[5000] = {'v'};
    struct strand_record record = {.value = strand_bytes(value, sizeof value)};
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = STRAND_WRITTEN};

    (void)argument;
    require_ok(strand_log_append(fixture.log, &record, 1, &options, NULL));
}

static bool
is_append_locked(void)
{
    if (!strand_mutex_try_lock(&fixture.log->append))
        return true;
    strand_mutex_unlock(&fixture.log->append);
    return false;
}

static void
cut_to_one(void *argument)
{
    (void)argument;
    require_ok(strand_log_truncate(fixture.log, 1, NULL));
}

static bool
is_gate_closed(void)
{
    strand_mutex_lock(&fixture.log->append);
    bool is_closed = fixture.log->gate_is_closed;
    strand_mutex_unlock(&fixture.log->append);
    return is_closed;
}

static void
roll_and_commit(void *argument)
{
    (void)argument;
    require_ok(strand_log_set(fixture.log, "segment.bytes", "280"));
    require_ok(fixture_try_append("v", STRAND_DURABLE, NULL));
}

static bool
has_rolled(void)
{
    strand_mutex_lock(&fixture.log->state);
    bool is_rolled = fixture.log->segment_count > 1;
    strand_mutex_unlock(&fixture.log->state);
    return is_rolled;
}

static bool
is_zeros(const struct strand_fs_part *part)
{
    const uint8_t *data = part->data;

    return part->size == CALL && data[0] == 0 && data[16] == 0 && data[CALL - 1] == 0;
}

static void
let_another_come(void)
{
    has_started = true;
    cr_assert_eq(strand_thread_start(&other_thread, "other", other_action, NULL), STRAND_OK);
    while (!is_other_under_way())
        continue;
    /* Time enough, did it not wait. */
    int64_t end_ns = strand_thread_now_ns() + INT64_C(100) * 1000000;
    while (strand_thread_now_ns() < end_ns && atomic_load(&deeds) == 0)
        continue;
    atomic_store(&deeds_meanwhile, atomic_load(&deeds));
}

static int64_t
write_watched(struct strand_fs_file *file, const struct strand_fs_part *parts, int count,
              int64_t position)
{
    if (is_zeros(&parts[0]) && !has_started)
        let_another_come();
    if (parts[0].size > 5000)
        atomic_fetch_add(&deeds, 1);
    return strand_fs_posix()->write_at(file, parts, count, position);
}

static int
set_size_watched(struct strand_fs_file *file, int64_t size)
{
    atomic_fetch_add(&deeds, 1);
    return strand_fs_posix()->set_size(file, size);
}

static void
create_watched(void)
{
    fixture_create_posix();
    watched = *strand_fs_posix();
    watched.write_at = write_watched;
    watched.set_size = set_size_watched;
    fixture.engine_options.fs = &watched;
    fixture.engine_options.flags = 0;
}

/* ACTION waits for the zeros. */
static void
expect_to_wait(strand_thread_fn *action, bool (*is_under_way)(void))
{
    other_action = action;
    is_other_under_way = is_under_way;
    open_preparing();
    require_ok(strand_log_set(fixture.log, "segment.bytes", "100000"));
    append_written(4);
    while (atomic_load(&deeds_meanwhile) < 0)
        (void)fixture_positions();
    strand_preparer_wait(&fixture.engine->preparer, fixture.log);
    strand_thread_join(&other_thread);
    cr_expect_eq(atomic_load(&deeds_meanwhile), 0);
    cr_expect_gt(atomic_load(&deeds), 0);
    require_ok(strand_engine_health(fixture.engine));
    int64_t log_end = fixture_positions().log_end;
    (void)fixture_append("v");
    fixture_reopen();
    expect_healthy_whole(log_end + 1);
}

Test(preparer_threads, an_append_waits_for_the_call_it_would_land_on, .init = create_watched)
{
    expect_to_wait(append_big, is_append_locked);
}

Test(preparer_threads, a_cut_waits_for_the_call, .init = create_watched)
{
    expect_to_wait(cut_to_one, is_gate_closed);
}

Test(preparer_threads, a_seal_waits_for_the_call, .init = create_watched)
{
    expect_to_wait(roll_and_commit, has_rolled);
}

/* ---- Threads ---- */

static void
create_threaded(void)
{
    fixture_create_posix();
    fixture.engine_options.flags = 0;
}

enum { THREADS = 3, APPENDS = 1500 };

static void
append_many(void *argument)
{
    int durability = *(int *)argument;

    for (int i = 0; i < APPENDS; i++)
        require_ok(fixture_try_append("v", durability, NULL));
}

Test(preparer_threads, threads_append_and_close_the_gate_while_space_is_prepared,
     .init = create_threaded)
{
    int durabilities[THREADS] = {STRAND_DURABLE, STRAND_WRITTEN, STRAND_WRITTEN};
    struct strand_thread threads[THREADS];

    open_preparing();
    fixture.engine->preparer.sizes = (struct strand_preparer_sizes){200, 2048, 8192, 1024, 256};
    require_ok(strand_log_set(fixture.log, "segment.bytes", "16384"));
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(strand_thread_start(&threads[i], "appender", append_many, &durabilities[i]),
                     STRAND_OK);
    for (int i = 1; i <= 50; i++) /* closes the gate */
        require_ok(strand_log_begin_epoch(fixture.log, i));
    for (int i = 0; i < THREADS; i++)
        strand_thread_join(&threads[i]);
    cr_expect_eq(fixture_positions().log_end, THREADS * APPENDS);
    require_ok(strand_engine_health(fixture.engine));
    fixture_reopen();
    expect_healthy_whole(THREADS * APPENDS);
    struct fixture_report found = fixture_report();
    cr_expect_eq(found.report.verdict, STRAND_VERDICT_CLEAN, "%s", found.reason);
}
