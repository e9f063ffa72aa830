/* tools/session.h -- The data directory and the log that a command works on.
 *
 * A session of all zeros has nothing open.  After a failure to open, too, the caller closes it:
 * first report the failure, since closing may record another.
 */
#ifndef STRAND_TOOLS_SESSION_H
#define STRAND_TOOLS_SESSION_H

#include <stdint.h>

#include "strandline/status.h"

struct cli_options;
struct strand_engine;
struct strand_log;

struct cli_session {
    struct strand_engine *engine; /* owned */
    struct strand_log *log;       /* owned */
};

/* Open the data directory; FLAGS: enum strand_engine_flag.  When opening cut something off, that is
 * said in one line for each log. */
STRAND_MUST_USE int cli_session_open(struct cli_session *session, const struct cli_options *options,
                                     uint32_t flags);

/* The same with what ENGINE_OPTIONS say besides. */
struct strand_engine_options;
STRAND_MUST_USE int cli_session_open_with(struct cli_session *session,
                                          const struct cli_options *options,
                                          const struct strand_engine_options *engine_options);

/* Open the data directory and, in it, the log of the command line, which must exist. */
STRAND_MUST_USE int cli_session_open_log(struct cli_session *session,
                                         const struct cli_options *options, uint32_t flags);

/* Close what is open.  EXIT_CODE, unless that is 0 and closing fails: then it is reported. */
int cli_session_close(struct cli_session *session, int exit_code);

#endif
