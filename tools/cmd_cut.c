/* tools/cmd_cut.c -- strandline truncate, trim and delete: what takes records away.
 *
 * They ask for nothing: where to cut stands on the command line, or the command is refused.
 */
#include <inttypes.h>
#include <stdio.h>

#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/session.h"

typedef int cut_fn(struct strand_log *log, const struct cli_options *options);

static int
truncate_log(struct strand_log *log, const struct cli_options *options)
{
    int64_t log_end;
    int status = strand_log_truncate(log, options->to, &log_end);

    if (status == STRAND_OK)
        (void)printf("%s/%" PRId32 " ends at %" PRId64 "\n", options->topic, options->partition,
                     log_end);
    return status;
}

static int
trim_log(struct strand_log *log, const struct cli_options *options)
{
    struct strand_positions now;
    int status = strand_log_trim(log, options->to);

    if (status == STRAND_OK)
        status = strand_log_positions(log, &now);
    if (status == STRAND_OK)
        (void)printf("%s/%" PRId32 " starts at %" PRId64 "\n", options->topic, options->partition,
                     now.log_start);
    return status;
}

static int
cut(const struct cli_options *options, cut_fn *cut_log)
{
    struct cli_session session = {NULL, NULL};
    int status = cli_session_open_log(&session, options, STRAND_ENGINE_MUST_EXIST);

    if (status == STRAND_OK)
        status = cut_log(session.log, options);
    return cli_session_close(&session, cli_output_finish(cli_report(status)));
}

int
cli_run_truncate(const struct cli_options *options)
{
    return cut(options, truncate_log);
}

int
cli_run_trim(const struct cli_options *options)
{
    return cut(options, trim_log);
}

int
cli_run_delete(const struct cli_options *options)
{
    struct cli_session session = {NULL, NULL};
    int status = cli_session_open(&session, options, STRAND_ENGINE_MUST_EXIST);

    if (status == STRAND_OK)
        status = strand_engine_delete_log(session.engine, options->topic, options->partition);
    return cli_session_close(&session, cli_report(status));
}
