#include "support/index_engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine_internal.h"
#include "engine/indexer.h"
#include "engine/log_internal.h"
#include "support/log_model.h"
#include "support/scratch.h"

static char notice[512];

static void
take_notice(void *context, int level, const char *text)
{
    (void)context;
    (void)level;
    if (strstr(text, "index") != NULL)
        (void)snprintf(notice, sizeof notice, "%s", text);
}

void
index_engine_create(int32_t kind)
{
    struct strand_sim_disk_options options = {.seed = 7, .file_size_max = 128 << 20};

    fixture_create();
    strand_sim_disk_destroy(fixture.disk);
    require_ok(strand_sim_disk_create(&options, &fixture.disk));
    strand_sim_disk_set_clock(fixture.disk, FIXTURE_NOW_MS * 1000000);
    fixture.fs = strand_sim_disk_fs(fixture.disk);
    fixture.engine_options.fs = fixture.fs;
    fixture.engine_options.flags |= STRAND_ENGINE_COPY_READS;
    fixture.engine_options.index = kind;
    /* A directory in memory, if there is one: no test of this is about what syncs do. */
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 0);
    fixture.engine_options.index_directory = scratch_create();
    fixture.engine_options.notice = take_notice;
    fixture.log_options.flags = STRAND_LOG_REPLICATED;
    fixture.log_options.segment_ms = INT64_MAX;
}

void
index_engine_destroy(void)
{
    fixture_destroy();
    scratch_remove();
}

const char *
index_engine_path(void)
{
    static char path[SCRATCH_PATH_SIZE];

    scratch_path(path, STRAND_INDEX_NAME);
    return path;
}

int64_t
index_engine_step(void)
{
    int64_t left = 0;

    if (strand_indexer_usable(&fixture.engine->indexer) == NULL)
        return -1;
    require_ok(strand_indexer_step(&fixture.engine->indexer, &left));
    return left;
}

void
index_engine_complete(void)
{
    int64_t before = INT64_MAX;
    int64_t left;

    /* What is not durable is left. */
    while ((left = index_engine_step()) > 0 && left < before)
        before = left;
}

/* ---- Whether the index is true ---- */

/* Facts about SEGMENT, if there are any of its size. */
static void
check_facts(const char *name, struct strand_index *index, const struct strand_log_segment *segment,
            int64_t covered)
{
    struct strand_index_segment facts;
    struct log_model_facts wanted;
    size_t count = 0;

    require_ok(strand_index_read_segments(index, fixture.log->identity.id, segment->base_offset,
                                          &facts, 1, &count));
    if (count == 0 || facts.base_offset != segment->base_offset || facts.size != segment->size ||
        facts.end_offset > covered)
        return;
    log_model_facts(segment->base_offset, facts.end_offset, &wanted);
    cr_assert_eq(facts.end_offset, wanted.end_offset, "%s: end of %" PRId64, name,
                 segment->base_offset);
    cr_assert_eq(facts.record_count, wanted.record_count, "%s: records", name);
    cr_assert_eq(facts.largest_timestamp_ms, wanted.largest_ms, "%s: largest", name);
    cr_assert_eq(facts.first_timestamp_ms, wanted.first_ms, "%s: first", name);
    cr_assert_eq(facts.newest_epoch, wanted.newest_epoch, "%s: epoch", name);
}

/* The pair for batch NUMBER is right, and as near as it must be. */
static void
check_pair(const char *name, struct strand_index *index, const struct strand_log_segment *segment,
           size_t number)
{
    struct strand_index_place place = {.segment_base = -1};
    int64_t base, end, position, found;

    log_model_batch_offsets(number, &base, &end);
    log_model_batch_place(number, segment->base_offset, &position);
    int status = strand_index_find_offset(index, fixture.log->identity.id, base, &place);
    cr_assert(status == STRAND_OK || status == STRAND_END);
    if (status == STRAND_END || place.segment_base != segment->base_offset) {
        cr_assert_leq(position, INDEX_ENGINE_NEAR, "%s: no pair for %" PRId64, name, base);
        return;
    }
    size_t of_pair = log_model_find(place.offset);
    log_model_batch_offsets(of_pair, &found, &end);
    cr_assert_eq(found, place.offset, "%s: a pair within a batch", name);
    log_model_batch_place(of_pair, segment->base_offset, &found);
    cr_assert_eq((int64_t)place.position, found, "%s: the pair of %" PRId64, name, place.offset);
    cr_assert_leq(position - found, INDEX_ENGINE_NEAR, "%s: pairs are missing at %" PRId64, name,
                  base);
}

/* What is said of times up to that of batch NUMBER. */
static void
check_time(const char *name, struct strand_index *index, const struct strand_log_segment *segment,
           size_t number, int64_t covered)
{
    struct log_model_facts facts;
    int64_t timestamp_ms = log_model_batch_time(number);
    int64_t offset = -1;

    if (strand_index_find_time(index, fixture.log->identity.id, segment->base_offset, timestamp_ms,
                               &offset) != STRAND_OK ||
        offset >= covered)
        return;
    log_model_facts(segment->base_offset, offset, &facts);
    cr_assert_lt(facts.largest_ms, timestamp_ms, "%s: time %" PRId64, name, timestamp_ms);
}

int64_t
index_engine_check(const char *name)
{
    struct strand_index *index = strand_indexer_usable(&fixture.engine->indexer);
    struct strand_log *log = fixture.log;
    struct strand_index_log found = {0};

    if (index == NULL)
        return -1;
    int64_t covered = log->index.covered; /* what is said from here on may be out of date */
    int status = strand_index_find_log(index, log->identity.id, &found);
    cr_assert(status == STRAND_OK || status == STRAND_END);
    cr_assert_leq(covered, fixture_positions().durable_end, "%s", name);
    cr_assert(covered <= found.covered_offset || covered <= fixture_positions().log_start, "%s",
              name);
    for (size_t i = 0; i < log->segment_count; i++) {
        const struct strand_log_segment *segment = log->segments[i];
        int64_t base, end;

        check_facts(name, index, segment, covered);
        for (size_t number = log_model_find(segment->base_offset); number < log_model_batches();
             number++) {
            log_model_batch_offsets(number, &base, &end);
            if (base >= covered || base >= segment->end_offset)
                break;
            check_pair(name, index, segment, number);
            check_time(name, index, segment, number, covered);
        }
    }
    return covered;
}

/* What is given up still closes its index, and writes to it: what was there before is put back. */
static void
give_up(void (*how)(enum strand_sim_loss loss), enum strand_sim_loss loss)
{
    size_t size = 0;
    uint8_t *data = index_engine_load(&size);

    how(loss);
    if (data != NULL)
        index_engine_store(data, size);
    free(data);
}

static void
kill_process(enum strand_sim_loss loss)
{
    (void)loss;
    fixture_kill();
}

void
index_engine_kill(void)
{
    give_up(kill_process, STRAND_SIM_LOSE_ALL);
}

void
index_engine_cut(enum strand_sim_loss loss)
{
    give_up(fixture_cut, loss);
}

int64_t
index_engine_bytes_read(void)
{
    int64_t bytes = strand_sim_disk_bytes_read(fixture.disk, ".log");

    strand_sim_disk_plan_clear(fixture.disk);
    return bytes;
}

const char *
index_engine_notice(void)
{
    static char copy[sizeof notice];

    memcpy(copy, notice, sizeof copy);
    notice[0] = '\0';
    return copy;
}

uint8_t *
index_engine_load(size_t *out_size)
{
    FILE *stream = fopen(index_engine_path(), "rb");

    if (stream == NULL)
        return NULL;
    cr_assert_eq(fseek(stream, 0, SEEK_END), 0);
    long size = ftell(stream);
    cr_assert_geq(size, 0);
    rewind(stream);
    uint8_t *data = malloc((size_t)size + 1);
    cr_assert_not_null(data);
    cr_assert_eq(fread(data, 1, (size_t)size, stream), (size_t)size);
    (void)fclose(stream);
    *out_size = (size_t)size;
    return data;
}

void
index_engine_store(const void *data, size_t size)
{
    if (data == NULL)
        cr_assert(unlink(index_engine_path()) == 0 || errno == ENOENT);
    else
        scratch_store(index_engine_path(), data, size);
}
