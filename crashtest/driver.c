/* crashtest/driver.c -- Steps are begun, done, and told. */
#include "crashtest/driver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer_pool.h"
#include "base/error.h"
#include "crashtest/broker.h"
#include "crashtest/verdict.h"
#include "engine/engine_internal.h"
#include "engine/log_internal.h"
#include "simulation/sim_disk.h"
#include "storage/batch.h"
#include "strandline/crash.h"

enum { NS_PER_MS = 1000000, TIME_FIRST_MS = 1000, TIME_STEP_MS = 100 };

const char *const crashtest_topics[CRASHTEST_LOGS] = {"orders", "other"};

/* So that a few batches call for preparation. */
static const struct strand_preparer_sizes PREPARER_SIZES = {
    .after = 300, .least = 192, .most = 256, .step = 128, .call = 32};

void
crashtest_driver_init(struct crashtest_driver *driver, const struct strand_fs *fs,
                      const struct crashtest_script *script,
                      const struct crashtest_setting *setting)
{
    memset(driver, 0, sizeof *driver);
    crashtest_ledger_init(&driver->ledger);
    driver->fs = fs;
    driver->script = script;
    driver->setting = setting;
}

struct strand_sim_disk *
crashtest_driver_disk(const struct crashtest_driver *driver)
{
    return driver->fs->context;
}

void
crashtest_driver_note(struct crashtest_driver *driver, enum crashtest_note_kind kind,
                      int32_t number, int64_t offset, int32_t epoch)
{
    strand_crash_note(driver->fs, crashtest_note(kind, number, offset, epoch));
    driver->note_count++;
}

/* ---- Handles ---- */

int
crashtest_driver_open(struct crashtest_driver *driver, uint32_t flags)
{
    const char *index_directory = driver->setting->index_directory;
    struct strand_engine_options options = {
        .struct_size = sizeof options,
        .flags = STRAND_ENGINE_NO_THREADS | flags |
                 (driver->script->copies_reads ? STRAND_ENGINE_COPY_READS : 0u),
        .fs = driver->fs,
        .descriptor_budget = 16,
        .preparation = driver->script->preparation,
        .index = index_directory == NULL ? STRAND_INDEX_MEMORY : STRAND_INDEX_LMDB,
        .index_directory = index_directory,
    };

    int status = strand_engine_open(CRASHTEST_DIRECTORY, &options, &driver->engine);
    if (status == STRAND_OK)
        driver->engine->preparer.sizes = PREPARER_SIZES;
    return status;
}

int
crashtest_driver_open_log(struct crashtest_driver *driver, int32_t log, uint32_t flags)
{
    struct strand_log_options options = {
        .struct_size = sizeof options,
        .flags = flags,
        .segment_bytes = driver->script->segment_bytes,
        .codec = driver->script->codec,
    };

    return strand_log_open(driver->engine, crashtest_topics[log], 0, &options, &driver->logs[log]);
}

static void
close_logs(struct crashtest_driver *driver)
{
    for (int i = 0; i < CRASHTEST_LOGS; i++) {
        int status = strand_log_close(driver->logs[i]);

        strand_assert(status != STRAND_ERR_BUSY); /* a handle of ours was lost */
        driver->logs[i] = NULL;
    }
}

static int
close_engine(struct crashtest_driver *driver)
{
    close_logs(driver);
    int status = strand_engine_close(driver->engine);
    strand_assert(status != STRAND_ERR_BUSY);
    driver->engine = NULL;
    return status;
}

void
crashtest_driver_abandon(struct crashtest_driver *driver)
{
    struct strand_sim_disk *disk = crashtest_driver_disk(driver);

    strand_sim_disk_plan_cut(disk, strand_sim_disk_calls(disk) + 1);
    (void)close_engine(driver); /* it cannot succeed, and need not */
}

void
crashtest_driver_kill(struct crashtest_driver *driver)
{
    crashtest_driver_abandon(driver);
    strand_sim_disk_plan_clear(crashtest_driver_disk(driver));
    strand_sim_disk_kill(crashtest_driver_disk(driver));
}

/* ---- Batches ---- */

struct batch {
    struct strand_record records[CRASHTEST_BATCH_MAX];
    char values[CRASHTEST_BATCH_MAX][CRASHTEST_VALUE_SIZE];
};

/* Each step has times of its own: so that they tell records apart, too. */
static int64_t
timestamp_ms(int32_t number)
{
    return TIME_FIRST_MS + (int64_t)number * TIME_STEP_MS;
}

static void
make_records(const struct crashtest_step *step, int32_t number, struct batch *batch)
{
    for (int32_t i = 0; i < step->count; i++) {
        crashtest_record_value(crashtest_record_number(number, i), batch->values[i]);
        batch->records[i] = (struct strand_record){
            .value = strand_bytes(batch->values[i], CRASHTEST_VALUE_SIZE),
            .timestamp_ms = timestamp_ms(number) + i,
        };
    }
}

static int
append(struct crashtest_driver *driver, const struct crashtest_step *step, int32_t number,
       struct crashtest_outcome *outcome)
{
    struct strand_append_options options = {.struct_size = sizeof options,
                                            .durability = step->durability};
    struct strand_appended appended = {0};
    struct batch batch;

    make_records(step, number, &batch);
    int status = strand_log_append(driver->logs[step->log], batch.records, (size_t)step->count,
                                   &options, &appended);
    *outcome = (struct crashtest_outcome){appended.base_offset, appended.leader_epoch};
    return status;
}

static int
encode(const struct crashtest_step *step, int32_t number, int64_t base_offset,
       struct strand_buffer *out_bytes)
{
    struct strand_batch_encoding encoding = {.now_ms = timestamp_ms(number)};
    struct strand_batch_header header;
    struct batch batch;

    make_records(step, number, &batch);
    strand_batch_header_init(&header, batch.records, (size_t)step->count, STRAND_CODEC_NONE,
                             STRAND_CREATE_TIME, encoding.now_ms);
    header.base_offset = base_offset;
    header.leader_epoch = step->epoch;
    return strand_batch_encode(&header, batch.records, (size_t)step->count, &encoding, NULL, NULL,
                               out_bytes);
}

static int
follow(struct crashtest_driver *driver, const struct crashtest_step *step, int32_t number,
       struct crashtest_outcome *outcome)
{
    struct strand_append_options options = {
        .struct_size = sizeof options, .durability = step->durability, .is_follower = 1};
    int64_t base_offset = driver->ledger.logs[step->log].end - step->count; /* as was noted */
    struct strand_buffer bytes = {0};

    int status = encode(step, number, base_offset, &bytes);
    if (status == STRAND_OK)
        status = strand_log_append_batches(driver->logs[step->log], bytes.data, bytes.size,
                                           &options, NULL);
    free(bytes.data);
    outcome->offset = base_offset;
    return status;
}

/* ---- Cuts ---- */

/* Truncate while a reader holds the bytes around OFFSET, which must stay as they are. */
static int
truncate_held(struct crashtest_driver *driver, int32_t log, int64_t offset, int64_t *out_log_end)
{
    struct strand_fetch_options options = {.struct_size = sizeof options,
                                           .isolation = STRAND_READ_WRITTEN};
    struct strand_fetch fetch = {0};
    int64_t from = offset > driver->ledger.logs[log].start ? offset - 1 : offset;

    int status = strand_log_fetch(driver->logs[log], from, &options, &fetch);
    if (status != STRAND_OK)
        return status;
    uint8_t *copy = malloc(fetch.size + 1);
    strand_assert(copy != NULL);
    memcpy(copy, fetch.data, fetch.size);
    status = strand_log_truncate(driver->logs[log], offset, out_log_end);
    if (memcmp(copy, fetch.data, fetch.size) != 0)
        crashtest_violated(driver->fs, CRASHTEST_READERS_BOUNDED,
                           "%s: bytes that a reader held have changed", crashtest_topics[log]);
    free(copy);
    strand_fetch_release(&fetch);
    return status;
}

static int
note_epoch(struct crashtest_driver *driver, int32_t log, struct crashtest_outcome *outcome)
{
    struct strand_positions positions;
    int status = strand_log_positions(driver->logs[log], &positions);

    if (status == STRAND_OK)
        outcome->epoch = positions.leader_epoch;
    return status;
}

static int
truncate_log(struct crashtest_driver *driver, const struct crashtest_step *step,
             struct crashtest_outcome *outcome)
{
    int64_t offset = crashtest_ledger_offset(&driver->ledger, step);
    bool is_held = driver->script->pins_cuts && offset < driver->ledger.logs[step->log].end;

    int status = is_held ? truncate_held(driver, step->log, offset, &outcome->offset)
                         : strand_log_truncate(driver->logs[step->log], offset, &outcome->offset);
    return status == STRAND_OK ? note_epoch(driver, step->log, outcome) : status;
}

static int
trim(struct crashtest_driver *driver, const struct crashtest_step *step)
{
    int64_t offset = crashtest_ledger_offset(&driver->ledger, step);
    int status = STRAND_OK;

    if (driver->ledger.logs[step->log].is_replicated)
        status = strand_log_set_high_watermark(driver->logs[step->log], offset);
    return status == STRAND_OK ? strand_log_trim(driver->logs[step->log], offset) : status;
}

static int
reset(struct crashtest_driver *driver, const struct crashtest_step *step,
      struct crashtest_outcome *outcome)
{
    int status =
        strand_log_reset(driver->logs[step->log], crashtest_ledger_offset(&driver->ledger, step));

    return status == STRAND_OK ? note_epoch(driver, step->log, outcome) : status;
}

static int
delete_log(struct crashtest_driver *driver, int32_t log)
{
    int status = strand_log_close(driver->logs[log]);

    strand_assert(status != STRAND_ERR_BUSY);
    driver->logs[log] = NULL;
    return status == STRAND_OK ? strand_engine_delete_log(driver->engine, crashtest_topics[log], 0)
                               : status;
}

/* ---- Steps ---- */

static int
open_or_create(struct crashtest_driver *driver, const struct crashtest_step *step)
{
    bool is_replicated = step->kind == CRASHTEST_REPLICATE;

    if (driver->logs[step->log] != NULL)
        return STRAND_OK;
    return crashtest_driver_open_log(driver, step->log, is_replicated ? STRAND_LOG_REPLICATED : 0);
}

static int
run_later(struct crashtest_driver *driver, int32_t ms)
{
    strand_sim_disk_advance(crashtest_driver_disk(driver), (int64_t)ms * NS_PER_MS);
    return strand_engine_run(driver->engine, NULL);
}

static int
perform_on_log(struct crashtest_driver *driver, const struct crashtest_step *step, int32_t number,
               struct crashtest_outcome *outcome)
{
    switch (step->kind) {
    case CRASHTEST_CREATE:
    case CRASHTEST_REPLICATE:
        return open_or_create(driver, step);
    case CRASHTEST_APPEND:
        return append(driver, step, number, outcome);
    case CRASHTEST_FOLLOW:
        return follow(driver, step, number, outcome);
    case CRASHTEST_TRUNCATE:
        return truncate_log(driver, step, outcome);
    case CRASHTEST_TRIM:
        return trim(driver, step);
    case CRASHTEST_RESET:
        return reset(driver, step, outcome);
    case CRASHTEST_EPOCH:
        return strand_log_begin_epoch(driver->logs[step->log], step->epoch);
    case CRASHTEST_DELETE:
        return delete_log(driver, step->log);
    case CRASHTEST_BROKER:
        return crashtest_broker_change(driver->fs, &driver->ledger, step->log, outcome);
    case CRASHTEST_OPEN:
    case CRASHTEST_CLOSE:
    case CRASHTEST_SYNC:
    case CRASHTEST_CHECKPOINT:
    case CRASHTEST_RUN:
    case CRASHTEST_STEP_KINDS:
        break;
    }
    strand_assert(false);
    return STRAND_ERR_INVALID;
}

static int
perform(struct crashtest_driver *driver, const struct crashtest_step *step, int32_t number,
        struct crashtest_outcome *outcome)
{
    if (step->kind == CRASHTEST_OPEN)
        return driver->engine == NULL ? crashtest_driver_open(driver, 0) : STRAND_OK;
    if (step->kind == CRASHTEST_CLOSE)
        return close_engine(driver);
    if (step->kind == CRASHTEST_SYNC)
        return strand_engine_sync(driver->engine);
    if (step->kind == CRASHTEST_CHECKPOINT)
        return strand_engine_checkpoint(driver->engine);
    if (step->kind == CRASHTEST_RUN)
        return run_later(driver, step->count);
    return perform_on_log(driver, step, number, outcome);
}

/* What a step needs that no text can promise. */
static int
refuse(const struct crashtest_driver *driver, const struct crashtest_step *step)
{
    const struct crashtest_ledger_log *log = &driver->ledger.logs[step->log];
    bool needs_engine = step->kind != CRASHTEST_OPEN && step->kind != CRASHTEST_BROKER;
    bool needs_log = needs_engine && step->kind != CRASHTEST_CLOSE &&
                     step->kind != CRASHTEST_SYNC && step->kind != CRASHTEST_CHECKPOINT &&
                     step->kind != CRASHTEST_RUN && step->kind != CRASHTEST_CREATE &&
                     step->kind != CRASHTEST_REPLICATE;

    if (needs_engine != (driver->engine != NULL) && step->kind != CRASHTEST_OPEN)
        return strand_fail(STRAND_ERR_INVALID, "the engine is %s",
                           needs_engine ? "not open" : "open");
    if (needs_log && driver->logs[step->log] == NULL)
        return strand_fail(STRAND_ERR_INVALID, "log %" PRId32 " is not open", step->log);
    if (log->end + step->gap + step->count >= CRASHTEST_OFFSETS && needs_log)
        return strand_fail(STRAND_ERR_INVALID, "a log ends below offset %d", CRASHTEST_OFFSETS);
    if (step->kind == CRASHTEST_RESET &&
        crashtest_ledger_offset(&driver->ledger, step) >= CRASHTEST_OFFSETS)
        return strand_fail(STRAND_ERR_INVALID, "a log ends below offset %d", CRASHTEST_OFFSETS);
    return STRAND_OK;
}

/* Without a failure before it an append lands where the one before it has ended. */
static void
check_landing(const struct crashtest_driver *driver, const struct crashtest_step *step,
              const struct crashtest_outcome *outcome)
{
    const struct crashtest_ledger_log *log = &driver->ledger.logs[step->log];

    if (step->kind == CRASHTEST_APPEND && !log->has_failed &&
        outcome->offset != log->end - step->count)
        crashtest_violated(driver->fs, CRASHTEST_OFFSETS_CONTIGUOUS,
                           "%s: appended at %" PRId64 ", the log ended at %" PRId64,
                           crashtest_topics[step->log], outcome->offset, log->end - step->count);
}

static int
do_step(struct crashtest_driver *driver, size_t place)
{
    const struct crashtest_step *step = crashtest_ledger_step(driver->script, place);
    int32_t number = driver->first_number + (int32_t)place;
    struct crashtest_outcome outcome = {0};

    int status = refuse(driver, step);
    if (status != STRAND_OK)
        return status;
    crashtest_ledger_begin(&driver->ledger, step, number);
    crashtest_driver_note(driver, CRASHTEST_NOTE_BEGIN, number, 0, 0);
    status = perform(driver, step, number, &outcome);
    if (status != STRAND_OK) {
        crashtest_ledger_failed(&driver->ledger, step);
        crashtest_driver_note(driver, CRASHTEST_NOTE_FAILED, number, 0, 0);
        return status;
    }
    check_landing(driver, step, &outcome);
    crashtest_ledger_done(&driver->ledger, step, number, &outcome);
    crashtest_driver_note(driver, CRASHTEST_NOTE_DONE, number, outcome.offset, outcome.epoch);
    if (driver->setting->after_step != NULL)
        driver->setting->after_step(driver->setting->context, driver);
    return STRAND_OK;
}

/* What a log that has failed acknowledges is as good as gone. */
static void
ask_log(struct crashtest_driver *driver, int32_t log)
{
    if (driver->engine == NULL || driver->logs[log] == NULL ||
        driver->ledger.logs[log].is_replicated)
        return;
    bool has_failed = driver->logs[log]->health == STRAND_LOG_FAILED;
    int status = do_step(driver, driver->script->count + (size_t)log);
    if (has_failed && status == STRAND_OK)
        crashtest_violated(driver->fs, CRASHTEST_FAILED_SYNC_LATCHES,
                           "%s: acknowledged a record after it had failed", crashtest_topics[log]);
}

int
crashtest_driver_run(struct crashtest_driver *driver, int32_t first_number)
{
    int status = STRAND_OK;

    driver->first_number = first_number;
    for (size_t i = 0; i < driver->script->count && status == STRAND_OK; i++)
        status = do_step(driver, i);
    if (status == STRAND_OK)
        return status;
    char sentence[STRAND_CRASH_SENTENCE_SIZE];
    strncpy(sentence, strand_error_message(), sizeof sentence - 1);
    sentence[sizeof sentence - 1] = '\0';
    for (int32_t i = 0; i < CRASHTEST_LOGS; i++)
        ask_log(driver, i);
    return strand_fail(status, "%s", sentence);
}
