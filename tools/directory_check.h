/* tools/directory_check.h -- Everything that must hold of the files that all logs share. */
#ifndef STRAND_TOOLS_DIRECTORY_CHECK_H
#define STRAND_TOOLS_DIRECTORY_CHECK_H

#include <stdint.h>

#include "tools/directory_view.h"
#include "tools/findings.h"

/* LOG_ENDS[i] is where log i of VIEW was found to end; -1 = not known. */
void cli_directory_check(const struct cli_directory_view *view, const int64_t *log_ends,
                         struct cli_findings *findings);

#endif
