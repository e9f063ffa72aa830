/* tools/cmd_crashtest.c -- strandline crashtest: everything that a crash may leave is recovered and
 * looked at.
 *
 * The real index, LMDB, needs a real directory: one on a RAM disk, since syncs to anything else
 * would take longer than all the rest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crashtest/suite.h"
#include "tools/commands.h"
#include "tools/crashtest_output.h"
#include "tools/interrupt.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/report.h"

enum { JOBS_MAX = 256 };

/* ---- What is asked for ---- */

static uint32_t
passes_with_index(int32_t index)
{
    uint32_t passes = 0;

    for (int i = 0; i < CRASHTEST_PASS_END; i++) {
        bool is_in_memory = crashtest_passes[i].index == CRASHTEST_INDEX_MEMORY;

        if (index == CLI_CRASH_ANY_INDEX || (index == CLI_CRASH_MEMORY) == is_in_memory)
            passes |= UINT32_C(1) << i;
    }
    return passes;
}

/* Names between commas. */
static int
parse_passes(const char *text, uint32_t *out_passes)
{
    uint32_t passes = 0;

    for (;;) {
        char name[32];
        size_t size = strcspn(text, ",");

        (void)snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name),
                       text);
        enum crashtest_pass pass = crashtest_pass_find(name);
        if (pass == CRASHTEST_PASS_END)
            return strand_fail(STRAND_ERR_INVALID,
                               "--passes: there is no pass \"%s\"; see strandline crashtest --list",
                               name);
        passes |= UINT32_C(1) << pass;
        if (text[size] == '\0')
            break;
        text += size + 1;
    }
    *out_passes = passes;
    return STRAND_OK;
}

static uint32_t
choose_jobs(int64_t wanted)
{
    long count = wanted > 0 ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);

    if (count < 1)
        return 1;
    return count < JOBS_MAX ? (uint32_t)count : JOBS_MAX;
}

static int
choose_passes(const struct cli_crash_options *options, uint32_t *out_passes)
{
    uint32_t passes = 0;
    int status = STRAND_OK;

    if (options->passes != NULL)
        status = parse_passes(options->passes, &passes);
    if (status != STRAND_OK)
        return status;
    if (options->passes == NULL)
        passes = passes_with_index(CLI_CRASH_ANY_INDEX);
    passes &= passes_with_index(options->index);
    if (passes == 0)
        return strand_fail(STRAND_ERR_INVALID, "--passes and --index leave nothing to do");
    *out_passes = passes;
    return STRAND_OK;
}

static int
make_suite(const struct cli_crash_options *options, struct crashtest_suite *out_suite)
{
    *out_suite = (struct crashtest_suite){
        .workload = options->workload,
        .script = options->script,
        .go_on = options->go_on,
        .random_count = (uint32_t)options->random_count,
        .seed = (uint64_t)options->seed,
        .crashes = (uint32_t)options->crashes, /* in the order of the bits */
        .jobs = choose_jobs(options->jobs),
        .time_limit_ms = options->seconds * 1000,
        .keeps_going = options->keeps_going,
    };
    return choose_passes(options, &out_suite->passes);
}

/* ---- A RAM disk ---- */

/* A directory of our own in OUT_PATH; "": there is none, and those passes are left out. */
static void
make_ram_directory(char *out_path, size_t size)
{
    (void)snprintf(out_path, size, "/dev/shm/strandline-crashtest-XXXXXX");
    if (mkdtemp(out_path) == NULL)
        out_path[0] = '\0';
}

static void
remove_ram_directory(const char *path)
{
    if (path[0] != '\0' && rmdir(path) != 0)
        cli_say("remove %s: %s", path, strerror(errno));
}

static bool
needs_ram(const struct crashtest_suite *suite)
{
    return (suite->passes & passes_with_index(CLI_CRASH_LMDB)) != 0;
}

/* ---- Doing it ---- */

static int
show_progress(void *context, const struct crashtest_report *report)
{
    struct cli_progress *progress = context;
    const struct crashtest_row *row = &report->rows[report->row_count - 1];
    char text[160];

    (void)snprintf(text, sizeof text, "%zu of %zu: %s, %s%s; %" PRIu64 " states", report->row_count,
                   report->row_total, row->name, crashtest_passes[row->pass].name,
                   report->is_shrinking ? ", made smaller" : "", report->sums.unique_states);
    cli_progress_update_text(progress, text);
    return cli_interrupt_is_wanted();
}

static int
print_report(const struct cli_options *options, const struct crashtest_suite *suite,
             const struct crashtest_report *report)
{
    if (!options->json)
        return cli_crashtest_print(report);
    cli_crashtest_print_json(suite, report);
    return STRAND_OK;
}

/* A violation was told already. */
static int
exit_code_of(int status)
{
    if (cli_interrupt_signal() != 0)
        return CLI_EXIT_SIGNAL + cli_interrupt_signal();
    return status == STRAND_ERR_CORRUPT ? CLI_EXIT_FAILED : cli_report(status);
}

static int
run_suite(const struct cli_options *options, const struct crashtest_suite *asked)
{
    struct crashtest_suite suite = *asked;
    struct cli_progress progress;
    struct crashtest_report report;

    int status = cli_interrupt_install();
    if (status != STRAND_OK)
        return cli_report(status);
    cli_progress_init(&progress, 0, options->quiet);
    suite.progress = show_progress;
    suite.progress_context = &progress;
    status = crashtest_suite_run(&suite, &report);
    cli_progress_finish(&progress);
    if (status == STRAND_OK || status == STRAND_ERR_CORRUPT) {
        int printed = print_report(options, &suite, &report);

        status = printed != STRAND_OK ? printed : status;
    }
    crashtest_report_deinit(&report);
    return exit_code_of(status);
}

static int
replay(const struct cli_options *options, const struct crashtest_suite *suite)
{
    struct crashtest_finding finding;
    int status = crashtest_suite_replay(suite, options->crash.state, &finding);

    if (status != STRAND_OK && status != STRAND_ERR_CORRUPT)
        return cli_report(status);
    if (options->json)
        cli_crashtest_print_finding_json(&finding);
    else if (status == STRAND_OK)
        (void)puts("this state is as it should be");
    else
        cli_crashtest_print_finding(&finding);
    return status == STRAND_OK ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

int
cli_run_crashtest(const struct cli_options *options)
{
    char ram_directory[64] = "";
    struct crashtest_suite suite;
    int status;
    int exit_code;

    if (options->crash.list)
        return cli_output_finish(cli_report(cli_crashtest_print_list()));
    status = make_suite(&options->crash, &suite);
    if (status != STRAND_OK)
        return cli_report(status);
    if (needs_ram(&suite))
        make_ram_directory(ram_directory, sizeof ram_directory);
    suite.ram_directory = ram_directory[0] != '\0' ? ram_directory : NULL;
    exit_code = options->crash.state != NULL ? replay(options, &suite) : run_suite(options, &suite);
    remove_ram_directory(ram_directory);
    return cli_output_finish(exit_code);
}
