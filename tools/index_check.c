/* tools/index_check.c -- What opening would believe of the index, log by log, segment by segment.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/log_internal.h"
#include "tools/index_check_internal.h"

enum { PROBLEMS_NAMED_MAX = 16 }; /* then they are only counted */

void
cli_index_check_deinit(struct cli_index_check *check)
{
    cli_findings_deinit(&check->findings);
}

void
cli_index_problem(struct cli_index_checking *checking, const char *kind, const char *format, ...)
{
    struct cli_index_check *check = checking->check;
    char text[CLI_FINDING_TEXT_SIZE];
    va_list arguments;

    if (check->problem_count++ >= PROBLEMS_NAMED_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* or cut */
    va_end(arguments);
    cli_findings_add(&check->findings, CLI_LEVEL_PROBLEM, kind, "", "segment %" PRId64 ": %s",
                     checking->base, text);
}

/* ---- The log ---- */

/* A run behind damage is no file of its own. */
static bool
is_file(const struct strand_log_segment *segment)
{
    return segment->file_base_offset == segment->base_offset && segment->start_position == 0;
}

static int
check_segments(struct cli_index_checking *checking)
{
    const struct strand_log *log = checking->log;
    int status = STRAND_OK;
    size_t next = 0;

    for (size_t i = 0; i < log->segment_count && status == STRAND_OK; i = next) {
        for (next = i + 1; next < log->segment_count && !is_file(log->segments[next]); next++)
            ;
        if (!is_file(log->segments[i]))
            continue;
        checking->base = log->segments[i]->base_offset;
        checking->next_base =
            next < log->segment_count ? log->segments[next]->base_offset : INT64_MAX;
        status = cli_index_checking_collect(checking);
        if (status == STRAND_OK &&
            (checking->has_facts || checking->pair_count > 0 || checking->time_count > 0))
            status = cli_index_checking_walk(checking, log->segments[i]->size);
    }
    return status;
}

static int
count_below(void *argument, const struct strand_index_entry *entry)
{
    struct cli_index_checking *checking = argument;

    if (entry->offset >= checking->next_base)
        return STRAND_END;
    checking->pair_count++;
    return STRAND_OK;
}

/* What a trim has left. */
static int
check_trimmed(struct cli_index_checking *checking)
{
    const struct strand_log *log = checking->log;
    int status = STRAND_OK;

    checking->next_base = log->segment_count > 0 ? log->segments[0]->base_offset : INT64_MAX;
    checking->pair_count = 0;
    for (int kind = STRAND_INDEX_ENTRY_SEGMENT;
         kind <= STRAND_INDEX_ENTRY_TIME && status == STRAND_OK; kind++)
        status =
            cli_index_checking_visit(checking, (enum strand_index_entry_kind)kind, 0, count_below);
    if (checking->pair_count > 0)
        cli_findings_add(&checking->check->findings, CLI_LEVEL_NOTE, "trimmed",
                         "The next opening for writing removes them.",
                         "%zu entries are of segments that have been trimmed away",
                         checking->pair_count);
    return status;
}

/* Whether opening would believe anything that the index says of the log. */
static bool
is_believed(struct cli_index_checking *checking)
{
    const struct strand_index_log *entry = &checking->check->entry;
    const struct strand_log *log = checking->log;
    struct cli_findings *findings = &checking->check->findings;

    if ((uint64_t)entry->generation != log->generation) {
        cli_findings_add(findings, CLI_LEVEL_NOTE, "generation",
                         "The next opening for writing makes it anew.",
                         "what the index says is of another life of the log: generation %" PRIu64
                         ", where the log is at %" PRIu64,
                         (uint64_t)entry->generation, log->generation);
        return false;
    }
    checking->limit = entry->covered_offset;
    if (entry->covered_offset > log->log_end) {
        checking->limit = log->log_end;
        cli_findings_add(findings, CLI_LEVEL_NOTE, "covered",
                         "The next opening for writing removes what is above.",
                         "the index covers offsets to %" PRId64 ", above the log end %" PRId64,
                         entry->covered_offset, log->log_end);
    }
    return true;
}

static int
count_entry(void *argument, const struct strand_index_entry *entry)
{
    size_t *count = argument;

    (void)entry;
    ++*count;
    return STRAND_END; /* one is enough */
}

/* The entry of a log and what else there is of it come in one commit. */
static int
check_unknown(struct cli_index_checking *checking)
{
    const uint8_t *id = checking->log->identity.id;
    size_t count = 0;
    int status = STRAND_OK;

    for (int kind = STRAND_INDEX_ENTRY_SEGMENT;
         kind <= STRAND_INDEX_ENTRY_TIME && (status == STRAND_OK || status == STRAND_END); kind++)
        status = strand_index_visit(checking->index, id, (enum strand_index_entry_kind)kind, 0,
                                    count_entry, &count);
    if (count > 0) {
        checking->check->problem_count++;
        cli_findings_add(&checking->check->findings, CLI_LEVEL_PROBLEM, "log", "",
                         "the index has entries of it, and does not say what it covers");
    }
    return status == STRAND_END ? STRAND_OK : status;
}

static int
check_log(struct cli_index_checking *checking)
{
    struct cli_index_check *check = checking->check;
    int status = strand_index_find_log(checking->index, checking->log->identity.id, &check->entry);

    check->is_known = status == STRAND_OK;
    /* Of a malformed one, too, the search in the file has told. */
    if (status == STRAND_END || status == STRAND_ERR_CORRUPT)
        return check_unknown(checking);
    if (status != STRAND_OK || !is_believed(checking))
        return status;
    status = check_trimmed(checking);
    return status == STRAND_OK ? check_segments(checking) : status;
}

int
cli_index_check(struct strand_index *index, const struct strand_log *log,
                cli_index_check_progress_fn *progress, void *context,
                struct cli_index_check *out_check)
{
    struct cli_index_check check = {.is_known = false};
    struct cli_index_checking checking = {
        .index = index, .log = log, .check = &check, .progress = progress, .context = context};
    int status = check_log(&checking);

    free(checking.pairs);
    free(checking.times);
    if (check.problem_count > PROBLEMS_NAMED_MAX)
        cli_findings_add(&check.findings, CLI_LEVEL_PROBLEM, "more", "",
                         "%" PRId64 " problems in all", check.problem_count);
    if (status == STRAND_OK)
        status = cli_findings_status(&check.findings);
    if (status == STRAND_OK)
        *out_check = check;
    else
        cli_index_check_deinit(&check);
    return status;
}
