/* tools/cmd_verify.c -- strandline verify: read every record of every log, and say what is damaged.
 *
 * It reads as any program would, through a cursor, which checks each batch's CRC and each record's
 * form; and never through a map, so that a media error is a damaged range and not a signal.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/session.h"

/* A log to verify; the listing must be over before logs are opened. */
struct target {
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
    int32_t partition;
    enum strand_log_state state;
    char reason[256];
    int64_t log_start;
    int64_t log_end;
    uint64_t size_bytes;
    int64_t torn_bytes; /* what opening for writing would cut off */
};

struct verification {
    const struct cli_options *options;
    struct strand_engine *engine; /* borrowed */
    struct target *targets;       /* owned */
    size_t count;
    size_t capacity;
    struct cli_progress progress;
    uint64_t bytes_done;
    int exit_code;
};

static bool
is_wanted(const struct cli_options *options, const struct strand_log_info *info)
{
    if (options->topic[0] == '\0')
        return true;
    return strcmp(options->topic, info->topic) == 0 &&
           (!options->has_partition || options->partition == info->partition);
}

static int
add_target(void *context, const struct strand_log_info *info)
{
    struct verification *verification = context;
    struct target *target;

    if (!is_wanted(verification->options, info))
        return STRAND_OK;
    if (verification->count == verification->capacity) {
        size_t capacity = verification->capacity > 0 ? verification->capacity * 2 : 16;
        struct target *targets = realloc(verification->targets, capacity * sizeof *targets);

        if (targets == NULL)
            return strand_fail(STRAND_ERR_NO_MEMORY, "verify: no memory for %zu logs", capacity);
        verification->targets = targets;
        verification->capacity = capacity;
    }
    target = &verification->targets[verification->count++];
    (void)snprintf(target->topic, sizeof target->topic, "%s", info->topic);
    (void)snprintf(target->reason, sizeof target->reason, "%s", info->reason);
    target->partition = info->partition;
    target->state = info->state;
    target->log_start = info->log_start;
    target->log_end = info->log_end;
    target->size_bytes = info->size_bytes;
    target->torn_bytes = info->recovered_cut_bytes;
    return STRAND_OK;
}

struct findings {
    int64_t record_count;
    int64_t damage_count;
    uint64_t bytes; /* of keys and values: for the progress only */
};

/* Read to the end; damage is reported and stepped over. */
static int
read_all(struct verification *verification, struct strand_cursor *cursor, struct findings *findings)
{
    struct strand_record record;

    for (;;) {
        int status = strand_cursor_next(cursor, &record);

        if (status == STRAND_END)
            return STRAND_OK;
        if (status == STRAND_ERR_CORRUPT || status == STRAND_ERR_CODEC) {
            cli_progress_finish(&verification->progress);
            (void)cli_report(status);
            findings->damage_count++;
            continue;
        }
        if (status != STRAND_OK)
            return status;
        findings->record_count++;
        findings->bytes += record.key.size + record.value.size;
        if (findings->record_count % 1024 == 0)
            cli_progress_update(&verification->progress,
                                verification->bytes_done + findings->bytes);
    }
}

static int
verify_log(struct verification *verification, const struct target *target,
           struct findings *findings)
{
    static const struct strand_log_options LOG_OPTIONS = {
        .struct_size = sizeof LOG_OPTIONS,
        .flags = STRAND_LOG_MUST_EXIST,
    };
    static const struct strand_cursor_options CURSOR_OPTIONS = {
        .struct_size = sizeof CURSOR_OPTIONS,
        .isolation = STRAND_READ_WRITTEN,
        .include_control = 1,
    };
    struct strand_log *log;
    struct strand_cursor *cursor;
    int status =
        strand_log_open(verification->engine, target->topic, target->partition, &LOG_OPTIONS, &log);

    if (status != STRAND_OK)
        return status;
    status = strand_cursor_open(log, STRAND_EARLIEST, &CURSOR_OPTIONS, &cursor);
    if (status == STRAND_OK) {
        status = read_all(verification, cursor, findings);
        strand_cursor_close(cursor);
    }
    if (status != STRAND_OK)
        (void)cli_report(status); /* before closing records another */
    (void)strand_log_close(log);  /* it was only read */
    return status;
}

static void
print_line(const struct target *target, const struct findings *findings, bool is_damaged)
{
    (void)printf("%s/%" PRId32 " %s: offsets %" PRId64 " to %" PRId64 ", %" PRId64
                 " records, %" PRIu64 " bytes",
                 target->topic, target->partition, is_damaged ? "DAMAGED" : "ok", target->log_start,
                 target->log_end, findings->record_count, target->size_bytes);
    if (findings->damage_count > 0)
        (void)printf(", %" PRId64 " damaged ranges", findings->damage_count);
    if (target->torn_bytes > 0)
        (void)printf(", a tail of %" PRId64 " bytes that opening for writing will cut off",
                     target->torn_bytes);
    if (target->reason[0] != '\0')
        (void)printf(", %s", target->reason);
    (void)putchar('\n');
}

static void
verify_target(struct verification *verification, const struct target *target)
{
    struct findings findings = {0, 0, 0};
    int status = verify_log(verification, target, &findings);
    bool is_damaged =
        target->state == STRAND_LOG_QUARANTINED || findings.damage_count > 0 || status != STRAND_OK;

    cli_progress_finish(&verification->progress);
    print_line(target, &findings, is_damaged);
    if (is_damaged)
        verification->exit_code = CLI_EXIT_CORRUPT;
    verification->bytes_done += target->size_bytes;
}

static int
verify_all(struct verification *verification)
{
    uint64_t total = 0;
    int status = strand_engine_list(verification->engine, add_target, verification);

    if (status != STRAND_OK)
        return status;
    if (verification->count == 0 && verification->options->topic[0] != '\0')
        return strand_fail(STRAND_ERR_NOT_FOUND, "verify %s: there is no such log in %s",
                           verification->options->topic, verification->options->data);
    for (size_t i = 0; i < verification->count; i++)
        total += verification->targets[i].size_bytes;
    for (size_t i = 0; i < verification->count && status == STRAND_OK; i++) {
        cli_progress_init(&verification->progress, total, verification->options->quiet);
        verify_target(verification, &verification->targets[i]);
        status = cli_output_status();
    }
    return status;
}

int
cli_run_verify(const struct cli_options *options)
{
    struct cli_session session = {NULL, NULL};
    struct verification verification = {.options = options, .exit_code = CLI_EXIT_OK};
    int status =
        cli_session_open(&session, options, STRAND_ENGINE_READ_ONLY | STRAND_ENGINE_COPY_READS);
    int exit_code;

    verification.engine = session.engine;
    if (status == STRAND_OK)
        status = verify_all(&verification);
    exit_code = cli_report(status);
    free(verification.targets);
    if (exit_code == CLI_EXIT_OK)
        exit_code = verification.exit_code;
    return cli_session_close(&session, cli_output_finish(exit_code));
}
