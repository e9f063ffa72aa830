/* tools/directory_check.c -- The frontier, the checkpoint files, the mark of a clean close, names.
 */
#include "tools/directory_check.h"

#include <inttypes.h>
#include <string.h>

static bool
ends_with(const char *name, const char *suffix)
{
    size_t name_size = strlen(name);
    size_t suffix_size = strlen(suffix);

    return name_size > suffix_size && strcmp(name + name_size - suffix_size, suffix) == 0;
}

static void
check_frontier(const struct cli_directory_view *view, struct cli_findings *findings)
{
    if (view->bad_slots == 0 || view->directory.was_kafkas)
        return;
    if (view->bad_slots < 0)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "frontier",
                         "Opening for writing makes it anew; until then what was durable is taken "
                         "from the checkpoint files.",
                         "%s: its header is damaged", STRAND_FRONTIER_NAME);
    else
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "frontier", "",
                         "%s: damaged slots: %" PRId64 "; what they said is lost",
                         STRAND_FRONTIER_NAME, view->bad_slots);
}

static const struct cli_log_view *
find_log(const struct cli_directory_view *view, const struct strand_checkpoint_entry *entry)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->logs[i].partition == entry->partition &&
            strcmp(view->logs[i].topic, entry->topic) == 0)
            return &view->logs[i];
    return NULL;
}

static void
check_checkpoint(const struct cli_directory_view *view, enum cli_checkpoint_kind kind,
                 const int64_t *log_ends, struct cli_findings *findings)
{
    const struct strand_checkpoint *checkpoint = &view->checkpoints[kind];
    const char *name = cli_checkpoint_name(kind);

    if (view->checkpoint_files[kind].status == STRAND_ERR_CORRUPT)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "checkpoint",
                         "Opening for writing replaces it.", "%s",
                         view->checkpoint_files[kind].message);
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct strand_checkpoint_entry *entry = &checkpoint->entries[i];
        const struct cli_log_view *log = find_log(view, entry);

        if (log == NULL) {
            cli_findings_add(findings, CLI_LEVEL_NOTE, "checkpoint", "",
                             "%s names %s/%" PRId32 ", which is not there", name, entry->topic,
                             entry->partition);
            continue;
        }
        int64_t log_end = log_ends[log - view->logs];
        /* A process that was killed after it cut the log has not written them anew. */
        enum cli_level level = log->clean != NULL ? CLI_LEVEL_PROBLEM : CLI_LEVEL_NOTE;
        if (log_end >= 0 && entry->offset > log_end)
            cli_findings_add(findings, level, "checkpoint", "",
                             "%s: offset %" PRId64 " of %s/%" PRId32
                             " is above the log end %" PRId64,
                             name, entry->offset, entry->topic, entry->partition, log_end);
    }
}

static void
check_marker(const struct cli_directory_view *view, struct cli_findings *findings)
{
    size_t named = 0;

    if (view->marker_file.status == STRAND_ERR_CORRUPT)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "clean-marker",
                         "Opening takes every log for one that was not closed cleanly.", "%s",
                         view->marker_file.message);
    for (size_t i = 0; i < view->count; i++)
        named += view->logs[i].clean != NULL;
    if (view->marker_file.status == STRAND_OK && view->marker.count > named)
        cli_findings_add(findings, CLI_LEVEL_PROBLEM, "clean-marker",
                         "Something removed logs after they were closed.",
                         "%s: logs that it names and that are not there: %zu", STRAND_CLEAN_NAME,
                         view->marker.count - named);
}

static void
check_names(const struct cli_directory_view *view, struct cli_findings *findings)
{
    for (size_t i = 0; i < view->names.count; i++) {
        const char *name = view->names.names[i];

        if (ends_with(name, ".tmp") || strand_partition_name_is_deleted(name))
            cli_findings_add(findings, CLI_LEVEL_NOTE, "leftover", "",
                             "%s was left by an operation that did not finish", name);
        else if (strcmp(name, STRAND_TAKEOVER_NAME) == 0)
            cli_findings_add(
                findings, CLI_LEVEL_NOTE, "takeover", "",
                "a Kafka broker wrote here, and not every log has been recovered since");
        else if (strand_partition_name_is_set_aside(name))
            cli_findings_add(findings, CLI_LEVEL_NOTE, "set-aside", "",
                             "%s was set aside by a Kafka broker and is left alone", name);
    }
}

void
cli_directory_check(const struct cli_directory_view *view, const int64_t *log_ends,
                    struct cli_findings *findings)
{
    check_frontier(view, findings);
    if (view->directory.has_writer) {
        cli_findings_add(findings, CLI_LEVEL_NOTE, "writer",
                         "For a verdict on all of it, verify when nobody writes.",
                         "a process writes here: what is above the durable ends, leftovers and "
                         "checkpoint files were not judged");
        return;
    }
    for (int i = 0; i < CLI_CHECKPOINT_COUNT; i++)
        check_checkpoint(view, (enum cli_checkpoint_kind)i, log_ends, findings);
    check_marker(view, findings);
    check_names(view, findings);
}
