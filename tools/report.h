/* tools/report.h -- What a command says and how it exits: results on stdout, one sentence about
 * anything else on stderr.
 *
 * Threading: cli_say() may be called from any thread; the rest belongs to the main one.
 */
#ifndef STRAND_TOOLS_REPORT_H
#define STRAND_TOOLS_REPORT_H

#include "base/error.h"
#include "strandline/status.h"

enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILED = 1,
    CLI_EXIT_CORRUPT = 2,  /* stored data is damaged */
    CLI_EXIT_REPAIRED = 3, /* recovery cut something, or a log is quarantined or has failed */
    CLI_EXIT_IN_USE = 4,   /* another process writes the data directory */
    CLI_EXIT_USAGE = 64,
    CLI_EXIT_SIGNAL = 128, /* plus the number of the signal */
};

/* The exit code for STATUS.  STRAND_ERR_INVALID counts as usage: what the library refuses as an
 * argument came from the command line. */
int cli_exit_code(int status);

/* Print "strandline: SENTENCE" on stderr; control characters of input become '?'. */
void cli_say(const char *format, ...) STRAND_PRINTF(1, 2);

/* Say the sentence of the last failure on this thread and return its exit code. */
int cli_report(int status);

/* After output on stdout: STRAND_OK; STRAND_END when the reader has closed the pipe, which is its
 * right; STRAND_ERR_IO.  To be called before errno can change. */
STRAND_MUST_USE int cli_output_status(void);

/* Write out what stdout still holds.  As cli_output_status(). */
STRAND_MUST_USE int cli_output_flush(void);

/* Flush stdout at the end of a command; return EXIT_CODE, or that of the failure to write. */
int cli_output_finish(int exit_code);

#endif
