/* tools/findings.h -- What a look at data or at a machine brought to light: a level, a sentence on
 * what it means, and one on what to do.
 *
 * A lack of memory is remembered: cli_findings_status().
 */
#ifndef STRAND_TOOLS_FINDINGS_H
#define STRAND_TOOLS_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "strandline/status.h"

enum cli_level { CLI_LEVEL_OK, CLI_LEVEL_NOTE, CLI_LEVEL_WARNING, CLI_LEVEL_PROBLEM };

enum { CLI_FINDING_TEXT_SIZE = 512 };

struct cli_finding {
    enum cli_level level;
    const char *check;  /* static: a name that stays, for programs */
    const char *advice; /* static: a sentence; "" = nothing is to be done */
    char text[CLI_FINDING_TEXT_SIZE];
};

struct cli_findings {         /* all zeros: none */
    struct cli_finding *list; /* owned */
    size_t count;
    size_t capacity;
    enum cli_level worst;
    bool is_incomplete; /* there was no memory */
};

void cli_findings_deinit(struct cli_findings *findings);

void cli_findings_add(struct cli_findings *findings, enum cli_level level, const char *check,
                      const char *advice, const char *format, ...) STRAND_PRINTF(5, 6);

/* STRAND_ERR_NO_MEMORY when one is missing. */
STRAND_MUST_USE int cli_findings_status(const struct cli_findings *findings);

const char *cli_level_name(enum cli_level level);

/* "  problem: sentence" for each, and on the next line what to do. */
void cli_findings_print(const struct cli_findings *findings);

/* "findings":[{"level":..,"check":..,"text":..,"advice":..}] */
void cli_findings_print_json(const struct cli_findings *findings);

#endif
