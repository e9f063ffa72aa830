/* tests/support/replica.c -- What a broker does around a log, as far as the log can tell. */
#include "support/replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 8192, DATA_SIZE = 1 << 17, SEGMENT_BYTES = 400, FILE_SIZE_MAX = 256 << 10 };

/* ---- Life ---- */

static void
take_notice(void *context, int level, const char *text)
{
    struct replica *replica = context;

    if (level != 4)
        return;
    replica->warnings++;
    (void)snprintf(replica->warning, sizeof replica->warning, "%s", text);
}

void
replica_create(struct replica *replica, uint64_t seed)
{
    struct strand_sim_disk_options options = {.seed = seed, .file_size_max = FILE_SIZE_MAX};

    *replica = (struct replica){.warnings = 0};
    replica_expect(STRAND_OK, strand_sim_disk_create(&options, &replica->disk));
    strand_sim_disk_set_clock(replica->disk, INT64_C(1700000000000000000));
    replica_start(replica);
}

void
replica_start(struct replica *replica)
{
    struct strand_engine_options engine_options = {
        .struct_size = sizeof engine_options,
        .flags = STRAND_ENGINE_NO_THREADS,
        .descriptor_budget = 16,
        .fs = strand_sim_disk_fs(replica->disk),
        .notice = take_notice,
        .notice_context = replica,
    };
    struct strand_log_options log_options = {
        .struct_size = sizeof log_options,
        .flags = STRAND_LOG_REPLICATED,
        .segment_bytes = SEGMENT_BYTES,
    };

    cr_assert_null(replica->engine);
    replica_expect(STRAND_OK, strand_engine_open("/data", &engine_options, &replica->engine));
    replica_expect(STRAND_OK,
                   strand_log_open(replica->engine, "orders", 0, &log_options, &replica->log));
}

void
replica_stop(struct replica *replica)
{
    replica_expect(STRAND_OK, strand_log_close(replica->log));
    replica_expect(STRAND_OK, strand_engine_close(replica->engine));
    replica->log = NULL;
    replica->engine = NULL;
}

static void
give_up(struct replica *replica)
{
    if (replica->engine == NULL)
        return;
    (void)strand_log_close(replica->log);
    cr_assert_neq(strand_engine_close(replica->engine), STRAND_ERR_BUSY, "a handle was lost");
    replica->log = NULL;
    replica->engine = NULL;
}

void
replica_destroy(struct replica *replica)
{
    give_up(replica);
    strand_sim_disk_destroy(replica->disk);
    replica->disk = NULL;
}

void
replica_cut(struct replica *replica, enum strand_sim_loss loss, uint64_t seed)
{
    strand_sim_disk_plan_cut(replica->disk, strand_sim_disk_calls(replica->disk) + 1);
    give_up(replica);
    strand_sim_disk_cut(replica->disk, loss, seed);
    strand_sim_disk_plan_clear(replica->disk);
}

/* ---- Working ---- */

void
replica_lead(struct replica *replica, int32_t epoch)
{
    replica_expect(STRAND_OK, strand_log_begin_epoch(replica->log, epoch));
}

void
replica_append(struct replica *replica, const char *value, int durability)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = durability};
    struct strand_record record = {.value = strand_bytes(value, strlen(value))};

    replica_expect(STRAND_OK, strand_log_append(replica->log, &record, 1, &options, NULL));
}

void
replica_fetch(struct replica *replica, struct replica *leader, uint32_t max_bytes, int durability)
{
    struct strand_fetch_options fetch_options = {.struct_size = sizeof fetch_options,
                                                 .isolation = STRAND_READ_WRITTEN,
                                                 .max_bytes = max_bytes};
    struct strand_append_options append_options = {
        .struct_size = sizeof append_options, .durability = durability, .is_follower = 1};
    struct strand_fetch fetch = {0};

    replica_expect(STRAND_OK, strand_log_fetch(leader->log, replica_positions(replica).log_end,
                                               &fetch_options, &fetch));
    int64_t high_watermark = fetch.high_watermark;
    int64_t log_start = fetch.log_start;
    if (fetch.size > 0)
        replica_expect(STRAND_OK, strand_log_append_batches(replica->log, fetch.data, fetch.size,
                                                            &append_options, NULL));
    strand_fetch_release(&fetch);
    int64_t log_end = replica_positions(replica).log_end;
    replica_expect(STRAND_OK, strand_log_set_high_watermark(replica->log, high_watermark < log_end
                                                                              ? high_watermark
                                                                              : log_end));
    /* Below the leader's log start there is nothing to compare with. */
    if (log_start <= replica_positions(replica).high_watermark)
        replica_expect(STRAND_OK, strand_log_trim(replica->log, log_start));
}

void
replica_catch_up(struct replica *replica, struct replica *leader)
{
    while (replica_positions(replica).log_end < replica_positions(leader).log_end)
        replica_fetch(replica, leader, 0, STRAND_DURABLE);
    replica_fetch(replica, leader, 0, STRAND_DURABLE); /* the high watermark */
}

int
replica_ask(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset)
{
    struct replica *leader = context;

    leader->questions++;
    return strand_log_end_offset_for_epoch(leader->log, epoch, out_epoch, out_end_offset);
}

void
replica_truncate_to_watermark(struct replica *replica)
{
    replica_expect(STRAND_OK, strand_log_truncate(replica->log,
                                                  replica_positions(replica).high_watermark, NULL));
}

/* ---- Looking ---- */

struct strand_positions
replica_positions(struct replica *replica)
{
    struct strand_positions positions = {0};

    replica_expect(STRAND_OK, strand_log_positions(replica->log, &positions));
    return positions;
}

const char *
replica_text(struct replica *replica)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN};
    static char text[TEXT_SIZE];
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    size_t used = 0;
    int status;

    text[0] = '\0';
    replica_expect(STRAND_OK, strand_cursor_open(replica->log, STRAND_EARLIEST, &options, &cursor));
    while ((status = strand_cursor_next(cursor, &record)) == STRAND_OK && used < sizeof text)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId64 ":%.*s",
                                 used == 0 ? "" : " ", record.offset, (int)record.value.size,
                                 (const char *)record.value.data);
    strand_cursor_close(cursor);
    cr_assert_eq(status, STRAND_END, "%s", strand_error_message());
    return text;
}

struct listing {
    char text[TEXT_SIZE];
    size_t used;
};

static int
list_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    struct listing *listing = context;

    listing->used += (size_t)snprintf(
        listing->text + listing->used, sizeof listing->text - listing->used,
        "%s%" PRId32 "@%" PRId64, listing->used == 0 ? "" : " ", epoch->epoch, epoch->start_offset);
    return STRAND_OK;
}

const char *
replica_epochs(struct replica *replica)
{
    static struct listing listing;

    listing = (struct listing){.used = 0};
    replica_expect(STRAND_OK, strand_log_list_epochs(replica->log, list_epoch, &listing));
    return listing.text;
}

/* Copy the batches of [FROM, END) to DATA. */
static size_t
read_bytes(struct replica *replica, int64_t from, int64_t end, uint8_t data[DATA_SIZE])
{
    struct strand_fetch_options options = {.struct_size = sizeof options,
                                           .isolation = STRAND_READ_WRITTEN,
                                           .max_bytes = 1,
                                           .check_crc = 1};
    size_t size = 0;

    while (from < end) {
        struct strand_fetch fetch = {0};

        replica_expect(STRAND_OK, strand_log_fetch(replica->log, from, &options, &fetch));
        cr_assert_gt(fetch.size, 0, "nothing at offset %" PRId64, from);
        cr_assert_leq(size + fetch.size, DATA_SIZE);
        memcpy(data + size, fetch.data, fetch.size);
        size += fetch.size;
        from = fetch.next_offset;
        strand_fetch_release(&fetch);
    }
    return size;
}

bool
replica_is_prefix(struct replica *shorter, struct replica *longer)
{
    static uint8_t one[DATA_SIZE];
    static uint8_t other[DATA_SIZE];
    struct strand_positions of_one = replica_positions(shorter);
    struct strand_positions of_other = replica_positions(longer);
    int64_t from = of_one.log_start > of_other.log_start ? of_one.log_start : of_other.log_start;

    if (of_one.log_end > of_other.log_end)
        return false;
    size_t size = read_bytes(shorter, from, of_one.log_end, one);
    return read_bytes(longer, from, of_one.log_end, other) == size && memcmp(one, other, size) == 0;
}

bool
replica_is_same(struct replica *one, struct replica *other)
{
    return replica_positions(one).log_end == replica_positions(other).log_end &&
           replica_is_prefix(one, other);
}
