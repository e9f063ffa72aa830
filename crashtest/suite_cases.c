/* crashtest/suite_cases.c -- What a suite is made of; one state of it again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "crashtest/random_script.h"
#include "crashtest/suite_internal.h"
#include "crashtest/workloads.h"

/* ---- Cases ---- */

static bool
has_workloads(const struct crashtest_suite *suite)
{
    return suite->workload != NULL || (suite->script == NULL && suite->random_count == 0);
}

static bool
is_all(const struct crashtest_suite *suite)
{
    return suite->workload == NULL || strcmp(suite->workload, "all") == 0;
}

static size_t
workload_count(const struct crashtest_suite *suite)
{
    if (!has_workloads(suite))
        return 0;
    return is_all(suite) ? crashtest_workload_count : 1;
}

size_t
crashtest_suite_case_count(const struct crashtest_suite *suite)
{
    return workload_count(suite) + (suite->script != NULL ? 1 : 0) + suite->random_count;
}

/* Reads what was read before, or came with the kit. */
static void
read_known(const char *text, struct crashtest_script *out_script)
{
    int status = crashtest_script_read(text, out_script);

    strand_assert(status == STRAND_OK);
}

static void
take_workload(const struct crashtest_workload *workload, struct crashtest_case *out_case)
{
    (void)snprintf(out_case->name, sizeof out_case->name, "%s", workload->name);
    out_case->is_workload = true;
    read_known(workload->run, &out_case->pair.run);
    read_known(workload->go_on, &out_case->pair.go_on);
}

static void
take_random(uint64_t seed, struct crashtest_case *out_case)
{
    (void)snprintf(out_case->name, sizeof out_case->name, "random %" PRIu64, seed);
    out_case->is_random = true;
    crashtest_random_script(seed, &out_case->pair.run, &out_case->pair.go_on);
}

void
crashtest_suite_case(const struct crashtest_suite *suite, size_t number,
                     struct crashtest_case *out_case)
{
    size_t workloads = workload_count(suite);
    size_t scripts = suite->script != NULL ? 1 : 0;

    strand_assert(number < crashtest_suite_case_count(suite));
    memset(out_case, 0, sizeof *out_case);
    if (number < workloads) {
        take_workload(is_all(suite) ? &crashtest_workloads[number]
                                    : crashtest_workload_find(suite->workload),
                      out_case);
    } else if (number < workloads + scripts) {
        (void)snprintf(out_case->name, sizeof out_case->name, "script");
        read_known(suite->script, &out_case->pair.run);
        read_known(suite->go_on != NULL ? suite->go_on : "", &out_case->pair.go_on);
    } else {
        take_random(suite->seed + (number - workloads - scripts), out_case);
    }
}

static int
check_text(const char *about, const char *text)
{
    struct crashtest_script script;

    int status = text != NULL ? crashtest_script_read(text, &script) : STRAND_OK;
    return status == STRAND_OK ? status : strand_fail_context(status, "%s", about);
}

int
crashtest_suite_check(const struct crashtest_suite *suite)
{
    int status;

    if (has_workloads(suite) && !is_all(suite) && crashtest_workload_find(suite->workload) == NULL)
        return strand_fail(STRAND_ERR_INVALID, "there is no workload \"%s\"", suite->workload);
    if (suite->go_on != NULL && suite->script == NULL)
        return strand_fail(STRAND_ERR_INVALID, "what goes on needs a script that it follows");
    status = check_text("the script", suite->script);
    return status == STRAND_OK ? check_text("what goes on", suite->go_on) : status;
}

/* ---- For the kit ---- */

struct strand_crash_options
crashtest_suite_options(const struct crashtest_suite *suite, enum crashtest_pass pass)
{
    const struct crashtest_pass_form *form = &crashtest_passes[pass];

    return (struct strand_crash_options){
        .struct_size = sizeof(struct strand_crash_options),
        .seed = suite->seed,
        .depth = form->depth,
        .crashes = suite->crashes != 0 ? suite->crashes : STRAND_CRASH_POWER | STRAND_CRASH_KILL,
        .faults = form->faults,
        .directories = form->directories,
        .jobs = suite->jobs,
    };
}

int
crashtest_suite_program(const struct crashtest_suite *suite, enum crashtest_pass pass,
                        const struct crashtest_pair *pair, struct crashtest_program *out_program)
{
    int status = crashtest_program_init(out_program, &pair->run, &pair->go_on,
                                        crashtest_passes[pass].index, suite->ram_directory);

    if (status != STRAND_OK)
        return status;
    out_program->looks = crashtest_passes[pass].looks;
    return STRAND_OK;
}

/* ---- Findings ---- */

void
crashtest_finding_take(struct crashtest_finding *finding, const struct strand_crash_result *result)
{
    memcpy(finding->sentence, result->sentence, sizeof finding->sentence);
    memcpy(finding->line, result->replay, sizeof finding->line);
    memcpy(finding->trace, result->trace, sizeof finding->trace);
}

/* Names, lines and scripts have nothing that a shell would take for its own within quotes. */
void
crashtest_finding_arguments(const struct crashtest_finding *finding,
                            char out_text[CRASHTEST_ARGUMENTS_SIZE])
{
    char run[CRASHTEST_TEXT_SIZE];
    char go_on[CRASHTEST_TEXT_SIZE];
    int used;

    if (finding->is_workload) {
        used = snprintf(out_text, CRASHTEST_ARGUMENTS_SIZE, "--workload %s", finding->name);
    } else {
        crashtest_script_write(&finding->pair.run, run, sizeof run);
        crashtest_script_write(&finding->pair.go_on, go_on, sizeof go_on);
        used = snprintf(out_text, CRASHTEST_ARGUMENTS_SIZE, "--script '%s'", run);
        if (finding->pair.go_on.count > 0)
            used += snprintf(out_text + used, CRASHTEST_ARGUMENTS_SIZE - (size_t)used,
                             " --then '%s'", go_on);
    }
    used += snprintf(out_text + used, CRASHTEST_ARGUMENTS_SIZE - (size_t)used, " --passes %s",
                     crashtest_passes[finding->pass].name);
    if (finding->line[0] != '\0')
        (void)snprintf(out_text + used, CRASHTEST_ARGUMENTS_SIZE - (size_t)used, " --state '%s'",
                       finding->line);
}

/* The only pass of PASSES; CRASHTEST_PASS_END: there are none, or several. */
static enum crashtest_pass
single_pass(uint32_t passes)
{
    enum crashtest_pass pass = CRASHTEST_PASS_CUTS;

    while (pass < CRASHTEST_PASS_END && passes != UINT32_C(1) << pass)
        pass++;
    return pass;
}

static int
replay(const struct crashtest_suite *suite, const char *line, struct crashtest_finding *finding)
{
    struct strand_crash_options options = crashtest_suite_options(suite, finding->pass);
    struct strand_crash_result *result = calloc(1, sizeof *result);
    struct crashtest_program program;

    if (result == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "replay: out of memory");
    int status = crashtest_suite_program(suite, finding->pass, &finding->pair, &program);
    if (status == STRAND_OK) {
        struct strand_crash_program callbacks = crashtest_program_callbacks(&program);

        status = strand_crash_replay(&callbacks, &options, line, result);
        crashtest_program_deinit(&program);
        crashtest_finding_take(finding, result);
        if (status != STRAND_OK)
            status = strand_fail(status, "%s", result->sentence);
    }
    free(result);
    return status;
}

int
crashtest_suite_replay(const struct crashtest_suite *suite, const char *line,
                       struct crashtest_finding *out_finding)
{
    struct crashtest_case *one;
    int status = crashtest_suite_check(suite);

    memset(out_finding, 0, sizeof *out_finding);
    if (status != STRAND_OK)
        return status;
    out_finding->pass = single_pass(suite->passes);
    if (crashtest_suite_case_count(suite) != 1 || out_finding->pass == CRASHTEST_PASS_END)
        return strand_fail(STRAND_ERR_INVALID,
                           "a state is one of a single workload or script, in a single pass");
    if (crashtest_passes[out_finding->pass].index != CRASHTEST_INDEX_MEMORY &&
        suite->ram_directory == NULL)
        return strand_fail(STRAND_ERR_INVALID, "pass %s needs a RAM disk",
                           crashtest_passes[out_finding->pass].name);
    one = malloc(sizeof *one);
    if (one == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "replay: out of memory");
    crashtest_suite_case(suite, 0, one);
    memcpy(out_finding->name, one->name, sizeof out_finding->name);
    out_finding->is_workload = one->is_workload;
    out_finding->pair = one->pair;
    free(one);
    return replay(suite, line, out_finding);
}
