/* bench/doomed.c -- The server ends when the pipe that its requests come from is closed, so also
 * when the benchmark is killed.
 */
#include "bench/doomed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/stop.h"

struct request {
    uint32_t number;
    char directory[BENCH_PATH_SIZE];
};

/* Read or write all of DATA; false at an end, or a failure. */
static bool
transfer(int descriptor, void *data, size_t size, bool writes)
{
    char *place = data;

    while (size > 0) {
        ssize_t done = writes ? write(descriptor, place, size) : read(descriptor, place, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        place += done;
        size -= (size_t)done;
    }
    return true;
}

static int
write_and_die(bench_doomed_fn *write_files, void *context, const struct request *request)
{
    int status = write_files(context, request->number, request->directory);

    if (status != STRAND_OK && status != STRAND_END)
        bench_say("writer: %s", strand_error_message());
    return status == STRAND_OK ? 0 : 1;
}

static void
serve(bench_doomed_fn *write_files, void *context, int requests, int answers)
{
    struct request request;

    while (transfer(requests, &request, sizeof request, false)) {
        int result = -1;
        pid_t child = fork();

        if (child == 0)
            _exit(write_and_die(write_files, context, &request));
        while (child > 0 && waitpid(child, &result, 0) < 0 && errno == EINTR)
            ;
        if (!transfer(answers, &result, sizeof result, true))
            return;
    }
}

int
bench_doomed_start(bench_doomed_fn *write_files, void *context, struct bench_doomed *out_doomed)
{
    int requests[2];
    int answers[2];

    if (pipe(requests) != 0)
        return strand_fail_code(errno, "create a pipe to the writers");
    if (pipe(answers) != 0) {
        int code = errno;

        (void)close(requests[0]); /* nothing was sent */
        (void)close(requests[1]);
        return strand_fail_code(code, "create a pipe to the writers");
    }
    pid_t server = fork();
    if (server == 0) {
        (void)close(requests[1]); /* its end is to be seen */
        serve(write_files, context, requests[0], answers[1]);
        _exit(0);
    }
    int code = errno;
    (void)close(requests[0]); /* the server's */
    (void)close(answers[1]);
    *out_doomed = (struct bench_doomed){server, requests[1], answers[0]};
    if (server > 0)
        return STRAND_OK;
    out_doomed->server = 0;
    (void)close(requests[1]); /* nothing was sent */
    (void)close(answers[0]);
    return strand_fail_code(code, "start the writers");
}

int
bench_doomed_run(struct bench_doomed *doomed, uint32_t number, const char *directory)
{
    struct request request = {.number = number};
    int result;

    (void)snprintf(request.directory, sizeof request.directory, "%s", directory);
    if (!transfer(doomed->requests, &request, sizeof request, true) ||
        !transfer(doomed->answers, &result, sizeof result, false))
        return strand_fail(STRAND_ERR_FAILED, "the writers are gone");
    if (bench_stop_is_wanted())
        return STRAND_END;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        return strand_fail(STRAND_ERR_FAILED, "the writer has failed");
    return STRAND_OK;
}

void
bench_doomed_stop(struct bench_doomed *doomed)
{
    if (doomed->server <= 0)
        return;
    (void)close(doomed->requests); /* which it ends at */
    (void)close(doomed->answers);
    while (waitpid(doomed->server, NULL, 0) < 0 && errno == EINTR)
        ;
    doomed->server = 0;
}
