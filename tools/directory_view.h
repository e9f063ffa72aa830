/* tools/directory_view.h -- A data directory as its small files describe it, read without opening
 * it: which logs there are, and what the frontier, Kafka's checkpoint files and strandline.clean
 * say of each.
 *
 * Nothing is changed, and nothing is taken for true.
 */
#ifndef STRAND_TOOLS_DIRECTORY_VIEW_H
#define STRAND_TOOLS_DIRECTORY_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/data_directory.h"
#include "recovery/checkpoint.h"
#include "recovery/clean_marker.h"
#include "recovery/frontier.h"
#include "recovery/log_identity.h"
#include "storage/topic_name.h"
#include "strandline/status.h"

struct cli_options;

enum cli_checkpoint_kind {
    CLI_LOG_STARTS,
    CLI_RECOVERY_POINTS,
    CLI_COMMITTED,
    CLI_CHECKPOINT_COUNT
};

/* STRAND_OK: loaded; STRAND_ERR_NOT_FOUND: not there; STRAND_ERR_CORRUPT: why, in the message. */
struct cli_small_file {
    int status;
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
};

struct cli_log_view {
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1];
    int32_t partition;
    char name[STRAND_FILE_NAME_SIZE_MAX]; /* of its directory */
    struct cli_small_file identity_file;
    struct strand_log_identity identity;
    bool is_id_taken; /* a log before it has the same id */
    bool is_foreign;  /* a broker was its last writer: it has no slot */
    bool has_slot;
    struct strand_frontier_slot slot;
    const struct strand_clean_entry *clean; /* NULL: not named; into the view */
    int64_t offsets[CLI_CHECKPOINT_COUNT];  /* -1 = not listed */
};

struct cli_directory_view {
    const struct strand_fs *fs;
    struct strand_data_directory directory;
    struct strand_frontier *frontier; /* owned */
    int64_t bad_slots;                /* -1: its header */
    struct strand_checkpoint checkpoints[CLI_CHECKPOINT_COUNT];
    struct cli_small_file checkpoint_files[CLI_CHECKPOINT_COUNT];
    struct strand_clean_marker marker;
    struct cli_small_file marker_file;
    struct strand_names names; /* in DATA */
    struct cli_log_view *logs; /* owned; by topic and partition */
    size_t count;
};

/* What --data names.  Fails as a read-only opening does.  After a failure, too, close it. */
STRAND_MUST_USE int cli_directory_view_open(struct cli_directory_view *view,
                                            const struct cli_options *options);
void cli_directory_view_close(struct cli_directory_view *view);

/* Read LOG's slot again: a writer may have moved on.  Returns whether it changed in what a cut or a
 * trim changes. */
STRAND_MUST_USE int cli_directory_view_refresh(struct cli_directory_view *view,
                                               struct cli_log_view *log, bool *out_was_cut);

/* The name of a checkpoint file. */
const char *cli_checkpoint_name(enum cli_checkpoint_kind kind);

/* Does LOG match the TOPIC[/PARTITION] of the command line? */
bool cli_log_view_is_wanted(const struct cli_log_view *log, const struct cli_options *options);

#endif
