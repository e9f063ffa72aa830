/* tests/unit/test_log_follow.c -- What a follower cuts after each answer of a leader, and which
 * answers it refuses: those leave the log as it is. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/engine_fixture.h"

static void
open_replicated(void)
{
    fixture_create();
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture_open();
}

TestSuite(log_follow, .init = open_replicated, .fini = fixture_destroy, .timeout = 60);

enum { ANSWERS_MAX = 3 };

struct answer {
    int32_t asked; /* expected */
    int32_t epoch;
    int64_t end_offset;
};

/* A leader that answers as it is told; its last answer for ever. */
struct script {
    const struct answer *answers;
    int count; /* questions asked */
};

static int
answer(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset)
{
    struct script *script = context;
    const struct answer *next = &script->answers[script->count++];

    cr_assert_leq(script->count, ANSWERS_MAX);
    cr_expect_eq(epoch, next->asked, "question %d is about %d", script->count, epoch);
    *out_epoch = next->epoch;
    *out_end_offset = next->end_offset;
    return STRAND_OK;
}

static int
follow(const struct answer *answers, int64_t *out_log_end)
{
    struct script script = {.answers = answers};

    return strand_log_truncate_to_leader(fixture.log, answer, &script, out_log_end);
}

/* [0,2) [2,4) of epoch 1, [4,6) of 2, [6,8) of 5. */
static void
make_history(void)
{
    require_ok(fixture_follow("e1 0+2 2+2 e2 4+2 e5 6+2"));
}

static void
begin_again(void)
{
    require_ok(strand_log_close(fixture.log));
    fixture.log = NULL;
    require_ok(strand_engine_delete_log(fixture.engine, "orders", 0));
    fixture_open_log();
}

static const struct cut {
    const char *name;
    struct answer answers[ANSWERS_MAX];
    int64_t log_end;
    const char *epochs;
} CUTS[] = {
    {"the same log", {{5, 5, 8}}, 8, "0 3 1 0 2 4 5 6 "},
    {"a longer one", {{5, 5, INT64_MAX}}, 8, "0 3 1 0 2 4 5 6 "},
    {"a shorter one", {{5, 5, 6}}, 6, "0 2 1 0 2 4 "},
    {"an end inside a batch", {{5, 5, 7}}, 6, "0 2 1 0 2 4 "},
    {"an older epoch that is known", {{5, 2, 6}}, 6, "0 2 1 0 2 4 "},
    {"the end here is lower", {{5, 2, 100}}, 6, "0 2 1 0 2 4 "},
    {"the end there is lower", {{5, 1, 2}}, 2, "0 1 1 0 "},
    {"where it begins", {{5, 2, 4}}, 4, "0 1 1 0 "},
    {"a leader whose history begins in the middle of ours", {{5, 5, 4}}, 4, "0 1 1 0 "},
    {"one whose history is younger than all of ours", {{5, 5, 0}}, 0, "0 0 "},
    {"an epoch below all that are known", {{5, 0, 0}}, 0, "0 0 "},
    {"below all, and it goes on", {{5, 0, 50}}, 0, "0 0 "},
    {"an epoch that is not known, then one that is", {{5, 4, 9}, {2, 2, 6}}, 6, "0 2 1 0 2 4 "},
    {"two that are not known", {{5, 3, 9}, {2, 1, 2}}, 2, "0 1 1 0 "},
    {"the second answer cuts no further", {{5, 4, 9}, {2, 2, 50}}, 6, "0 2 1 0 2 4 "},
};

Test(log_follow, what_the_leader_does_not_have_is_cut)
{
    for (size_t i = 0; i < sizeof CUTS / sizeof *CUTS; i++) {
        const struct cut *cut = &CUTS[i];
        int64_t log_end = -1;
        int status;

        make_history();
        status = follow(cut->answers, &log_end);
        cr_expect_eq(status, STRAND_OK, "%s: %s", cut->name, strand_error_message());
        cr_expect_eq(log_end, cut->log_end, "%s: %lld", cut->name, (long long)log_end);
        cr_expect_str_eq(fixture_epochs(), cut->epochs, "%s: %s", cut->name, fixture_epochs());
        fixture_cut(STRAND_SIM_LOSE_ALL);
        fixture_open();
        cr_expect_eq(fixture_positions().log_end, cut->log_end, "%s: durably", cut->name);
        begin_again();
    }
}

static const struct nonsense {
    struct answer answers[ANSWERS_MAX];
    int64_t log_end; /* an answer before may have cut */
    const char *message;
} NONSENSE[] = {
    {{{5, -1, -1}}, 8, "does not know the epoch"},
    {{{5, 6, 8}}, 8, "(epoch 6, end offset 8): that epoch is above"},
    {{{5, INT32_MAX, 0}}, 8, "is above"},
    {{{5, -1, 4}}, 8, "(epoch -1, end offset 4): that is not"},
    {{{5, 5, -1}}, 8, "(epoch 5, end offset -1): that is not"},
    {{{5, -2, -2}}, 8, "that is not"},
    {{{5, INT32_MIN, INT64_MIN}}, 8, "that is not"},
    {{{5, 2, 3}}, 8, "(epoch 2, end offset 3): that is below the start of the epoch"},
    {{{5, 2, 0}}, 8, "is below the start"},
    {{{5, 4, 9}, {2, 4, 9}}, 6, "asked where epoch 2 ends"},
    {{{5, 4, 9}, {2, -1, -1}}, 6, "does not know the epoch"},
    {{{5, 4, 5}, {2, -1, -1}}, 6, "does not know the epoch"}, /* cut to our end of epoch 2 */
};

Test(log_follow, answers_against_the_rules_are_refused_and_told)
{
    for (size_t i = 0; i < sizeof NONSENSE / sizeof *NONSENSE; i++) {
        int64_t log_end = 77;

        make_history();
        expect_status(STRAND_ERR_EPOCH, follow(NONSENSE[i].answers, &log_end));
        expect_message(NONSENSE[i].message);
        cr_expect_eq(log_end, 77, "case %zu", i);
        cr_expect_eq(fixture_positions().log_end, NONSENSE[i].log_end, "case %zu", i);
        begin_again();
    }
}

Test(log_follow, leader_may_have_compacted_away_where_an_epoch_began)
{
    int64_t log_end = -1;

    require_ok(fixture_follow("e1 0+2 e3 10+2 e5 12+2"));
    require_ok(follow((const struct answer[]){{5, 3, 7}}, &log_end));
    cr_expect_eq(log_end, 2);
    cr_expect_str_eq(fixture_epochs(), "0 1 1 0 ");
}

Test(log_follow, difference_below_the_log_start_is_out_of_range)
{
    make_history();
    require_ok(strand_log_set_high_watermark(fixture.log, 8));
    require_ok(strand_log_trim(fixture.log, 5));
    expect_status(STRAND_ERR_OUT_OF_RANGE, follow((const struct answer[]){{5, 2, 4}}, NULL));
    expect_message("use reset");
    expect_status(STRAND_ERR_OUT_OF_RANGE, follow((const struct answer[]){{5, 1, 4}}, NULL));
    cr_expect_eq(fixture_positions().log_end, 8);
    require_ok(follow((const struct answer[]){{5, 2, 6}}, NULL));
    cr_expect_eq(fixture_positions().log_end, 6);
}

static int
refuse_to_answer(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset)
{
    (void)epoch;
    *out_epoch = 0;
    *out_end_offset = 0;
    return *(int *)context;
}

Test(log_follow, status_of_the_question_ends_the_attempt)
{
    static const int statuses[] = {STRAND_ERR_IO, STRAND_ERR_TIMEOUT, STRAND_END, 1, -1000};

    make_history();
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        int status = statuses[i];

        cr_expect_eq(strand_log_truncate_to_leader(fixture.log, refuse_to_answer, &status, NULL),
                     status);
        cr_expect_eq(fixture_positions().log_end, 8);
    }
}

static int
never_asked(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset)
{
    (void)context;
    (void)out_epoch;
    (void)out_end_offset;
    cr_assert_fail("asked about epoch %d", epoch);
    return STRAND_ERR_INVALID;
}

Test(log_follow, without_epochs_nothing_is_compared)
{
    int64_t log_end = -1;

    require_ok(strand_log_truncate_to_leader(fixture.log, never_asked, NULL, &log_end));
    cr_expect_eq(log_end, 0);
    require_ok(fixture_follow("e-1 0+3"));
    require_ok(strand_log_truncate_to_leader(fixture.log, never_asked, NULL, &log_end));
    cr_expect_eq(log_end, 3);
}

Test(log_follow, only_a_replicated_log_follows)
{
    struct strand_log *plain = NULL;

    expect_status(STRAND_ERR_INVALID, strand_log_truncate_to_leader(fixture.log, NULL, NULL, NULL));
    expect_status(STRAND_ERR_INVALID, strand_log_truncate_to_leader(NULL, never_asked, NULL, NULL));
    require_ok(strand_log_open(fixture.engine, "plain", 0, NULL, &plain));
    expect_status(STRAND_ERR_INVALID,
                  strand_log_truncate_to_leader(plain, never_asked, NULL, NULL));
    expect_message("not replicated");
    require_ok(strand_log_close(plain));
}

/* What another thread might do between the question and its answer. */
static int
change_meanwhile(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset)
{
    const char *batches = context;

    if (batches != NULL)
        require_ok(fixture_follow(batches));
    else
        require_ok(strand_log_truncate(fixture.log, 6, NULL));
    *out_epoch = epoch;
    *out_end_offset = 0;
    return STRAND_OK;
}

Test(log_follow, answer_about_a_log_that_has_changed_is_not_used)
{
    char batches[] = "e6 8+1";

    make_history();
    expect_status(STRAND_ERR_EPOCH,
                  strand_log_truncate_to_leader(fixture.log, change_meanwhile, batches, NULL));
    cr_expect_eq(fixture_positions().log_end, 9);
    expect_status(STRAND_ERR_EPOCH,
                  strand_log_truncate_to_leader(fixture.log, change_meanwhile, NULL, NULL));
    cr_expect_eq(fixture_positions().log_end, 6);
    expect_message("another");
}

/* One leader, whatever it is asked: epoch 1 ends at 2, others are not known to it. */
static int
answer_as_one_leader(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset)
{
    (void)context;
    *out_epoch = epoch == 5 ? 3 : 1;
    *out_end_offset = epoch == 5 ? 9 : 2;
    return STRAND_OK;
}

Test(log_follow, power_cut_at_any_call_and_asked_again_it_ends_the_same)
{
    for (int loss = 0; loss < STRAND_SIM_LOSS_COUNT; loss++) {
        int status = STRAND_ERR_IO;

        for (int nth = 1; status != STRAND_OK; nth++) {
            make_history();
            strand_sim_disk_plan_cut(fixture.disk,
                                     strand_sim_disk_calls(fixture.disk) + (uint64_t)nth);
            status = strand_log_truncate_to_leader(fixture.log, answer_as_one_leader, NULL, NULL);
            fixture_cut((enum strand_sim_loss)loss);
            fixture_open();
            require_ok(strand_engine_health(fixture.engine));
            require_ok(
                strand_log_truncate_to_leader(fixture.log, answer_as_one_leader, NULL, NULL));
            cr_expect_str_eq(fixture_segments(), "0:0+2", "loss %d, call %d: %s", loss, nth,
                             fixture_segments());
            cr_expect_str_eq(fixture_epochs(), "0 1 1 0 ", "loss %d, call %d: %s", loss, nth,
                             fixture_epochs());
            begin_again();
        }
    }
}

Test(log_follow, failure_to_cut_is_told_and_fails_the_log)
{
    make_history();
    strand_sim_disk_plan_clear(fixture.disk);
    strand_sim_disk_plan_fault_of(fixture.disk, STRAND_SIM_SYNC, 1, EIO, true);
    expect_status(STRAND_ERR_IO, follow((const struct answer[]){{5, 5, 4}}, NULL));
    strand_sim_disk_plan_clear(fixture.disk);
    expect_status(STRAND_ERR_FAILED, follow((const struct answer[]){{5, 5, 4}}, NULL));
    cr_expect_eq(fixture_info().info.state, STRAND_LOG_FAILED);
}
