/* tests/unit/test_follower_random.c -- Random histories of three replicas: elections, appends,
 * partial fetches, trims, power cuts at any call; a replica that comes back follows by
 * strand_log_truncate_to_leader().
 *
 * The test is the controller.  It holds to Kafka's rules: a leader comes from the replicas in sync;
 * a follower is in sync once it has reached the high watermark and the start of the leader's epoch;
 * what all in sync have is committed.  Whatever happens then, a follower's log is a prefix of its
 * leader's, and what was committed is in the log of every leader to come.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/replica.h"

enum { REPLICAS = 3, STEPS = 60, HISTORIES = 800, OFFSETS_MAX = 1024, VALUE_SIZE = 12 };

struct history {
    uint64_t seed, state;
    struct replica replicas[REPLICAS];
    bool is_up[REPLICAS];
    bool is_following[REPLICAS];    /* has been truncated to this leader */
    bool is_in_sync[REPLICAS];      /* one is, always */
    int64_t known_end[REPLICAS];    /* durable at a follower, as the leader has heard */
    int64_t promised_end[REPLICAS]; /* durable, as the library has said */
    int64_t promised_start[REPLICAS];
    int leader; /* -1: none */
    int32_t epoch;
    int64_t epoch_start;
    int64_t committed; /* everything below is */
    char values[OFFSETS_MAX][VALUE_SIZE];
    int next_value;
};

static struct history history;

static struct totals {
    int elections, unclean, cuts, cuts_while_truncating, resets, committed, shortened;
} totals;

#define require(condition, format, ...)                                                            \
    cr_assert(condition, "history %" PRIu64 ": " format, history.seed, __VA_ARGS__)

/* xorshift64* */
static int
below(int limit)
{
    history.state ^= history.state >> 12;
    history.state ^= history.state << 25;
    history.state ^= history.state >> 27;
    return (int)((history.state * UINT64_C(2685821657736338717) >> 33) % (uint64_t)limit);
}

static struct replica *
leader(void)
{
    return &history.replicas[history.leader];
}

static void
note_promises(int index)
{
    struct strand_positions positions = replica_positions(&history.replicas[index]);

    history.promised_end[index] = positions.durable_end;
    history.promised_start[index] = positions.log_start;
}

/* ---- Commitment ---- */

/* The first offset of what was committed that INDEX does not have, or has another record at. */
static int64_t
end_of_committed(int index)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct replica *replica = &history.replicas[index];
    int64_t offset = replica_positions(replica).log_start;
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    replica_expect(STRAND_OK, strand_cursor_open(replica->log, offset, &options, &cursor));
    for (; offset < history.committed; offset++) {
        const char *value = history.values[offset];

        if (strand_cursor_next(cursor, &record) != STRAND_OK || record.offset != offset ||
            strlen(value) != record.value.size ||
            memcmp(value, record.value.data, record.value.size) != 0)
            break;
    }
    strand_cursor_close(cursor);
    return offset;
}

static void
require_committed(int index)
{
    int64_t end = end_of_committed(index);

    require(end >= history.committed,
            "replica %d leads without the record at %" PRId64 ", committed to %" PRId64, index, end,
            history.committed);
}

static void
note_committed(int64_t end)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;

    if (end <= history.committed)
        return;
    require(end <= OFFSETS_MAX, "%" PRId64 " records are too many", end);
    replica_expect(STRAND_OK,
                   strand_cursor_open(leader()->log, history.committed, &options, &cursor));
    for (; history.committed < end; history.committed++) {
        replica_expect(STRAND_OK, strand_cursor_next(cursor, &record));
        (void)snprintf(history.values[history.committed], VALUE_SIZE, "%.*s",
                       (int)record.value.size, (const char *)record.value.data);
        totals.committed++;
    }
    strand_cursor_close(cursor);
}

/* The leader's part after it has heard of a follower, or is alone. */
static void
advance_watermark(void)
{
    struct strand_positions positions = replica_positions(leader());
    int64_t watermark = positions.durable_end;

    for (int i = 0; i < REPLICAS; i++) {
        if (i == history.leader)
            continue;
        if (history.is_up[i] && history.is_following[i] &&
            history.known_end[i] >= positions.high_watermark &&
            history.known_end[i] >= history.epoch_start)
            history.is_in_sync[i] = true;
        if (history.is_in_sync[i] && history.known_end[i] < watermark)
            watermark = history.known_end[i];
    }
    replica_expect(STRAND_OK, strand_log_set_high_watermark(leader()->log, watermark));
    note_committed(replica_positions(leader()).high_watermark);
    note_promises(history.leader);
}

/* ---- Elections ---- */

/* What a follower had not told is not known to a new leader; nor who is in sync but by the
 * controller. */
static void
make_leader(int index)
{
    history.leader = index;
    history.epoch_start = replica_positions(leader()).log_end;
    replica_lead(leader(), ++history.epoch);
    totals.elections++;
    for (int i = 0; i < REPLICAS; i++) {
        history.is_following[i] = false;
        history.known_end[i] = 0;
        if (i != index && !history.is_up[i])
            history.is_in_sync[i] = false;
    }
    require_committed(index);
    note_promises(index);
}

/* A replica that is not in sync leads: what it does not have is no longer promised to anybody. */
static void
elect_uncleanly(int index)
{
    int64_t end = end_of_committed(index);

    for (int i = 0; i < REPLICAS; i++)
        history.is_in_sync[i] = i == index;
    history.committed = end; /* below its log start there is nothing to promise */
    totals.unclean++;
    make_leader(index);
}

static void
elect(void)
{
    int first = below(REPLICAS);

    for (int i = 0; i < REPLICAS; i++) {
        int index = (first + i) % REPLICAS;

        if (history.is_up[index] && history.is_in_sync[index]) {
            make_leader(index);
            return;
        }
    }
    if (history.is_up[first] && below(10) == 0)
        elect_uncleanly(first);
}

/* ---- Going down, coming back ---- */

static void
go_down(int index)
{
    int in_sync = 0;

    for (int i = 0; i < REPLICAS; i++)
        in_sync += history.is_in_sync[i];
    if (in_sync > 1)
        history.is_in_sync[index] = false;
    history.is_up[index] = false;
    history.is_following[index] = false;
    history.known_end[index] = 0;
    if (history.leader == index)
        history.leader = -1;
}

static void
cut_power(int index)
{
    go_down(index);
    totals.cuts++;
    replica_cut(&history.replicas[index], (enum strand_sim_loss)below(STRAND_SIM_LOSS_COUNT),
                (uint64_t)below(1 << 30));
}

static void
come_back(int index)
{
    struct replica *replica = &history.replicas[index];

    replica_start(replica);
    struct strand_positions positions = replica_positions(replica);
    require(positions.log_end >= history.promised_end[index],
            "replica %d ends at %" PRId64 ", %" PRId64 " was durable", index, positions.log_end,
            history.promised_end[index]);
    require(positions.log_start >= history.promised_start[index],
            "replica %d begins at %" PRId64 ", %" PRId64 " was trimmed", index, positions.log_start,
            history.promised_start[index]);
    history.is_up[index] = true;
    note_promises(index);
}

/* ---- Following ---- */

/* Truncate, perhaps with the power cut on the way.  false: the replica is down. */
static bool
truncate_to_leader(int index)
{
    struct replica *replica = &history.replicas[index];
    int64_t before = replica_positions(replica).log_end;
    bool is_doomed = below(4) == 0;

    if (is_doomed)
        strand_sim_disk_plan_cut(replica->disk,
                                 strand_sim_disk_calls(replica->disk) + 1 + (uint64_t)below(25));
    int status = strand_log_truncate_to_leader(replica->log, replica_ask, leader(), NULL);
    if (status == STRAND_ERR_OUT_OF_RANGE) {
        totals.resets++;
        history.promised_start[index] = 0;
        status = strand_log_reset(replica->log, replica_positions(leader()).log_start);
    }
    if (is_doomed) {
        /* How far it came is not known: only what both have is promised. */
        history.promised_end[index] = 0;
        totals.cuts_while_truncating++;
        cut_power(index);
        return false;
    }
    require(status == STRAND_OK, "replica %d: %s", index, strand_error_message());
    totals.shortened += replica_positions(replica).log_end < before;
    note_promises(index);
    return true;
}

static void
begin_to_follow(int index)
{
    struct replica *replica = &history.replicas[index];

    if (!truncate_to_leader(index))
        return;
    struct strand_positions of_leader = replica_positions(leader());
    struct strand_positions positions = replica_positions(replica);
    /* A log without epochs is compared by nothing: after a reset it may be empty above the end. */
    bool is_above = positions.leader_epoch < 0 && positions.log_end > of_leader.log_end;
    if (positions.log_end < of_leader.log_start || is_above) {
        totals.resets++;
        replica_expect(STRAND_OK, strand_log_reset(replica->log, of_leader.log_start));
        note_promises(index);
    }
    require(replica_is_prefix(replica, leader()), "replica %d differs from its leader %d", index,
            history.leader);
    history.is_following[index] = true;
}

static void
fetch_once(int index)
{
    struct replica *replica = &history.replicas[index];
    struct strand_positions positions = replica_positions(replica);

    if (positions.log_end < replica_positions(leader()).log_start) {
        history.is_following[index] = false; /* trimmed away: it begins anew */
        return;
    }
    if (positions.durable_end == positions.log_end)
        history.known_end[index] = positions.log_end;
    advance_watermark();
    replica_fetch(replica, leader(), below(2) == 0 ? 1 : 0,
                  below(4) == 0 ? STRAND_WRITTEN : STRAND_DURABLE);
    if (below(2) == 0)
        replica_expect(STRAND_OK, strand_engine_sync(replica->engine));
    note_promises(index);
}

/* ---- Steps ---- */

static void
append_some(void)
{
    char value[VALUE_SIZE];

    for (int count = 1 + below(3); count > 0; count--) {
        (void)snprintf(value, sizeof value, "v%d", history.next_value++);
        replica_append(leader(), value, below(3) == 0 ? STRAND_WRITTEN : STRAND_DURABLE);
    }
    advance_watermark();
}

static void
trim_some(int index)
{
    struct strand_positions positions = replica_positions(&history.replicas[index]);
    int64_t span = positions.high_watermark - positions.log_start;

    if (span == 0)
        return;
    replica_expect(STRAND_OK, strand_log_trim(history.replicas[index].log,
                                              positions.log_start + 1 + below((int)span)));
    note_promises(index);
}

static void
step(void)
{
    int index = below(REPLICAS);
    int what = below(100);

    if (!history.is_up[index]) {
        if (what < 60)
            come_back(index);
    } else if (what < 10) {
        cut_power(index);
    } else if (what < 13) {
        trim_some(index);
    } else if (history.leader < 0) {
        elect();
    } else if (what < 16) {
        history.leader = -1; /* it lives on, and hears of the next */
        elect();
    } else if (index == history.leader) {
        append_some();
    } else if (!history.is_following[index]) {
        begin_to_follow(index);
    } else {
        fetch_once(index);
    }
}

/* Everybody comes back, and follows: all logs end up the same. */
static void
settle(void)
{
    for (int i = 0; i < REPLICAS; i++)
        if (!history.is_up[i])
            come_back(i);
    while (history.leader < 0)
        elect();
    for (int i = 0; i < REPLICAS; i++) {
        history.is_following[i] = false;
        while (i != history.leader && !history.is_following[i]) {
            if (!history.is_up[i])
                come_back(i);
            begin_to_follow(i);
        }
        if (i != history.leader)
            replica_catch_up(&history.replicas[i], leader());
    }
    for (int i = 0; i < REPLICAS; i++) {
        require(replica_is_same(&history.replicas[i], leader()), "replica %d is not as its leader",
                i);
        require_committed(i);
    }
}

static void
run_history(uint64_t seed)
{
    history = (struct history){.seed = seed, .state = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15)};
    for (int i = 0; i < REPLICAS; i++) {
        replica_create(&history.replicas[i], seed * REPLICAS + (uint64_t)i);
        history.is_up[i] = true;
        history.is_in_sync[i] = true;
    }
    history.leader = -1;
    history.epoch = -1;
    elect();
    for (int i = 0; i < STEPS; i++)
        step();
    settle();
    for (int i = 0; i < REPLICAS; i++)
        replica_destroy(&history.replicas[i]);
}

Test(follower_random, replicas_agree_and_nothing_committed_is_lost, .timeout = 150)
{
    for (uint64_t seed = 0; seed < HISTORIES; seed++)
        run_history(seed);
    /* The histories are worth something. */
    cr_expect_gt(totals.elections, HISTORIES);
    cr_expect_gt(totals.unclean, HISTORIES / 20);
    cr_expect_gt(totals.cuts, HISTORIES);
    cr_expect_gt(totals.cuts_while_truncating, HISTORIES / 2);
    cr_expect_gt(totals.shortened, HISTORIES / 10);
    cr_expect_gt(totals.resets, HISTORIES / 100);
    cr_expect_gt(totals.committed, HISTORIES);
    cr_log_info("%d elections, %d unclean, %d cuts, %d while truncating, %d shortened, %d resets, "
                "%d committed",
                totals.elections, totals.unclean, totals.cuts, totals.cuts_while_truncating,
                totals.shortened, totals.resets, totals.committed);
}
