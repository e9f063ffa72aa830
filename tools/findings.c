/* tools/findings.c -- Collect, then print: the level of the worst stands in front of the list. */
#include "tools/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/json_output.h"

void
cli_findings_deinit(struct cli_findings *findings)
{
    free(findings->list);
    *findings = (struct cli_findings){.list = NULL};
}

void
cli_findings_add(struct cli_findings *findings, enum cli_level level, const char *check,
                 const char *advice, const char *format, ...)
{
    va_list arguments;

    if (level > findings->worst)
        findings->worst = level;
    if (findings->count == findings->capacity) {
        size_t capacity = findings->capacity > 0 ? findings->capacity * 2 : 8;
        struct cli_finding *list = realloc(findings->list, capacity * sizeof *list);

        if (list == NULL) {
            findings->is_incomplete = true;
            return;
        }
        findings->list = list;
        findings->capacity = capacity;
    }
    struct cli_finding *finding = &findings->list[findings->count++];
    *finding = (struct cli_finding){.level = level, .check = check, .advice = advice};
    va_start(arguments, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, arguments); /* or cut */
    va_end(arguments);
}

int
cli_findings_status(const struct cli_findings *findings)
{
    return findings->is_incomplete ? strand_fail(STRAND_ERR_NO_MEMORY, "no memory for findings")
                                   : STRAND_OK;
}

const char *
cli_level_name(enum cli_level level)
{
    static const char *const NAMES[] = {"ok", "note", "warning", "problem"};

    return NAMES[level];
}

void
cli_findings_print(const struct cli_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct cli_finding *finding = &findings->list[i];
        const char *level = cli_level_name(finding->level);

        (void)printf("  %s: %s\n", level, finding->text);
        if (finding->advice[0] != '\0')
            (void)printf("  %*s  %s\n", (int)strlen(level), "", finding->advice);
    }
}

void
cli_findings_print_json(const struct cli_findings *findings)
{
    (void)fputs("\"findings\":[", stdout);
    for (size_t i = 0; i < findings->count; i++) {
        const struct cli_finding *finding = &findings->list[i];

        (void)printf("%s{\"level\":\"%s\",\"check\":\"%s\",", i > 0 ? "," : "",
                     cli_level_name(finding->level), finding->check);
        cli_json_put_bytes(stdout, "text", strand_bytes(finding->text, strlen(finding->text)));
        (void)putchar(',');
        cli_json_put_bytes(stdout, "advice",
                           strand_bytes(finding->advice, strlen(finding->advice)));
        (void)putchar('}');
    }
    (void)putchar(']');
}
