/* tools/change_watch.h -- Has a log changed since it was last looked at, or while it was?
 *
 * Opening a data directory read-only reads all of it; asking this first costs a look at the names.
 * The answer errs on the side of yes: times of files are coarse, so that a file that was changed a
 * moment ago may have been changed again unseen.
 */
#ifndef STRAND_TOOLS_CHANGE_WATCH_H
#define STRAND_TOOLS_CHANGE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct cli_options;

struct cli_change_watch {
    uint64_t stamp;  /* of names, sizes and times */
    bool is_settled; /* the stamp is old enough to be trusted */
};

/* To be called before each look at the log of the command line: true when the look is worth it.  A
 * WATCH of all zeros has seen nothing. */
bool cli_change_watch_poll(struct cli_change_watch *watch, const struct cli_options *options);

/* After a look that failed: were files changed meanwhile, so that the next one may do?  false also
 * where the log is not there. */
bool cli_change_watch_is_outdated(const struct cli_change_watch *watch,
                                  const struct cli_options *options);

/* What changes whenever records are taken away, at either end, before any file does; all zeros when
 * nothing is stored about the log. */
struct cli_cut_mark {
    uint64_t generation;
    int64_t log_start;
};

/* A look is at one log, and not at some of it before and some of it after a cut, if the mark is the
 * same before it and after it. */
struct cli_cut_mark cli_cut_mark_read(const struct cli_options *options);

#endif
