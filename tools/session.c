/* tools/session.c -- Opening and closing, the same for every command. */
#include "tools/session.h"

#include <inttypes.h>
#include <stddef.h>

#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/options.h"
#include "tools/report.h"

static int
say_what_was_cut(void *context, const struct strand_recovery_report *report)
{
    (void)context;
    if (report->cut_bytes > 0)
        cli_say("recovered %s/%" PRId32 ": cut %" PRId64 " bytes at offset %" PRId64 ": %s",
                report->topic, report->partition, report->cut_bytes, report->cut_first_offset,
                report->reason);
    return STRAND_OK;
}

int
cli_session_open_with(struct cli_session *session, const struct cli_options *options,
                      const struct strand_engine_options *engine_options)
{
    struct strand_engine_options all = *engine_options;

    if (options->network_fs)
        all.flags |= (uint32_t)STRAND_ENGINE_NETWORK_FS;
    int status = strand_engine_open(options->data, &all, &session->engine);

    if (status == STRAND_OK && (all.flags & (uint32_t)STRAND_ENGINE_READ_ONLY) == 0)
        status = strand_engine_recovery_report(session->engine, say_what_was_cut, NULL);
    return status;
}

int
cli_session_open(struct cli_session *session, const struct cli_options *options, uint32_t flags)
{
    struct strand_engine_options engine_options = {.struct_size = sizeof engine_options,
                                                   .flags = flags};

    if (options->durability == STRAND_WRITTEN) { /* nothing waits for the disk, so nothing syncs */
        engine_options.commit_interval_ms = UINT32_MAX;
        engine_options.commit_bytes = UINT64_MAX;
    }
    return cli_session_open_with(session, options, &engine_options);
}

int
cli_session_open_log(struct cli_session *session, const struct cli_options *options, uint32_t flags)
{
    static const struct strand_log_options LOG_OPTIONS = {
        .struct_size = sizeof LOG_OPTIONS,
        .flags = STRAND_LOG_MUST_EXIST,
    };
    int status = cli_session_open(session, options, flags);

    if (status == STRAND_OK)
        status = strand_log_open(session->engine, options->topic, options->partition, &LOG_OPTIONS,
                                 &session->log);
    return status;
}

int
cli_session_close(struct cli_session *session, int exit_code)
{
    int status = strand_log_close(session->log);

    session->log = NULL;
    if (status != STRAND_OK && exit_code == CLI_EXIT_OK)
        exit_code = cli_report(status);
    status = strand_engine_close(session->engine);
    session->engine = NULL;
    if (status != STRAND_OK && exit_code == CLI_EXIT_OK)
        exit_code = cli_report(status);
    return exit_code;
}
