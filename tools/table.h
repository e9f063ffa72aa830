/* tools/table.h -- Rows of cells, printed in columns that are as wide as their widest cell.
 *
 * Hence all of it is collected first.  A lack of memory is remembered and told at the end.
 */
#ifndef STRAND_TOOLS_TABLE_H
#define STRAND_TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "strandline/status.h"

struct cli_table {
    const char *alignment; /* borrowed; a letter for each column: 'l' left, 'r' right */
    char **cells;          /* owned, each of them too; row by row */
    size_t count;
    size_t capacity;
    bool is_incomplete; /* there was no memory */
};

void cli_table_init(struct cli_table *table, const char *alignment);
void cli_table_deinit(struct cli_table *table);

/* Add a cell behind the last one; headings are the first row. */
void cli_table_put(struct cli_table *table, const char *format, ...) STRAND_PRINTF(2, 3);

/* Print it on stdout.  The last column is not filled up.  STRAND_ERR_NO_MEMORY, with nothing
 * printed. */
STRAND_MUST_USE int cli_table_print(const struct cli_table *table);

#endif
