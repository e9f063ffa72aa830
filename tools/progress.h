/* tools/progress.h -- How far a long command is, for a person at a terminal.
 *
 * Shown on stderr, only if that is a terminal, from half a second on and at most ten times a
 * second; wiped out when the command ends.
 */
#ifndef STRAND_TOOLS_PROGRESS_H
#define STRAND_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    bool is_wanted;
    bool is_shown;
    uint64_t total; /* bytes; 0 = unknown */
    int64_t start_ns;
    int64_t next_ns; /* not shown again before */
};

/* QUIET: never shown. */
void cli_progress_init(struct cli_progress *progress, uint64_t total, bool quiet);

/* DONE bytes are through. */
void cli_progress_update(struct cli_progress *progress, uint64_t done);

/* DONE of TOTAL logs are through, and DONE_BYTES in all. */
void cli_progress_update_logs(struct cli_progress *progress, uint32_t done, uint32_t total,
                              uint64_t done_bytes);

/* TEXT says how far it is. */
void cli_progress_update_text(struct cli_progress *progress, const char *text);

/* Wipe it out, so that something else can be printed; it comes back. */
void cli_progress_hide(struct cli_progress *progress);

void cli_progress_finish(struct cli_progress *progress);

enum { CLI_SIZE_TEXT_MAX = 32 };

/* "17 B", "1.5 KiB", "2.0 GiB". */
void cli_size_format(uint64_t bytes, char out_text[CLI_SIZE_TEXT_MAX]);

#endif
