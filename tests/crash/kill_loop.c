/* tests/crash/kill_loop.c -- kill -9 during durable appends, two hundred times by default.
 *
 *     kill_loop PATH_OF_STRANDLINE [RUNS [SEED]]
 *
 * Each run appends numbered lines to one log with --acks and kills the process when a random number
 * of acknowledgements has been read.  Then the directory is opened for writing by a next append of
 * one line, and everything is read back: every acknowledged record is there with its bytes, in
 * order, what was not acknowledged is there whole or not at all.
 *
 * A kill proves something only if the writer was at work: runs in which it fell between the first
 * and the last acknowledgement are counted, and too few of them fail the test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES_PER_RUN = 3000, LINE_SIZE_MAX = 64, OFFSETS_MAX = 1000000, RUNS_DEFAULT = 200 };

static const char *program;
static char directory[] = "/tmp/strandline-kill-XXXXXX";
static char input_path[128];
static char (*expected)[LINE_SIZE_MAX]; /* by offset: what was appended there, in this lineage */
static int64_t acknowledged;            /* everything below is promised */
static int64_t attempted;               /* nothing at or above was ever written */
static uint64_t random_state;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

static void
fail(const char *what)
{
    (void)fprintf(stderr, "kill_loop: %s (data in %s)\n", what, directory);
    exit(1);
}

/* Start the program with its output in a pipe; returns the end to read. */
static FILE *
start(const char *const arguments[], pid_t *out_pid)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        fail("pipe");
    *out_pid = fork();
    if (*out_pid < 0)
        fail("fork");
    if (*out_pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execv(program, (char **)(uintptr_t)arguments);
        _exit(127);
    }
    (void)close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    if (output == NULL)
        fail("fdopen");
    return output;
}

static int
finish(pid_t pid)
{
    int result;

    while (waitpid(pid, &result, 0) < 0)
        if (errno != EINTR)
            fail("waitpid");
    return result;
}

/* Write the input of one run and note what will stand at which offset, from START on. */
static void
prepare(int run, int64_t start_offset, int count)
{
    FILE *input = fopen(input_path, "w");

    if (input == NULL)
        fail("cannot write the input");
    for (int i = 0; i < count; i++) {
        if (start_offset + i >= OFFSETS_MAX)
            fail("too many records");
        (void)snprintf(expected[start_offset + i], LINE_SIZE_MAX, "run %d line %d of a real log",
                       run, i);
        (void)fprintf(input, "%s\n", expected[start_offset + i]);
    }
    if (fclose(input) != 0)
        fail("cannot write the input");
    attempted = start_offset + count;
}

/* Append until KILL_AFTER acknowledgements were read (negative: to the end).  Returns whether the
 * kill fell while the writer was at work. */
static bool
append(int kill_after)
{
    const char *arguments[] = {program,           "append", "--data", directory,  "--acks",
                               "--batch-records", "5",      "orders", input_path, NULL};
    pid_t pid;
    FILE *output = start(arguments, &pid);
    int64_t first, last;
    int acks = 0;

    while (fscanf(output, "%" SCNd64 " %" SCNd64, &first, &last) == 2) {
        if (first != acknowledged)
            fail("an acknowledgement leaves a gap");
        acknowledged = last + 1;
        if (++acks == kill_after)
            (void)kill(pid, SIGKILL); /* what it had still printed counts as acknowledged too */
    }
    (void)fclose(output);
    int result = finish(pid);
    if (kill_after < 0 && (!WIFEXITED(result) || WEXITSTATUS(result) != 0))
        fail("append failed");
    if (WIFEXITED(result) && WEXITSTATUS(result) != 0)
        fail("append failed before it was killed");
    return WIFSIGNALED(result) && acks > 0 && acknowledged < attempted;
}

/* Read everything back and hold it against what was promised.  Returns the log end. */
static int64_t
check(void)
{
    const char *arguments[] = {program,    "read",     "--data",      directory,
                               "--from",   "earliest", "--isolation", "written",
                               "--format", "%o %s\\n", "orders",      NULL};
    char line[2 * LINE_SIZE_MAX];
    char wanted[2 * LINE_SIZE_MAX];
    pid_t pid;
    FILE *output = start(arguments, &pid);
    int64_t offset = 0;

    while (fgets(line, sizeof line, output) != NULL) {
        if (offset >= attempted)
            fail("there are records that were never appended");
        (void)snprintf(wanted, sizeof wanted, "%" PRId64 " %s\n", offset, expected[offset]);
        if (strcmp(line, wanted) != 0) {
            (void)fprintf(stderr, "kill_loop: read %s          wanted %s", line, wanted);
            fail("a record is not what was appended");
        }
        offset++;
    }
    (void)fclose(output);
    int result = finish(pid);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        fail("read failed");
    if (offset < acknowledged) {
        (void)fprintf(stderr, "kill_loop: %" PRId64 " of %" PRId64 " are there\n", offset,
                      acknowledged);
        fail("acknowledged records are gone");
    }
    return offset;
}

static void
remove_directory(void)
{
    char command[256];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        fail("cannot remove the data");
}

int
main(int argc, char **argv)
{
    int runs = argc > 2 ? atoi(argv[2]) : RUNS_DEFAULT;
    int at_work = 0;

    if (argc < 2)
        return 64;
    program = argv[1];
    random_state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    expected = calloc(OFFSETS_MAX, sizeof *expected);
    if (expected == NULL || mkdtemp(directory) == NULL)
        fail("no memory or no directory");
    (void)snprintf(input_path, sizeof input_path, "%s.input", directory);

    for (int run = 0; run < runs; run++) {
        prepare(run, acknowledged, LINES_PER_RUN);
        at_work += append(1 + (int)draw(12)) ? 1 : 0;
        acknowledged = check();
        if (run % 8 == 7) { /* recovery has to have left a log that takes more */
            prepare(run, acknowledged, 1);
            (void)append(-1);
            acknowledged = check();
        }
    }
    remove_directory();
    (void)unlink(input_path);
    (void)printf("%d kills, %d of them between the first and the last acknowledgement, "
                 "%" PRId64 " records acknowledged, 0 lost\n",
                 runs, at_work, acknowledged);
    return at_work * 4 >= runs * 3 ? 0 : 1;
}
