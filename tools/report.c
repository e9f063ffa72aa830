/* tools/report.c -- Sentences and exit codes.
 *
 * A sentence is put together first and written by one call, so that lines of two threads do not
 * mix.
 */
#include "tools/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SENTENCE_SIZE_MAX = 2048 };

int
cli_exit_code(int status)
{
    switch (status) {
    case STRAND_OK:
    case STRAND_END:
        return CLI_EXIT_OK;
    case STRAND_ERR_CORRUPT:
    case STRAND_ERR_QUARANTINED:
        return CLI_EXIT_CORRUPT;
    case STRAND_ERR_IN_USE:
        return CLI_EXIT_IN_USE;
    case STRAND_ERR_INVALID:
        return CLI_EXIT_USAGE;
    default:
        return CLI_EXIT_FAILED;
    }
}

static bool
is_coloured(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return terminal != NULL && strcmp(terminal, "dumb") != 0 && isatty(STDERR_FILENO) == 1;
}

/* What came from input must not steer the terminal. */
static void
replace_control_characters(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void
cli_say(const char *format, ...)
{
    char sentence[SENTENCE_SIZE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    replace_control_characters(sentence);
    /* There is nowhere to complain about stderr. */
    (void)fprintf(stderr, is_coloured() ? "\033[1mstrandline:\033[0m %s\n" : "strandline: %s\n",
                  sentence);
}

int
cli_report(int status)
{
    if (status != STRAND_OK && status != STRAND_END)
        cli_say("%s", strand_error_message());
    return cli_exit_code(status);
}

static int
output_failure(int code)
{
    if (code == EPIPE)
        return STRAND_END;
    (void)strand_fail_code(code, "write standard output");
    return STRAND_ERR_IO;
}

int
cli_output_status(void)
{
    int code = errno;

    return ferror(stdout) ? output_failure(code) : STRAND_OK;
}

int
cli_output_flush(void)
{
    return fflush(stdout) != 0 ? output_failure(errno) : STRAND_OK;
}

int
cli_output_finish(int exit_code)
{
    int status = cli_output_flush();

    if (status == STRAND_OK || status == STRAND_END || exit_code != CLI_EXIT_OK)
        return exit_code;
    return cli_report(status);
}
