/* tests/crash/nth_look.c -- What is read while calls fail is either an error or the truth: all
 * answers go into a digest, which an undisturbed look has to give as well.
 */
#include "nth_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "crashtest/driver.h"
#include "simulation/sim_disk.h"

enum { LOGS_MAX = 4, NAME_SIZE = 32, FAR = 1 << 20 };

struct found_log {
    char topic[NAME_SIZE];
    int32_t partition;
};

struct list {
    struct nth_look *look;
    struct found_log logs[LOGS_MAX];
    size_t count;
};

static void
add(struct nth_look *look, uint64_t value)
{
    look->digest = (look->digest ^ value) * UINT64_C(1099511628211);
}

/* Remember the first failure; true: do it once more.  A log that has failed goes on failing. */
static bool
note(struct nth_look *look, int status, const char *about, int tries)
{
    if (status >= 0 || (status == STRAND_ERR_CORRUPT && look->is_damaged))
        return false;
    if (!look->has_failed) {
        look->status = status;
        (void)snprintf(look->sentence, sizeof look->sentence, "%s", strand_error_message());
        (void)snprintf(look->about, sizeof look->about, "%s", about);
    } else if (look->tries_again && !look->has_lost_log && tries > 0) {
        (void)snprintf(look->complaint, sizeof look->complaint, "%s, once more, gives %d: %s",
                       about, status, strand_error_message());
    }
    look->has_failed = true;
    return look->tries_again && !look->has_lost_log && tries == 0;
}

/* CALL until it does not fail, or need not be done once more. */
#define TRY(look, status, call)                                                                    \
    for (int tries = 0; tries == 0 || note(look, status, #call, tries - 1); tries++)               \
    (status) = (call)

/* Whether a cursor that gave STATUS is asked for more: behind damage it goes on by itself. */
static bool
goes_on(struct nth_look *look, int status, const char *about, int failures)
{
    return (status == STRAND_ERR_CORRUPT && look->is_damaged) ||
           note(look, status, about, failures);
}

/* ---- One log ---- */

static void
read_cursor(struct nth_look *look, struct strand_log *log, uint32_t fetch_bytes)
{
    struct strand_cursor_options options = {.struct_size = sizeof options,
                                            .isolation = STRAND_READ_WRITTEN,
                                            .fetch_bytes = fetch_bytes};
    struct strand_cursor *cursor = NULL;
    struct strand_record record;
    int status, failures = 0;

    TRY(look, status, strand_cursor_open(log, STRAND_EARLIEST, &options, &cursor));
    if (status != STRAND_OK)
        return;
    while ((status = strand_cursor_next(cursor, &record)) != STRAND_END) {
        if (status == STRAND_OK) {
            add(look, (uint64_t)record.offset);
            add(look, strand_crc32c(0, record.value.data, record.value.size));
            look->records++;
        } else if (!goes_on(look, status, "strand_cursor_next", failures++)) {
            break;
        }
    }
    strand_cursor_close(cursor);
}

static void
read_flat(struct nth_look *look, struct strand_log *log)
{
    struct strand_cursor_options options = {.struct_size = sizeof options};
    struct strand_cursor *cursor = NULL;
    uint8_t buffer[1024];
    size_t size = 0, count = 0;
    int status, failures = 0;

    TRY(look, status, strand_cursor_open(log, STRAND_EARLIEST, &options, &cursor));
    if (status != STRAND_OK)
        return;
    while ((status = strand_cursor_read(cursor, buffer, sizeof buffer, &size, &count)) !=
           STRAND_END) {
        if (status == STRAND_OK)
            look->records += count;
        else if (!goes_on(look, status, "strand_cursor_read", failures++))
            break;
    }
    strand_cursor_close(cursor);
}

static void
fetch_all(struct nth_look *look, struct strand_log *log, const struct strand_positions *positions)
{
    struct strand_fetch_options options = {.struct_size = sizeof options,
                                           .isolation = STRAND_READ_WRITTEN,
                                           .max_bytes = 256,
                                           .check_crc = 1};
    int64_t at = positions->log_start, next = 0;

    while (at < positions->log_end) {
        struct strand_fetch fetch = {0};
        int status;

        TRY(look, status, strand_log_fetch(log, at, &options, &fetch));
        if (status == STRAND_ERR_CORRUPT)
            strand_error_offsets(NULL, &next);
        if (status == STRAND_OK)
            add(look, strand_crc32c(0, fetch.data, fetch.size));
        if (status == STRAND_OK)
            next = fetch.next_offset;
        strand_fetch_release(&fetch);
        if ((status != STRAND_OK && status != STRAND_ERR_CORRUPT) || next <= at)
            return;
        at = next;
    }
}

static void
look_for_times(struct nth_look *look, struct strand_log *log)
{
    static const int64_t TIMES[] = {
        STRAND_EARLIEST, STRAND_LATEST, STRAND_MAX_TIMESTAMP, 0, 1400, 2100, 2950, FAR};

    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        int64_t offset = -1, time = -1;
        int status;

        TRY(look, status,
            strand_log_offset_for_timestamp(log, TIMES[i], STRAND_READ_WRITTEN, &offset, &time));
        add(look, (uint64_t)(status == STRAND_OK ? offset : -9));
    }
}

static int
add_epoch(void *context, const struct strand_leader_epoch *epoch)
{
    add(context, (uint64_t)epoch->start_offset * 4096 + (uint64_t)epoch->epoch);
    return 0;
}

static void
remember(struct nth_look *look, const char *topic, const struct strand_positions *positions)
{
    for (size_t i = 0; i < CRASHTEST_LOGS; i++)
        if (strcmp(topic, crashtest_topics[i]) == 0)
            look->found[i] = (struct crashtest_found){true, positions->log_start,
                                                      positions->log_end, positions->leader_epoch};
}

static void
look_at_log(struct nth_look *look, struct strand_log *log, const char *topic)
{
    struct strand_positions positions;
    int status;

    TRY(look, status, strand_log_positions(log, &positions));
    look->is_served = look->is_served && status == STRAND_OK;
    if (status != STRAND_OK)
        return;
    remember(look, topic, &positions);
    add(look, (uint64_t)positions.log_start);
    add(look, (uint64_t)positions.log_end);
    TRY(look, status, strand_log_list_epochs(log, add_epoch, look));
    read_cursor(look, log, 200);
    read_cursor(look, log, 0);
    read_flat(look, log);
    fetch_all(look, log, &positions);
    look_for_times(look, log);
}

/* ---- The directory ---- */

static int
visit(void *context, const struct strand_log_info *info)
{
    struct list *list = context;
    struct found_log *found = &list->logs[list->count++];

    strand_assert(list->count <= LOGS_MAX);
    (void)snprintf(found->topic, sizeof found->topic, "%s", info->topic);
    found->partition = info->partition;
    if (info->state == STRAND_LOG_FAILED) {
        list->look->has_lost_log = true;
        if (info->reason[0] == '\0')
            (void)snprintf(list->look->complaint, sizeof list->look->complaint,
                           "%s has failed, and nothing says why", info->topic);
    }
    return 0;
}

static int
count_report(void *context, const struct strand_recovery_report *report)
{
    struct nth_look *look = context;

    if (report->verdict == STRAND_VERDICT_FAILED && report->reason[0] == '\0')
        (void)snprintf(look->complaint, sizeof look->complaint, "%s: a verdict without a reason",
                       report->topic);
    return 0;
}

static void
look_at_engine(struct nth_look *look, struct strand_engine *engine)
{
    struct list list = {.look = look, .count = 0};
    int status;

    TRY(look, status, strand_engine_list(engine, visit, &list));
    look->is_served = status == STRAND_OK && !look->has_lost_log;
    TRY(look, status, strand_engine_recovery_report(engine, count_report, look));
    for (size_t i = 0; i < list.count; i++) {
        struct strand_log_options options = {.struct_size = sizeof options,
                                             .flags = STRAND_LOG_MUST_EXIST};
        struct strand_log *log = NULL;

        TRY(look, status,
            strand_log_open(engine, list.logs[i].topic, list.logs[i].partition, &options, &log));
        look->is_served = look->is_served && status == STRAND_OK;
        if (status == STRAND_OK)
            look_at_log(look, log, list.logs[i].topic);
        if (strand_log_close(log) == STRAND_ERR_BUSY)
            (void)snprintf(look->complaint, sizeof look->complaint, "%s: something was left open",
                           list.logs[i].topic);
    }
    if (look->killed_on == NULL) /* what recovery has left alone can be told better */
        (void)note(look, strand_engine_run(engine, NULL), "strand_engine_run", 0);
}

void
nth_look(struct nth_look *look)
{
    struct strand_engine *engine = NULL;
    int status;

    look->options.struct_size = sizeof look->options;
    look->options.fs = look->fs;
    look->digest = UINT64_C(14695981039346656037);
    TRY(look, status, strand_engine_open(CRASHTEST_DIRECTORY, &look->options, &engine));
    if (status != STRAND_OK)
        return;
    look_at_engine(look, engine);
    if (look->killed_on != NULL)
        strand_sim_disk_plan_cut(look->killed_on, strand_sim_disk_calls(look->killed_on) + 1);
    status = strand_engine_close(engine); /* the handle is gone, whatever it says */
    if (status == STRAND_ERR_BUSY)
        (void)snprintf(look->complaint, sizeof look->complaint, "something was left open");
    if (look->killed_on == NULL)
        (void)note(look, status, "strand_engine_close", 0);
}
