/* tools/progress.c -- One line that overwrites itself. */
#include "tools/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND INT64_C(1000000000)

static const int64_t FIRST_AFTER_NS = NS_PER_SECOND / 2;
static const int64_t INTERVAL_NS = NS_PER_SECOND / 10;

static int64_t
now_ns(void)
{
    struct timespec now = {0, 0};

    /* A clock that cannot be read only leaves the line out. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

void
cli_size_format(uint64_t bytes, char out_text[CLI_SIZE_TEXT_MAX])
{
    static const char *const UNITS[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        (void)snprintf(out_text, CLI_SIZE_TEXT_MAX, "%" PRIu64 " B", bytes);
        return;
    }
    for (; size >= 1024 && unit + 1 < sizeof UNITS / sizeof UNITS[0]; unit++)
        size /= 1024;
    (void)snprintf(out_text, CLI_SIZE_TEXT_MAX, "%.1f %s", size, UNITS[unit]);
}

void
cli_progress_init(struct cli_progress *progress, uint64_t total, bool quiet)
{
    progress->is_wanted = !quiet && isatty(STDERR_FILENO) == 1;
    progress->is_shown = false;
    progress->total = total;
    progress->start_ns = progress->is_wanted ? now_ns() : 0;
    progress->next_ns = progress->start_ns + FIRST_AFTER_NS;
}

/* Is it time?  Then the next time is set. */
static bool
is_due(struct cli_progress *progress, int64_t *out_now)
{
    if (!progress->is_wanted)
        return false;
    *out_now = now_ns();
    if (*out_now < progress->next_ns)
        return false;
    progress->next_ns = *out_now + INTERVAL_NS;
    progress->is_shown = true;
    return true;
}

void
cli_progress_update(struct cli_progress *progress, uint64_t done)
{
    int64_t now;

    if (!is_due(progress, &now))
        return;

    char done_text[CLI_SIZE_TEXT_MAX];
    char total_text[CLI_SIZE_TEXT_MAX];
    char rate_text[CLI_SIZE_TEXT_MAX];
    double seconds = (double)(now - progress->start_ns) / (double)NS_PER_SECOND;

    cli_size_format(done, done_text);
    cli_size_format(progress->total, total_text);
    cli_size_format((uint64_t)((double)done / seconds), rate_text);
    if (progress->total > 0)
        (void)fprintf(stderr, "\r%s of %s (%.0f %%), %s/s\033[K", done_text, total_text,
                      100 * (double)done / (double)progress->total, rate_text);
    else
        (void)fprintf(stderr, "\r%s, %s/s\033[K", done_text, rate_text);
}

void
cli_progress_update_logs(struct cli_progress *progress, uint32_t done, uint32_t total,
                         uint64_t done_bytes)
{
    char text[CLI_SIZE_TEXT_MAX];
    int64_t now;

    if (!is_due(progress, &now))
        return;
    cli_size_format(done_bytes, text);
    (void)fprintf(stderr, "\r%" PRIu32 " of %" PRIu32 " logs, %s read\033[K", done, total, text);
}

void
cli_progress_update_text(struct cli_progress *progress, const char *text)
{
    int64_t now;

    if (is_due(progress, &now))
        (void)fprintf(stderr, "\r%s\033[K", text);
}

void
cli_progress_hide(struct cli_progress *progress)
{
    if (progress->is_shown)
        (void)fputs("\r\033[K", stderr);
    progress->is_shown = false;
}

void
cli_progress_finish(struct cli_progress *progress)
{
    cli_progress_hide(progress);
    progress->is_wanted = false;
}
