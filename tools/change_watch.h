/* tools/change_watch.h -- Has a log changed since it was last looked at?
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

#endif
