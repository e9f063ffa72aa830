/* tools/cmd_epochs.c -- strandline epochs: which leader wrote which offsets. */
#include <inttypes.h>
#include <stdio.h>

#include "strandline/engine.h"
#include "strandline/log.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/session.h"
#include "tools/table.h"

struct listing {
    bool json;
    struct cli_table table;
    struct strand_leader_epoch previous; /* its end is the start of the next */
    bool has_previous;
};

static void
put_epoch(struct listing *listing, int64_t end_offset)
{
    const struct strand_leader_epoch *epoch = &listing->previous;

    if (!listing->has_previous)
        return;
    if (listing->json) {
        (void)printf("{\"epoch\":%" PRId32 ",\"start_offset\":%" PRId64 ",\"end_offset\":%" PRId64
                     "}\n",
                     epoch->epoch, epoch->start_offset, end_offset);
        return;
    }
    cli_table_put(&listing->table, "%" PRId32, epoch->epoch);
    cli_table_put(&listing->table, "%" PRId64, epoch->start_offset);
    cli_table_put(&listing->table, "%" PRId64, end_offset);
}

static int
visit(void *context, const struct strand_leader_epoch *epoch)
{
    struct listing *listing = context;

    put_epoch(listing, epoch->start_offset);
    listing->previous = *epoch;
    listing->has_previous = true;
    return cli_output_status();
}

static int
list_epochs(struct listing *listing, struct strand_log *log)
{
    struct strand_positions now;
    int status = strand_log_list_epochs(log, visit, listing);

    if (status == STRAND_OK)
        status = strand_log_positions(log, &now);
    if (status != STRAND_OK)
        return status;
    put_epoch(listing, now.log_end);
    return listing->json ? cli_output_status() : cli_table_print(&listing->table);
}

int
cli_run_epochs(const struct cli_options *options)
{
    static const char *const HEADINGS[] = {"EPOCH", "START", "END"};
    struct cli_session session = {NULL, NULL};
    struct listing listing = {.json = options->json};
    int status = cli_session_open_log(&session, options, STRAND_ENGINE_READ_ONLY);

    cli_table_init(&listing.table, "rrr");
    for (size_t i = 0; i < sizeof HEADINGS / sizeof HEADINGS[0]; i++)
        cli_table_put(&listing.table, "%s", HEADINGS[i]);
    if (status == STRAND_OK)
        status = list_epochs(&listing, session.log);
    cli_table_deinit(&listing.table);
    return cli_session_close(&session, cli_output_finish(cli_report(status)));
}
