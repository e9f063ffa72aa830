/* tools/table.c -- Columns for people. */
#include "tools/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { CELL_SIZE_MAX = 1024, COLUMN_COUNT_MAX = 16 };

void
cli_table_init(struct cli_table *table, const char *alignment)
{
    strand_assert(alignment[0] != '\0' && strlen(alignment) <= COLUMN_COUNT_MAX);
    *table = (struct cli_table){.alignment = alignment};
}

void
cli_table_deinit(struct cli_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct cli_table){.alignment = table->alignment};
}

static bool
reserve_cell(struct cli_table *table)
{
    if (table->count < table->capacity)
        return true;

    size_t capacity = table->capacity > 0 ? table->capacity * 2 : 64;
    char **cells = realloc(table->cells, capacity * sizeof(char *));
    if (cells == NULL)
        return false;
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void
cli_table_put(struct cli_table *table, const char *format, ...)
{
    char text[CELL_SIZE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* one too long is cut */
    va_end(arguments);
    char *cell = strdup(text);
    if (cell == NULL || !reserve_cell(table)) {
        free(cell);
        table->is_incomplete = true;
        return;
    }
    table->cells[table->count++] = cell;
}

static void
print_row(const struct cli_table *table, const int *widths, size_t column_count, char **row)
{
    for (size_t i = 0; i < column_count; i++) {
        bool is_last = i + 1 == column_count;
        const char *gap = i == 0 || (is_last && row[i][0] == '\0') ? "" : "  ";

        if (table->alignment[i] == 'r')
            (void)printf("%s%*s", gap, widths[i], row[i]);
        else if (!is_last)
            (void)printf("%s%-*s", gap, widths[i], row[i]);
        else
            (void)printf("%s%s", gap, row[i]);
    }
    (void)putchar('\n');
}

int
cli_table_print(const struct cli_table *table)
{
    size_t column_count = strlen(table->alignment);
    int widths[COLUMN_COUNT_MAX] = {0};

    if (table->is_incomplete)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a table");
    strand_assert(table->count % column_count == 0);
    for (size_t i = 0; i < table->count; i++) {
        int width = (int)strlen(table->cells[i]);

        if (width > widths[i % column_count])
            widths[i % column_count] = width;
    }
    for (size_t i = 0; i < table->count; i += column_count)
        print_row(table, widths, column_count, &table->cells[i]);
    return STRAND_OK;
}
