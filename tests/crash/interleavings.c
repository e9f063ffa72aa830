/* tests/crash/interleavings.c -- All threads of the engine, in one schedule for each seed, and the
 * power goes at any moment.
 *
 *     interleavings SEEDS [FIRST_SEED [EXPLORE_ONE_IN]]   exits with 1 at the first that fails
 *     interleavings --replay SEED LINE                    one state again, as it was printed
 *
 * Each seed is run by itself first, which finds what goes wrong without a crash, and one in
 * EXPLORE_ONE_IN, or all, once more by the kit.
 * The schedule is the same each time, so that the kit can record it as it does a program without
 * threads.  Of a point with many states it looks at a sample.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/thread.h"
#include "crash/interleave.h"
#include "simulation/sim_disk.h"

enum { STATES_MAX = 12, SAMPLES = 2, SHARE = 8, NS_PER_SECOND = 1000000000 };

struct sums {
    uint64_t seeds, explored, points, switches, crash_points, sampled_points, states;
};

static char again[256]; /* what shows the seed that runs */

/* A broken invariant, a stray pointer, what a sanitizer finds. */
static void
tell_again(int signal_number)
{
    static const char said[] = "it dies; again: ";

    (void)write(STDERR_FILENO, said, sizeof said - 1); /* the last thing that is tried */
    (void)write(STDERR_FILENO, again, strlen(again));
    (void)write(STDERR_FILENO, "\n", 1);
    (void)raise(signal_number); /* now for good */
}

static void
tell_when_it_dies(void)
{
    static const int deaths[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = tell_again, .sa_flags = (int)SA_RESETHAND};

    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++)
        (void)sigaction(deaths[i], &action, NULL); /* cannot fail for a signal that there is */
}

static const struct strand_crash_program PROGRAM_PARTS = {
    .struct_size = sizeof PROGRAM_PARTS, .run = interleave_run, .check = interleave_check};

static struct strand_crash_options
options_of(const struct interleave_plan *plan)
{
    return (struct strand_crash_options){
        .struct_size = sizeof(struct strand_crash_options),
        .seed = plan->seed,
        .crashes = STRAND_CRASH_POWER | (plan->has_kills ? (uint32_t)STRAND_CRASH_KILL : 0),
        .whole_pages = 1,
        .states_max = STATES_MAX,
        .samples = SAMPLES,
    };
}

static void
draw(const char *program_name, uint64_t seed, struct interleave_context *context)
{
    *context = (struct interleave_context){.share = SHARE};
    interleave_plan_draw(seed, &context->plan);
    (void)snprintf(again, sizeof again, "%s 1 %" PRIu64, program_name, seed);
    context->plan.scheduler.again = again;
}

/* Run it without any crash; the counts are in CONTEXT.  false: something is wrong. */
static bool
run_once(struct interleave_context *context)
{
    struct strand_sim_disk_options options = {.seed = context->plan.seed, .no_trace = true};
    struct strand_sim_disk *disk = NULL;

    int status = strand_sim_disk_create(&options, &disk);
    strand_assert(status == STRAND_OK);
    status = interleave_run(strand_sim_disk_fs(disk), context);
    strand_sim_disk_destroy(disk);
    return status == STRAND_OK;
}

static int
tell_difference(struct strand_crash_result *result)
{
    (void)snprintf(result->sentence, sizeof result->sentence,
                   "it does not run the same way each time");
    return STRAND_ERR_FAILED;
}

/* Let the kit run it and look at what crashes leave; the result is the kit's. */
static int
explore(struct interleave_context *context, struct strand_crash_result *out_result)
{
    struct strand_crash_program program = PROGRAM_PARTS;
    struct strand_crash_options options = options_of(&context->plan);
    struct scheduler_counts before = context->counts;

    context->run_count = 0;
    program.context = context;
    int status = strand_crash_explore(&program, &options, out_result);
    return status == STRAND_OK && context->counts.hash != before.hash ? tell_difference(out_result)
                                                                      : status;
}

/* SEED, without crashes or with them. */
static int
try_seed(const char *program_name, uint64_t seed, bool has_crashes,
         struct interleave_context *context, struct strand_crash_result *out_result)
{
    draw(program_name, seed, context);
    *out_result = (struct strand_crash_result){.seconds = 0};
    bool is_well = run_once(context);
    if (is_well && !has_crashes)
        return STRAND_OK;
    int status = explore(context, out_result);
    return is_well || status != STRAND_OK ? status : tell_difference(out_result);
}

static void
add(struct sums *sums, const struct interleave_context *context,
    const struct strand_crash_result *result)
{
    sums->seeds++;
    sums->explored += result->runs;
    sums->points += context->counts.points;
    sums->switches += context->counts.switches;
    sums->crash_points += result->crash_points;
    sums->sampled_points += result->sampled_points;
    sums->states += context->checked_count;
}

static void
print_failure(const char *program_name, const struct interleave_context *context,
              const struct strand_crash_result *result)
{
    uint64_t seed = context->plan.seed;

    interleave_plan_print(&context->plan);
    printf("%s\n%s", result->sentence, result->trace);
    if (result->replay[0] != '\0')
        printf("again: %s --replay %" PRIu64 " '%s'\n", program_name, seed, result->replay);
    else
        printf("again: %s 1 %" PRIu64 "\n", program_name, seed);
}

static int
run_seeds(const char *program_name, uint64_t count, uint64_t first, uint64_t explore_one_in)
{
    int64_t began_ns = strand_thread_now_ns();
    static struct strand_crash_result result;
    struct sums sums = {0};
    int status = STRAND_OK;

    for (uint64_t i = 0; i < count && status == STRAND_OK; i++) {
        struct interleave_context context;

        status = try_seed(program_name, first + i, i % explore_one_in == 0, &context, &result);
        add(&sums, &context, &result);
        if (status != STRAND_OK)
            print_failure(program_name, &context, &result);
    }
    printf("%" PRIu64 " seeds from %" PRIu64 " on, %" PRIu64 " of them with crashes, %" PRIu64
           " switch points, %" PRIu64 " switches, %" PRIu64 " crash points (%" PRIu64
           " of them sampled), %" PRIu64 " states, %d violations, %.1f s\n",
           sums.seeds, first, sums.explored, sums.points, sums.switches, sums.crash_points,
           sums.sampled_points, sums.states, status == STRAND_OK ? 0 : 1,
           (double)(strand_thread_now_ns() - began_ns) / NS_PER_SECOND);
    return status == STRAND_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
replay(uint64_t seed, const char *line)
{
    static struct strand_crash_result result;
    struct interleave_context context = {.share = 1};
    struct strand_crash_program program = PROGRAM_PARTS;

    interleave_plan_draw(seed, &context.plan);
    program.context = &context;
    struct strand_crash_options options = options_of(&context.plan);
    int status = strand_crash_replay(&program, &options, line, &result);
    printf("%s\n%s", status == STRAND_OK ? "the check passes" : result.sentence, result.trace);
    return status == STRAND_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--replay") == 0)
        return replay(strtoull(argv[2], NULL, 10), argv[3]);
    uint64_t count = argc >= 2 && argc <= 4 ? strtoull(argv[1], NULL, 10) : 0;
    if (count > 0) {
        uint64_t first = argc >= 3 ? strtoull(argv[2], NULL, 10) : 1;
        uint64_t explore_one_in = argc >= 4 ? strtoull(argv[3], NULL, 10) : 1;

        tell_when_it_dies();
        return run_seeds(argv[0], count, first, explore_one_in > 0 ? explore_one_in : 1);
    }
    (void)fprintf(stderr, "usage: interleavings SEEDS [FIRST_SEED [EXPLORE_ONE_IN]]\n"
                          "       interleavings --replay SEED LINE\n");
    return 2;
}
