/* tests/unit/test_follower_restart.c -- Five ways to lose records, or to disagree for ever, by
 * truncating to the high watermark; and that asking the leader (KIP-101, KIP-279, KIP-320) does
 * neither.
 *
 * Each story is told twice.  Its end shows what the high watermark did, and what the answer did.
 */
#include <stdint.h>
#include <string.h>

#include "support/replica.h"

enum { A, B, C, REPLICAS };

static struct replica replicas[REPLICAS];

static void
create_all(void)
{
    for (int i = 0; i < REPLICAS; i++)
        replica_create(&replicas[i], (uint64_t)i + 1);
}

static void
destroy_all(void)
{
    for (int i = 0; i < REPLICAS; i++)
        replica_destroy(&replicas[i]);
}

TestSuite(follower_restart, .init = create_all, .fini = destroy_all, .timeout = 60);

enum way { TO_WATERMARK, TO_LEADER, WAYS };

static void
begin_again(void)
{
    destroy_all();
    create_all();
}

/* The replica INDEX begins to follow LEADER. */
static void
follow(int index, int leader, enum way way)
{
    if (way == TO_WATERMARK)
        replica_truncate_to_watermark(&replicas[index]);
    else
        replica_expect(STRAND_OK, strand_log_truncate_to_leader(replicas[index].log, replica_ask,
                                                                &replicas[leader], NULL));
}

static void
append(int leader, const char *value)
{
    replica_append(&replicas[leader], value, STRAND_DURABLE);
}

static void
fetch(int follower, int leader)
{
    replica_fetch(&replicas[follower], &replicas[leader], 0, STRAND_DURABLE);
}

/* What the followers' fetches have told LEADER: records below OFFSET are everywhere. */
static void
commit(int leader, int64_t offset)
{
    replica_expect(STRAND_OK, strand_log_set_high_watermark(replicas[leader].log, offset));
}

static void
cut(int index)
{
    replica_cut(&replicas[index], STRAND_SIM_LOSE_ALL, 1);
}

/* ---- 1: loss ---- */

/* B has m1 and m2, both acknowledged, but has heard of the first only when it restarts; before it
 * has fetched again A dies. */
static void
restart_before_the_watermark_came(enum way way)
{
    replica_lead(&replicas[A], 0);
    append(A, "m1");
    fetch(B, A);
    append(A, "m2");
    commit(A, 1); /* B's fetch at 1 says that it has m1 */
    fetch(B, A);
    commit(A, 2); /* and its fetch at 2 that it has m2, which is acknowledged */
    cr_assert_eq(replica_positions(&replicas[B]).high_watermark, 1, "one fetch late");

    cut(B);
    replica_start(&replicas[B]);
    follow(B, A, way);
    cut(A);
    replica_lead(&replicas[B], 1);
    append(B, "m3");

    replica_start(&replicas[A]);
    follow(A, B, TO_LEADER);
    replica_catch_up(&replicas[A], &replicas[B]);
}

Test(follower_restart, record_above_a_late_watermark_is_kept)
{
    restart_before_the_watermark_came(TO_WATERMARK);
    cr_expect_null(strstr(replica_text(&replicas[A]), "m2"), "an acknowledged record is lost: %s",
                   replica_text(&replicas[A]));

    begin_again();
    restart_before_the_watermark_came(TO_LEADER);
    cr_expect_str_eq(replica_text(&replicas[A]), "0:m1 1:m2 2:m3");
    cr_expect(replica_is_same(&replicas[A], &replicas[B]));
    cr_expect_str_eq(replica_epochs(&replicas[A]), "0@0 1@2");
    cr_expect_str_eq(replica_epochs(&replicas[B]), "0@0 1@2");
}

/* ---- 2: divergence after a loss of power ---- */

/* Both go down; B, whose copy of m2 was DURABILITY, returns first and leads. */
static void
lose_power_everywhere(enum way way, int durability)
{
    replica_lead(&replicas[A], 0);
    append(A, "m1");
    fetch(B, A);
    append(A, "m2");
    replica_fetch(&replicas[B], &replicas[A], 0, durability);
    commit(A, 2);

    replica_stop(&replicas[A]);
    cut(B);
    replica_start(&replicas[B]);
    replica_lead(&replicas[B], 1);
    append(B, "m3");

    replica_start(&replicas[A]);
    cr_assert_eq(replica_positions(&replicas[A]).high_watermark, 2);
    follow(A, B, way);
    append(B, "m4");
    replica_catch_up(&replicas[A], &replicas[B]);
}

Test(follower_restart, what_the_new_leader_lost_is_cut)
{
    lose_power_everywhere(TO_WATERMARK, STRAND_WRITTEN);
    cr_expect_str_eq(replica_text(&replicas[A]), "0:m1 1:m2 2:m4");
    cr_expect_str_eq(replica_text(&replicas[B]), "0:m1 1:m3 2:m4", "another record at offset 1");

    begin_again();
    lose_power_everywhere(TO_LEADER, STRAND_WRITTEN);
    cr_expect_str_eq(replica_text(&replicas[A]), "0:m1 1:m3 2:m4");
    cr_expect(replica_is_same(&replicas[A], &replicas[B]));
    cr_expect_str_eq(replica_epochs(&replicas[A]), "0@0 1@1");
}

Test(follower_restart, durable_copies_are_not_lost_with_the_power)
{
    lose_power_everywhere(TO_LEADER, STRAND_DURABLE);
    cr_expect_str_eq(replica_text(&replicas[A]), "0:m1 1:m2 2:m3 3:m4");
    cr_expect(replica_is_same(&replicas[A], &replicas[B]));
}

/* ---- 3: elections in a row ---- */

/* INDEX alone is elected, writes VALUES ("xyz": three records), counts them as committed, and goes
 * down. */
static void
rule_alone(int index, int32_t epoch, const char *values)
{
    replica_lead(&replicas[index], epoch);
    for (; *values != '\0'; values++) {
        char value[2] = {*values, '\0'};

        append(index, value);
    }
    commit(index, replica_positions(&replicas[index]).log_end);
    replica_stop(&replicas[index]);
    replica_start(&replicas[index]);
}

/* A and B lead in turns, without hearing of each other: of the epochs above 1 they share none. */
static void
elect_in_a_row(void)
{
    replica_lead(&replicas[A], 1);
    for (int i = 0; i < 5; i++)
        append(A, "s");
    replica_catch_up(&replicas[B], &replicas[A]);
    rule_alone(B, 2, "bb");
    rule_alone(A, 3, "aaa");
    rule_alone(B, 4, "cc");
    rule_alone(A, 5, "dd");
    rule_alone(B, 6, "ee");
    cr_assert_str_eq(replica_epochs(&replicas[A]), "1@0 3@5 5@8");
    cr_assert_str_eq(replica_epochs(&replicas[B]), "1@0 2@5 4@7 6@9");
}

Test(follower_restart, epochs_that_the_other_does_not_know_are_asked_about_one_by_one)
{
    int64_t log_end = -1;

    elect_in_a_row();
    follow(A, B, TO_WATERMARK);
    replica_catch_up(&replicas[A], &replicas[B]);
    cr_expect_not(replica_is_same(&replicas[A], &replicas[B]), "they disagree from offset 5 on");

    begin_again();
    elect_in_a_row();
    replica_expect(STRAND_OK, strand_log_truncate_to_leader(replicas[A].log, replica_ask,
                                                            &replicas[B], &log_end));
    cr_expect_eq(log_end, 5);
    cr_expect_eq(replicas[B].questions, 3, "5, 3 and 1");
    cr_expect_str_eq(replica_epochs(&replicas[A]), "1@0");
    replica_catch_up(&replicas[A], &replicas[B]);
    cr_expect(replica_is_same(&replicas[A], &replicas[B]));
    cr_expect_str_eq(replica_epochs(&replicas[A]), "1@0 2@5 4@7 6@9");
}

/* ---- 4: zombies ---- */

/* A does not know that B leads; B and C have acknowledged m2; C restarts, and is sent to A. */
static void
leave_a_zombie(void)
{
    replica_lead(&replicas[A], 0);
    append(A, "m1");
    fetch(B, A);
    fetch(C, A);
    commit(A, 1);
    fetch(B, A);
    fetch(C, A);
    replica_lead(&replicas[B], 1);
    append(B, "m2");
    fetch(C, B);
    commit(B, 2);
    cut(C);
    replica_start(&replicas[C]);
    cr_assert_str_eq(replica_text(&replicas[C]), "0:m1 1:m2");
}

Test(follower_restart, stale_leader_is_not_followed)
{
    leave_a_zombie();
    follow(C, A, TO_WATERMARK);
    cr_expect_null(strstr(replica_text(&replicas[C]), "m2"), "an acknowledged record is lost");

    begin_again();
    leave_a_zombie();
    replica_expect(STRAND_ERR_EPOCH,
                   strand_log_truncate_to_leader(replicas[C].log, replica_ask, &replicas[A], NULL));
    cr_expect_not_null(strstr(strand_error_message(), "does not know the epoch"));
    cr_expect_str_eq(replica_text(&replicas[C]), "0:m1 1:m2");
    cr_expect_str_eq(replica_epochs(&replicas[C]), "0@0 1@1");
}

Test(follower_restart, stale_leader_is_fenced_both_ways)
{
    struct strand_append_options options = {.struct_size = sizeof options, .is_follower = 1};
    struct strand_fetch fetched = {0};
    struct strand_fetch_options fetch_options = {.struct_size = sizeof fetch_options,
                                                 .isolation = STRAND_READ_WRITTEN};

    leave_a_zombie();
    append(A, "z1");
    append(A, "z2"); /* at offset 2, where C would go on */
    replica_expect(STRAND_OK, strand_log_fetch(replicas[A].log, 2, &fetch_options, &fetched));
    replica_expect(STRAND_ERR_EPOCH, strand_log_append_batches(replicas[C].log, fetched.data,
                                                               fetched.size, &options, NULL));
    strand_fetch_release(&fetched);
    cr_expect_str_eq(replica_text(&replicas[C]), "0:m1 1:m2");

    follow(A, B, TO_LEADER);
    replica_catch_up(&replicas[A], &replicas[B]);
    cr_expect(replica_is_same(&replicas[A], &replicas[B]));
    replica_expect(STRAND_ERR_EPOCH, strand_log_begin_epoch(replicas[A].log, 0));
    replica_expect(STRAND_ERR_EPOCH, strand_log_begin_epoch(replicas[A].log, 1));
    replica_expect(STRAND_OK, strand_log_begin_epoch(replicas[A].log, 2));
}

/* ---- 5: unclean election ---- */

/* B, which is not in sync, is elected: what A had committed is gone, above offset 1. */
static void
elect_uncleanly(enum way way)
{
    replica_lead(&replicas[A], 0);
    append(A, "m1");
    fetch(B, A);
    append(A, "m2");
    append(A, "m3");
    commit(A, 3); /* B has left the replicas in sync */
    replica_stop(&replicas[A]);
    replica_lead(&replicas[B], 1);
    append(B, "x1");

    replica_start(&replicas[A]);
    follow(A, B, way);
    append(B, "x2");
    append(B, "x3");
    replica_catch_up(&replicas[A], &replicas[B]);
}

Test(follower_restart, old_leader_is_cut_below_its_watermark_after_an_unclean_election)
{
    elect_uncleanly(TO_WATERMARK);
    cr_expect_not(replica_is_same(&replicas[A], &replicas[B]), "%s", replica_text(&replicas[A]));
    cr_expect_eq(replicas[A].warnings, 0);

    begin_again();
    elect_uncleanly(TO_LEADER);
    cr_expect_str_eq(replica_text(&replicas[A]), "0:m1 1:x1 2:x2 3:x3");
    cr_expect(replica_is_same(&replicas[A], &replicas[B]));
    cr_expect_eq(replicas[A].warnings, 1);
    cr_expect_not_null(strstr(replicas[A].warning, "orders-0 is cut to offset 1"), "%s",
                       replicas[A].warning);
}
