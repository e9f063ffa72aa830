/* tools/commands.h -- The commands: each returns an exit code and has reported what went wrong. */
#ifndef STRAND_TOOLS_COMMANDS_H
#define STRAND_TOOLS_COMMANDS_H

struct cli_options;

int cli_run_append(const struct cli_options *options);
int cli_run_read(const struct cli_options *options);
int cli_run_tail(const struct cli_options *options);
int cli_run_list(const struct cli_options *options);
int cli_run_dump(const struct cli_options *options);
int cli_run_verify(const struct cli_options *options);
int cli_run_truncate(const struct cli_options *options);
int cli_run_trim(const struct cli_options *options);
int cli_run_delete(const struct cli_options *options);
int cli_run_recover(const struct cli_options *options);
int cli_run_epochs(const struct cli_options *options);
int cli_run_checkpoint(const struct cli_options *options);
int cli_run_crashtest(const struct cli_options *options);
int cli_run_doctor(const struct cli_options *options);
int cli_run_index(const struct cli_options *options);
int cli_run_index_verify(const struct cli_options *options); /* index verify */

#endif
