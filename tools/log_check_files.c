/* tools/log_check_files.c -- What the small files of a log say, held against what was read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "recovery/leader_epoch.h"
#include "tools/log_check_internal.h"
#include "tools/saved_files.h"

/* ---- Segment files ---- */

/* Bytes behind what was kept of a readable file are zeros: prepared space. */
static void
check_zeros(struct cli_log_checking *checking, const struct strand_recovered_segment *run,
            int64_t file_size, bool is_last)
{
    if (file_size <= run->size || !run->is_readable || cli_log_checking_has_writer(checking) ||
        checking->recovered.cut_bytes > 0)
        return;
    cli_findings_add(&checking->check->findings, cli_log_checking_level(checking), "zero-tail", "",
                     "segment %" PRId64 ": %" PRId64 " zero bytes behind its last batch%s",
                     run->file_base_offset, file_size - run->size,
                     is_last ? ", which the next opening for writing removes"
                             : ", though it is not the last");
}

static int
check_segments(struct cli_log_checking *checking)
{
    const struct strand_recovered_log *recovered = &checking->recovered;
    struct cli_log_check *check = checking->check;

    for (size_t i = 0; i < recovered->segment_count; i++) {
        const struct strand_recovered_segment *run = &recovered->segments[i];
        bool is_last_run =
            i + 1 == recovered->segment_count || run[1].file_base_offset != run->file_base_offset;
        int64_t size;

        if (!is_last_run)
            continue;
        int status = cli_log_checking_open(checking, run->file_base_offset);
        if (status == STRAND_OK)
            status = strand_file_size(&checking->file, &size);
        if (status != STRAND_OK)
            return status;
        check->segment_count++;
        check->size_bytes += size;
        check_zeros(checking, run, size, i + 1 == recovered->segment_count);
    }
    return STRAND_OK;
}

/* ---- Leader epochs ---- */

/* That each batch has the epoch of the file was recovery's question. */
static int
check_epochs(struct cli_log_checking *checking)
{
    struct cli_findings *findings = &checking->check->findings;
    struct strand_leader_epochs epochs;

    strand_leader_epochs_init(&epochs);
    int status = strand_leader_epochs_load(checking->view->fs, checking->path, &epochs);
    if (status == STRAND_ERR_NOT_FOUND || status == STRAND_ERR_CORRUPT) {
        cli_findings_add(
            findings,
            status == STRAND_ERR_NOT_FOUND && checking->recovered.is_foreign ? CLI_LEVEL_NOTE
                                                                             : CLI_LEVEL_PROBLEM,
            "leader-epochs", "The next opening for writing makes it anew from the batches.", "%s",
            strand_error_message());
        return STRAND_OK;
    }
    if (status == STRAND_OK && epochs.count > 0 && !cli_log_checking_has_writer(checking) &&
        epochs.entries[epochs.count - 1].start_offset > checking->recovered.log_end)
        cli_findings_add(
            findings, cli_log_checking_level(checking), "leader-epochs", "",
            "epoch %" PRId32 " begins at offset %" PRId64 ", above the log end %" PRId64,
            epochs.entries[epochs.count - 1].epoch, epochs.entries[epochs.count - 1].start_offset,
            checking->recovered.log_end);
    strand_leader_epochs_deinit(&epochs);
    return status;
}

/* ---- The slot, and what it says ---- */

/* That the log reaches the durable end was recovery's question. */
static void
check_slot(struct cli_log_checking *checking)
{
    const struct cli_log_view *log = checking->log;
    const struct strand_frontier_slot *slot = &log->slot;
    struct cli_findings *findings = &checking->check->findings;

    if (checking->recovered.is_foreign)
        return;
    if (!log->has_slot) {
        cli_findings_add(findings, CLI_LEVEL_NOTE, "frontier", "",
                         "%s has no slot for it: what was durable is taken from %s",
                         STRAND_FRONTIER_NAME, STRAND_RECOVERY_POINT_NAME);
        return;
    }
    if (slot->high_watermark < slot->log_start || slot->high_watermark > slot->durable_end)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "frontier", "",
                         "the slot's high watermark %" PRId64
                         " is not between its log start %" PRId64 " and its durable end %" PRId64,
                         slot->high_watermark, slot->log_start, slot->durable_end);
}

static void
contradict(struct cli_log_checking *checking, const char *what, int64_t said, int64_t found)
{
    if (said != found)
        cli_findings_add(&checking->check->findings, CLI_LEVEL_PROBLEM, "clean-marker",
                         "Something changed the files after the log was closed.",
                         "%s says %s %" PRId64 ", but it is %" PRId64, STRAND_CLEAN_NAME, what,
                         said, found);
}

static void
check_marker(struct cli_log_checking *checking)
{
    const struct strand_clean_entry *clean = checking->log->clean;
    const struct strand_recovered_log *recovered = &checking->recovered;
    const struct strand_recovered_segment *last =
        recovered->segment_count > 0 ? &recovered->segments[recovered->segment_count - 1] : NULL;

    if (clean == NULL || cli_log_checking_has_writer(checking) ||
        recovered->verdict == STRAND_VERDICT_CORRUPT)
        return;
    contradict(checking, "log start", clean->log_start, recovered->log_start);
    contradict(checking, "log end", clean->log_end, recovered->log_end);
    contradict(checking, "number of segments", clean->segment_count,
               checking->check->segment_count);
    contradict(checking, "newest epoch", clean->newest_epoch,
               strand_leader_epochs_newest(&recovered->epochs));
    if (last != NULL) {
        contradict(checking, "last segment", clean->active_base_offset, last->file_base_offset);
        contradict(checking, "size of the last segment", clean->active_size, last->size);
    }
    if (checking->log->has_slot && clean->generation != checking->log->slot.generation)
        cli_findings_add(&checking->check->findings, CLI_LEVEL_PROBLEM, "clean-marker", "",
                         "%s says generation %" PRIu64 ", the frontier %" PRIu64, STRAND_CLEAN_NAME,
                         clean->generation, checking->log->slot.generation);
}

/* ---- Names ---- */

static bool
ends_with(const char *name, const char *suffix)
{
    size_t name_size = strlen(name);
    size_t suffix_size = strlen(suffix);

    return name_size > suffix_size && strcmp(name + name_size - suffix_size, suffix) == 0;
}

/* What a trim that did not finish leaves in front of the first segment. */
static bool
is_old_segment(const struct cli_log_checking *checking, const char *name)
{
    const struct strand_recovered_log *recovered = &checking->recovered;
    int64_t base_offset;

    return recovered->segment_count > 0 && strand_segment_name_parse(name, &base_offset) &&
           base_offset < recovered->segments[0].file_base_offset;
}

static bool
is_leftover(const struct cli_log_checking *checking, const char *name)
{
    static const char *const SUFFIXES[] = {".tmp", ".deleted", ".cleaned", ".swap"};

    for (size_t i = 0; i < sizeof SUFFIXES / sizeof SUFFIXES[0]; i++)
        if (ends_with(name, SUFFIXES[i]))
            return true;
    return is_old_segment(checking, name);
}

static int
check_names(struct cli_log_checking *checking)
{
    struct cli_findings *findings = &checking->check->findings;
    struct strand_names names = {NULL, 0};

    if (cli_log_checking_has_writer(checking))
        return STRAND_OK;
    int status = strand_path_list(checking->view->fs, checking->path, &names);
    for (size_t i = 0; i < names.count; i++) {
        if (cli_saved_name_is_one(names.names[i]))
            cli_findings_add(findings, CLI_LEVEL_NOTE, "saved-bytes",
                             "When nobody needs them: strandline recover --remove-saved.",
                             "%s holds what an earlier recovery cut off", names.names[i]);
        else if (is_leftover(checking, names.names[i]))
            cli_findings_add(findings, cli_log_checking_level(checking), "leftover", "",
                             "%s was left by an operation that did not finish", names.names[i]);
    }
    strand_names_free(&names);
    return status;
}

static void
check_identity(struct cli_log_checking *checking)
{
    const struct cli_log_view *log = checking->log;
    struct cli_findings *findings = &checking->check->findings;

    if (log->identity_file.status == STRAND_ERR_CORRUPT)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "identity",
                         "The next opening for writing gives the log a new id.", "%s",
                         log->identity_file.message);
    else if (log->identity_file.status == STRAND_ERR_NOT_FOUND &&
             !checking->view->directory.was_kafkas)
        cli_findings_add(findings, CLI_LEVEL_NOTE, "identity",
                         "The next opening for writing gives the log an id.", "it has no %s",
                         STRAND_LOG_IDENTITY_NAME);
    else if (log->is_id_taken)
        cli_findings_add(findings, CLI_LEVEL_NOTE, "identity",
                         "The next opening for writing gives the log a new id.",
                         "another log has the same id: its directory was copied");
}

int
cli_log_check_files(struct cli_log_checking *checking)
{
    int status = check_segments(checking);

    check_identity(checking);
    check_slot(checking);
    if (status == STRAND_OK)
        status = check_epochs(checking);
    if (status == STRAND_OK)
        status = check_names(checking);
    check_marker(checking);
    return status;
}
