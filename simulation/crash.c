/* simulation/crash.c -- The public functions: options are checked and completed here. */
#include "strandline/crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "simulation/crash_explore.h"
#include "simulation/crash_path.h"
#include "simulation/sim_disk_internal.h"

enum { JOBS_MAX = 256, NS_PER_MS = 1000000 };

static const uint64_t STATES_MAX_DEFAULT = 20000;
static const uint64_t SAMPLES_DEFAULT = 64;
static const uint32_t ALL_CRASHES = STRAND_CRASH_POWER | STRAND_CRASH_KILL;
static const uint32_t ALL_FAULTS = STRAND_CRASH_FAULT_IO | STRAND_CRASH_FAULT_IO_STICKY |
                                   STRAND_CRASH_FAULT_NO_SPACE | STRAND_CRASH_FAULT_NO_SPACE_STICKY;

void
strand_crash_note(const struct strand_fs *fs, uint64_t number)
{
    struct strand_sim_disk *disk = fs->context;

    strand_sim_disk_enter(disk);
    if (disk->inodes.record != NULL)
        strand_sim_record_note(disk->inodes.record, number);
    strand_sim_disk_leave(disk);
}

static void keep_sentence(struct strand_sim_disk *disk, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void
keep_sentence(struct strand_sim_disk *disk, const char *format, va_list args)
{
    if (disk->sentence != NULL)
        return;
    disk->sentence = calloc(1, STRAND_CRASH_SENTENCE_SIZE);
    strand_assert(disk->sentence != NULL);
    (void)vsnprintf(disk->sentence, STRAND_CRASH_SENTENCE_SIZE, format, args); /* may be cut */
}

int
strand_crash_fail(const struct strand_fs *fs, const char *format, ...)
{
    struct strand_sim_disk *disk = fs->context;
    va_list args;

    va_start(args, format);
    strand_sim_disk_enter(disk);
    keep_sentence(disk, format, args);
    strand_sim_disk_leave(disk);
    va_end(args);
    return STRAND_ERR_CORRUPT;
}

/* ---- Arguments ---- */

static int refuse(struct strand_crash_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
refuse(struct strand_crash_result *result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(result->sentence, sizeof result->sentence, format, args); /* may be cut */
    va_end(args);
    return STRAND_ERR_INVALID;
}

/* What is wrong with the numbers in OPTIONS; NULL: nothing. */
static const char *
find_fault(const struct strand_crash_options *options)
{
    if (options->depth < 0 || options->depth > STRAND_CRASH_STEPS_MAX)
        return "depth is not 1 or 2";
    if ((options->crashes & ~ALL_CRASHES) != 0)
        return "crashes has unknown bits";
    if ((options->faults & ~ALL_FAULTS) != 0)
        return "faults has unknown bits";
    if (options->directories != STRAND_CRASH_ORDERED && options->directories != STRAND_CRASH_ANY)
        return "directories is neither STRAND_CRASH_ORDERED nor STRAND_CRASH_ANY";
    if (options->jobs > JOBS_MAX)
        return "jobs is above 256";
    if (options->states_max > SIZE_MAX / 64)
        return "states_max is beyond any memory";
    if (options->time_limit_ms < 0 || options->time_limit_ms > INT64_MAX / NS_PER_MS)
        return "time_limit_ms is out of range";
    if (options->file_size_max < 0 || options->capacity < 0)
        return "a size is negative";
    return NULL;
}

static int
check_arguments(const struct strand_crash_program *program,
                const struct strand_crash_options *options, struct strand_crash_result *result)
{
    if (program == NULL || program->struct_size < sizeof *program)
        return refuse(result, "program: set struct_size to sizeof");
    if (program->run == NULL || program->check == NULL)
        return refuse(result, "program: run and check must be there");
    if (options->struct_size < sizeof *options)
        return refuse(result, "options: set struct_size to sizeof");
    const char *fault = find_fault(options);
    return fault == NULL ? STRAND_OK : refuse(result, "options: %s", fault);
}

static uint64_t
or_default(uint64_t number, uint64_t value)
{
    return number == 0 ? value : number;
}

static struct strand_crash_setup
complete(const struct strand_crash_program *program, const struct strand_crash_options *options)
{
    return (struct strand_crash_setup){
        .program = *program,
        .rules =
            {
                .any_names = options->directories == STRAND_CRASH_ANY,
                .whole_pages = options->whole_pages != 0,
                .states_max = or_default(options->states_max, STATES_MAX_DEFAULT),
                .samples = or_default(options->samples, SAMPLES_DEFAULT),
                .seed = options->seed,
            },
        .disk =
            {
                .seed = options->seed,
                .file_size_max = options->file_size_max,
                .capacity = options->capacity,
                .no_maps = options->no_maps != 0,
                .short_writes = options->short_writes != 0,
            },
        .depth = options->depth == 0 ? 1 : options->depth,
        .crashes = options->crashes == 0 ? (uint32_t)STRAND_CRASH_POWER : options->crashes,
        .faults = options->faults,
        .jobs = options->jobs == 0 ? 1 : options->jobs,
        .violations_max = or_default(options->violations_max, 1),
        .time_limit_ns = options->time_limit_ms * NS_PER_MS,
        .progress = options->progress,
        .progress_context = options->progress_context,
    };
}

/* ---- The two ways to look ---- */

static const struct strand_crash_options DEFAULTS = {.struct_size = sizeof DEFAULTS};

int
strand_crash_explore(const struct strand_crash_program *program,
                     const struct strand_crash_options *options,
                     struct strand_crash_result *out_result)
{
    if (options == NULL)
        options = &DEFAULTS;
    memset(out_result, 0, sizeof *out_result);
    int status = check_arguments(program, options, out_result);
    if (status != STRAND_OK)
        return status;

    struct strand_crash_setup setup = complete(program, options);
    return strand_crash_explore_all(&setup, out_result);
}

int
strand_crash_replay(const struct strand_crash_program *program,
                    const struct strand_crash_options *options, const char *line,
                    struct strand_crash_result *out_result)
{
    struct strand_crash_path path;

    if (options == NULL)
        options = &DEFAULTS;
    memset(out_result, 0, sizeof *out_result);
    int status = check_arguments(program, options, out_result);
    if (status != STRAND_OK)
        return status;

    struct strand_crash_setup setup = complete(program, options);
    if (line == NULL)
        return refuse(out_result, "replay: there is no line");
    if (!strand_crash_path_read(line, &path, &setup.rules))
        return refuse(out_result, "replay: \"%.100s\" is not the line of a result", line);
    setup.disk.seed = setup.rules.seed;
    setup.depth = STRAND_CRASH_STEPS_MAX;
    int64_t start_ns = strand_thread_now_ns();
    enum strand_crash_verdict verdict = strand_crash_path_follow(&setup, &path, out_result);
    out_result->seconds = (double)(strand_thread_now_ns() - start_ns) / (NS_PER_MS * 1000.0);
    out_result->is_complete = 1;
    if (verdict == STRAND_CRASH_NOT_THERE)
        return refuse(out_result, "replay: the program does not lead to the state any more");
    if (verdict == STRAND_CRASH_PASSED)
        return STRAND_OK;
    out_result->violations = 1;
    strand_crash_path_write(&path, &setup.rules, out_result->replay);
    return STRAND_ERR_CORRUPT;
}
