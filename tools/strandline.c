/* tools/strandline.c -- The command: which subcommand, with what, or help on them. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "strandline/status.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/report.h"

enum { OUTPUT_BUFFER_SIZE = 256 << 10 };

static const struct cli_command COMMANDS[] = {
    {CLI_APPEND, "append", CLI_OPERAND_LOG_AND_INPUT, "TOPIC[/PARTITION] [FILE]",
     "append records from a file or a pipe",
     "Reads FILE, or standard input without one, and appends a record for each line.  The log, "
     "and\n"
     "the data directory, are created if they are missing.  Exits when everything is durable.  "
     "When\n"
     "the input is bad, what stood before it has been appended.",
     cli_run_append},
    {CLI_READ, "read", CLI_OPERAND_LOG, "TOPIC[/PARTITION]", "print records",
     "Prints the value of each record on a line.  Works beside a process that writes.",
     cli_run_read},
    {CLI_TAIL, "tail", CLI_OPERAND_LOG, "TOPIC[/PARTITION]", "print records as they come",
     "As read, from the end on and without an end.", cli_run_tail},
    {CLI_LIST, "list", CLI_OPERAND_NONE, "", "list all logs",
     "START is the first offset, COMMITTED the end of what readers see, END the next offset.",
     cli_run_list},
    {CLI_DUMP, "dump", CLI_OPERAND_FILE, "FILE.log",
     "show every batch and record of a segment file",
     "Needs no data directory; behind damage it goes on with the next whole batch, and exits with "
     "2.\n"
     "By their names it also knows what a Kafka broker keeps beside segments: *.index, "
     "*.timeindex,\n"
     "*.txnindex, *.snapshot, leader-epoch-checkpoint and *-offset-checkpoint.",
     cli_run_dump},
    {CLI_VERIFY, "verify", CLI_OPERAND_LOG_OPTIONAL, "[TOPIC[/PARTITION]]",
     "read everything and check it",
     "Changes nothing.  Reads every batch and record of every log, and holds the small files that\n"
     "say what is durable against them.  Prints a line for each log, below it what was found: a\n"
     "problem (exit code 2), or a note on what the next opening for writing puts right.  Beside a\n"
     "process that writes only what is durable is judged.  TOPIC alone means all of its "
     "partitions.\n"
     "Of the index it checks structure and CRCs (strandline index verify does more); damage there "
     "is a\n"
     "warning and does not change the exit code, since the index is a cache and holds no data.",
     cli_run_verify},
    {CLI_RECOVER, "recover", CLI_OPERAND_NONE, "", "open, recover, and tell what was found",
     "Every command that writes recovers, too; this one does nothing else, and tells all of it: a\n"
     "line for each log that is not as it should be, the bytes that were cut but saved, a "
     "summary.\n"
     "Exits with 3 when something was cut (with --dry-run: would be), or a log is quarantined or\n"
     "could not be opened; with 0 when every log is whole.",
     cli_run_recover},
    {CLI_EPOCHS, "epochs", CLI_OPERAND_LOG, "TOPIC[/PARTITION]", "show the leader epochs of a log",
     "Prints for each epoch its first offset, and where it ends.", cli_run_epochs},
    {CLI_CHECKPOINT, "checkpoint", CLI_OPERAND_NONE, "", "show what is noted of each log",
     "Changes nothing.  Prints side by side what the checkpoint files in Kafka's format say "
     "(START,\n"
     "FLUSHED, COMMITTED), the frontier that recovery trusts (SLOT-START, SLOT-COMMITTED, "
     "DURABLE),\n"
     "and the mark of a clean close (CLEAN: the log end); points out where they differ.",
     cli_run_checkpoint},
    {CLI_DOCTOR, "doctor", CLI_OPERAND_DIRECTORY_OPTIONAL, "[DIR]",
     "what this machine means for durability",
     "Looks at the file system of the data directory, how it is mounted, and at the limits of the\n"
     "process; writes a temporary file and measures how long a sync takes.  Each finding is ok, a\n"
     "note, a warning or a problem; exits with 1 when there is a problem.",
     cli_run_doctor},
    {CLI_INDEX, "index", CLI_OPERAND_INDEX_ACTION, "stat | verify | rebuild",
     "look at the index, or make it anew",
     "The index is a cache that tells where in the logs an offset or a time is: nothing is lost "
     "with it,\n"
     "and every answer is the same without it.  All three work while no other process writes the\n"
     "directory.  stat tells how large it is and what of each log it covers.  verify checks the\n"
     "structure of its file, then each entry, then that against the headers of all batches; it "
     "changes\n"
     "nothing, and exits with 2 where something is wrong.  rebuild removes it, walks over all "
     "logs, "
     "and\n"
     "tells what the new one holds.",
     cli_run_index},
    {CLI_CRASHTEST, "crashtest", CLI_OPERAND_NONE, "",
     "let the power go at every moment, and look what is left",
     "Runs small workloads on a simulated disk in memory, works out all that a disk may hold when\n"
     "the power goes, the process dies or a call fails at any moment, lets recovery open each of "
     "these\n"
     "states, and holds what it serves against what was promised.  Needs no data directory.\n"
     "Exits with 1 when something does not hold, and prints the arguments that show it again.",
     cli_run_crashtest},
    {CLI_TRUNCATE, "truncate", CLI_OPERAND_LOG, "TOPIC[/PARTITION]", "remove the newest records",
     "Removes the records from --to OFFSET on, and with them the whole batch that OFFSET is in.",
     cli_run_truncate},
    {CLI_TRIM, "trim", CLI_OPERAND_LOG, "TOPIC[/PARTITION]", "remove the oldest records",
     "Forgets the records below --to OFFSET; space comes back in whole segments.", cli_run_trim},
    {CLI_DELETE, "delete", CLI_OPERAND_LOG, "TOPIC[/PARTITION]", "remove a log",
     "Removes the log and everything in it, for good and without asking.", cli_run_delete},
};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0] };

static const char EXIT_CODES[] = "Exit codes: 0 done, 1 failed, 2 stored data is corrupt, 3 "
                                 "recovery cut or quarantined something\n"
                                 "(recover), 4 the data directory is in use, 64 the command line "
                                 "is wrong.  Results go to standard\n"
                                 "output, everything else to standard error.\n";

static const struct cli_command *
find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

static void
print_overview(FILE *stream)
{
    (void)fputs("Usage: strandline COMMAND ...\n\n", stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(stream, "  %-10s %-26s %s\n", COMMANDS[i].name, COMMANDS[i].operand_text,
                      COMMANDS[i].summary);
    (void)fprintf(
        stream,
        "  %-10s %-26s %s\n"
        "\nEach command but dump and crashtest works on a data directory: --data DIR, or\n"
        "STRANDLINE_DATA of the environment.  PARTITION is 0 when it is left out.\n\n%s",
        "help", "[COMMAND]", "explain a command and its options", EXIT_CODES);
}

static int
print_help(const struct cli_command *command)
{
    (void)printf("Usage: strandline %s %s%s[OPTION ...]\n\n%s\n\n", command->name,
                 command->operand_text, command->operand_text[0] != '\0' ? " " : "",
                 command->details);
    cli_options_print(stdout, command);
    (void)printf("\n%s", EXIT_CODES);
    return cli_output_finish(CLI_EXIT_OK);
}

static int
fail_usage(const char *sentence, const char *argument)
{
    cli_say("%s%s; see strandline help", sentence, argument);
    return CLI_EXIT_USAGE;
}

static int
run_help(const char *name)
{
    const struct cli_command *command = name != NULL ? find_command(name) : NULL;

    if (name == NULL) {
        print_overview(stdout);
        return cli_output_finish(CLI_EXIT_OK);
    }
    return command != NULL ? print_help(command) : fail_usage("no command ", name);
}

static int
run_command(const struct cli_command *command, int count, char **arguments)
{
    struct cli_options options;
    int status = cli_options_parse(command, count, arguments, &options);

    if (status != STRAND_OK)
        return cli_report(status);
    return options.help ? print_help(command) : command->run(&options);
}

/* A stream that came closed is opened: its number would go to a file of the data directory, and
 * output would be written over it.  Results that nobody can get must not count as delivered: hence
 * standard output is open for reading, which makes writes fail. */
static bool
open_closed_streams(void)
{
    static const int MODES[] = {O_RDONLY, O_RDONLY, O_WRONLY};

    /* open() gives the lowest number that is free: from 0 on, that is the one looked at. */
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) == -1 && open("/dev/null", MODES[i]) != i)
            return false;
    return true;
}

int
main(int argc, char **argv)
{
    static char output_buffer[OUTPUT_BUFFER_SIZE];
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct cli_command *command = name != NULL ? find_command(name) : NULL;

    if (!open_closed_streams())
        return CLI_EXIT_FAILED; /* there may be nowhere to say so */
    /* A reader that goes away is an error of write(), which is handled.  Neither call can fail with
     * these arguments. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, output_buffer, _IOFBF, sizeof output_buffer);
    if (name == NULL) {
        print_overview(stderr);
        return CLI_EXIT_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return run_help(argc > 2 ? argv[2] : NULL);
    if (strcmp(name, "--version") == 0) {
        (void)printf("strandline %s\n", strand_version());
        return cli_output_finish(CLI_EXIT_OK);
    }
    if (command == NULL)
        return fail_usage("no command ", name);
    return run_command(command, argc - 2, argv + 2);
}
