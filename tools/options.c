/* tools/options.c -- The table of options, and what reads it.
 *
 * Not getopt: its long form is not in POSIX, and -5 is a value here and not an option.
 */
#include "tools/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "strandline/log.h"
#include "strandline/record.h"
#include "tools/option_value.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_NUMBER,
    OPTION_BYTES, /* a number that may end with k, m or g */
    OPTION_CHOICE,
    OPTION_POSITION,
};

struct option {
    const char *name;
    const char *argument; /* NULL for a flag */
    unsigned commands;    /* enum cli_command_id */
    enum option_kind kind;
    size_t field; /* place in struct cli_options */
    int64_t min;
    int64_t max;
    const char *const *choices; /* ends with NULL; the value is the index */
    const char *help;
};

#define FIELD(name) offsetof(struct cli_options, name)

enum {
    READERS = CLI_READ | CLI_TAIL,
    CUTTERS = CLI_TRUNCATE | CLI_TRIM,
    INSPECTORS = CLI_VERIFY | CLI_RECOVER | CLI_EPOCHS | CLI_CHECKPOINT | CLI_DOCTOR | CLI_INDEX,
    WITH_DATA = CLI_APPEND | READERS | CLI_LIST | INSPECTORS | CUTTERS | CLI_DELETE,
    EVERY = WITH_DATA | CLI_DUMP | CLI_CRASHTEST,
};

static const char *const INPUTS[] = {"lines", "ndjson", "length", NULL};
static const char *const DURABILITIES[] = {"durable", "written", NULL};
static const char *const CODECS[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const TIMESTAMP_TYPES[] = {"CreateTime", "LogAppendTime", NULL};
static const char *const ISOLATIONS[] = {"committed", "stable", "written", NULL};
static const char *const CRASH_INDEXES[] = {"any", "memory", "lmdb", NULL};
static const char *const CRASHES[] = {"both", "power", "kill", NULL};
static const char *const POLICIES[] = {"quarantine", "refuse", "salvage", NULL};

static const struct option OPTIONS[] = {
    {"data", "DIR", WITH_DATA, OPTION_TEXT, FIELD(data), 0, 0, NULL,
     "The data directory; default: STRANDLINE_DATA of the environment."},
    {"allow-network-fs", NULL, WITH_DATA, OPTION_FLAG, FIELD(network_fs), 0, 0, NULL,
     "Accept a data directory on a network file system, whose locks may not hold."},
    {"input", "KIND", CLI_APPEND, OPTION_CHOICE, FIELD(input), 0, 0, INPUTS,
     "lines: a record per line (default); ndjson: a JSON object per line, as read --json prints "
     "it; length: a big-endian uint32 size, then the value."},
    {"key-separator", "TEXT", CLI_APPEND, OPTION_TEXT, FIELD(key_separator), 0, 0, NULL,
     "What stands between key and value of a line (\\t and \\xHH are understood); a line without "
     "it has no key."},
    {"durability", "LEVEL", CLI_APPEND, OPTION_CHOICE, FIELD(durability), 0, 0, DURABILITIES,
     "durable: exit when all survives a loss of power (default); written: when it survives the "
     "death of the process."},
    {"acks", NULL, CLI_APPEND, OPTION_FLAG, FIELD(acks), 0, 0, NULL,
     "Print \"FIRST LAST\" for each batch as soon as it is durable; not with --durability written. "
     " "
     "When nobody reads them any more, that ends the input."},
    {"batch-bytes", "N", CLI_APPEND, OPTION_BYTES, FIELD(batch_bytes), 1, INT32_MAX, NULL,
     "Size of a batch before compression; default 65536.  A record that is larger goes alone; a "
     "partial batch goes when the input pauses."},
    {"batch-records", "N", CLI_APPEND, OPTION_NUMBER, FIELD(batch_records), 1, INT32_MAX, NULL,
     "Records in a batch at most; default: as many as fit."},
    {"codec", "NAME", CLI_APPEND, OPTION_CHOICE, FIELD(codec), 0, 0, CODECS,
     "Compress batches: none (default), gzip, snappy, lz4, zstd."},
    {"level", "N", CLI_APPEND, OPTION_NUMBER, FIELD(level), INT32_MIN, INT32_MAX, NULL,
     "Compression level; default: the codec's own."},
    {"timestamp-type", "TYPE", CLI_APPEND, OPTION_CHOICE, FIELD(timestamp_type), 0, 0,
     TIMESTAMP_TYPES, "CreateTime (default) or LogAppendTime."},
    {"segment-bytes", "N", CLI_APPEND, OPTION_BYTES, FIELD(segment_bytes), 14, INT32_MAX, NULL,
     "Begin a new segment file at this size; default 1g."},
    {"max-message-bytes", "N", CLI_APPEND, OPTION_BYTES, FIELD(max_message_bytes), 1, INT32_MAX,
     NULL, "Largest batch, and largest record; default 1048588."},
    {"from", "WHERE", READERS, OPTION_POSITION, FIELD(from), 0, 0, NULL,
     "earliest, latest, offset N, -N for N before the end, @TIME for the first record not older "
     "(ms since 1970 or 2026-11-22T14:00:00Z).  read begins at earliest, tail at latest."},
    {"until", "N", CLI_READ, OPTION_NUMBER, FIELD(until), 0, INT64_MAX, NULL,
     "Stop in front of offset N."},
    {"count", "N", READERS, OPTION_NUMBER, FIELD(count), 0, INT64_MAX, NULL,
     "Stop after N records."},
    {"isolation", "LEVEL", READERS, OPTION_CHOICE, FIELD(isolation), 0, 0, ISOLATIONS,
     "Read what is committed (default), stable (of finished transactions) or merely written."},
    {"format", "TEXT", READERS, OPTION_TEXT, FIELD(format), 0, 0, NULL,
     "Print each record by kcat's letters: %s value, %S its size (-1 null), %R its size as "
     "big-endian "
     "int32, %k key, %K its size, %o offset, %p partition, %t topic, %T timestamp, %h headers, %%; "
     "\\n \\t \\r \\0 \\xHH.  Default: %s\\n."},
    {"interval-ms", "N", CLI_TAIL, OPTION_NUMBER, FIELD(interval_ms), 1, INT32_MAX, NULL,
     "Look for new records this often; default 200."},
    {"to", "OFFSET", CUTTERS, OPTION_NUMBER, FIELD(to), 0, INT64_MAX, NULL,
     "truncate: the first offset to go; trim: the first to stay."},
    {"dry-run", NULL, CLI_RECOVER, OPTION_FLAG, FIELD(dry_run), 0, 0, NULL,
     "Only tell what would be done; nothing is changed."},
    {"policy", "NAME", CLI_RECOVER, OPTION_CHOICE, FIELD(policy), 0, 0, POLICIES,
     "What to do with a log that is damaged below what was durable.  quarantine (default): keep it "
     "unchanged, readable around the damage; refuse: open nothing; salvage: save the damaged bytes "
     "as cut-<offset>.bytes, keep every whole batch, and serve what is left."},
    {"remove-saved", NULL, CLI_RECOVER, OPTION_FLAG, FIELD(remove_saved), 0, 0, NULL,
     "Afterwards remove the bytes that this and earlier recoveries saved (cut-<offset>.bytes), "
     "without asking."},
    {"index-directory", "DIR", CLI_INDEX | CLI_VERIFY, OPTION_TEXT, FIELD(index_directory), 0, 0,
     NULL, "Where the index is; default: in the data directory."},
    {"workload", "NAME", CLI_CRASHTEST, OPTION_TEXT, FIELD(crash.workload), 0, 0, NULL,
     "One of those that --list names; default: all."},
    {"script", "TEXT", CLI_CRASHTEST, OPTION_TEXT, FIELD(crash.script), 0, 0, NULL,
     "A workload of your own: steps between semicolons, as in \"open; create 0; "
     "3*append 0 1 durable\"; --list explains them."},
    {"then", "TEXT", CLI_CRASHTEST, OPTION_TEXT, FIELD(crash.go_on), 0, 0, NULL,
     "With --script: what goes on after a first crash, before a second."},
    {"random", "N", CLI_CRASHTEST, OPTION_NUMBER, FIELD(crash.random_count), 1, 1000000, NULL,
     "N scripts by chance.  One that fails is made as small as it can be."},
    {"seed", "N", CLI_CRASHTEST, OPTION_NUMBER, FIELD(crash.seed), 0, INT64_MAX, NULL,
     "Which ones; the next N have the numbers from this on.  Default 0."},
    {"passes", "NAMES", CLI_CRASHTEST, OPTION_TEXT, FIELD(crash.passes), 0, 0, NULL,
     "How each workload is explored: names of --list, with commas between; default: all."},
    {"index", "KIND", CLI_CRASHTEST, OPTION_CHOICE, FIELD(crash.index), 0, 0, CRASH_INDEXES,
     "Only the passes with an index in memory, or with LMDB on a RAM disk; default: any."},
    {"crashes", "KIND", CLI_CRASHTEST, OPTION_CHOICE, FIELD(crash.crashes), 0, 0, CRASHES,
     "power: what was not synced may be lost; kill: only the process dies; default: both."},
    {"time", "SECONDS", CLI_CRASHTEST, OPTION_NUMBER, FIELD(crash.seconds), 1, 1000000, NULL,
     "Stop after so long, with equal shares for all that is explored; default: no limit."},
    {"jobs", "N", CLI_CRASHTEST, OPTION_NUMBER, FIELD(crash.jobs), 1, 256, NULL,
     "Threads that check; default: one for each processor."},
    {"keep-going", NULL, CLI_CRASHTEST, OPTION_FLAG, FIELD(crash.keeps_going), 0, 0, NULL,
     "A violation does not end it; the first is told, all are counted."},
    {"state", "LINE", CLI_CRASHTEST, OPTION_TEXT, FIELD(crash.state), 0, 0, NULL,
     "Look at one state again: needs --workload or --script, and one of --passes."},
    {"list", NULL, CLI_CRASHTEST, OPTION_FLAG, FIELD(crash.list), 0, 0, NULL,
     "Print workloads, passes, steps of scripts, and what must hold."},
    {"json", NULL, CLI_APPEND | READERS | CLI_LIST | CLI_DUMP | INSPECTORS | CLI_CRASHTEST,
     OPTION_FLAG, FIELD(json), 0, 0, NULL,
     "Print JSON: one object (append, crashtest), or one per line."},
    {"quiet", NULL, CLI_APPEND | CLI_VERIFY | CLI_RECOVER | CLI_INDEX | CLI_CRASHTEST, OPTION_FLAG,
     FIELD(quiet), 0, 0, NULL, "No progress, even at a terminal."},
    {"help", NULL, EVERY, OPTION_FLAG, FIELD(help), 0, 0, NULL, "Print this."},
};

enum { OPTION_COUNT = sizeof OPTIONS / sizeof OPTIONS[0] };

/* ---- Values ---- */

static int
set_option(const struct option *option, const char *text, struct cli_options *options)
{
    const struct cli_number_rule rule = {option->kind == OPTION_BYTES, option->min, option->max};
    char *field = (char *)options + option->field;

    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)(void *)field = true;
        return STRAND_OK;
    case OPTION_TEXT:
        *(const char **)(void *)field = text;
        return STRAND_OK;
    case OPTION_NUMBER:
    case OPTION_BYTES:
        return cli_option_number(option->name, text, &rule, (int64_t *)(void *)field);
    case OPTION_CHOICE:
        return cli_option_choice(option->name, text, option->choices, (int32_t *)(void *)field);
    case OPTION_POSITION:
        break;
    }
    strand_assert(option->kind == OPTION_POSITION);
    return cli_position_parse(text, (struct cli_position *)(void *)field);
}

/* ---- Operands ---- */

/* TOPIC or TOPIC/PARTITION. */
static int
set_log(const char *text, struct cli_options *options)
{
    const char *slash = strchr(text, '/');
    size_t topic_size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 2];
    int64_t partition = 0;
    int status;

    /* One character too many is kept, for the check below to find. */
    if (topic_size > STRAND_TOPIC_NAME_SIZE_MAX + 1)
        topic_size = STRAND_TOPIC_NAME_SIZE_MAX + 1;
    memcpy(topic, text, topic_size);
    topic[topic_size] = '\0';
    status = strand_topic_name_check(topic);
    if (status != STRAND_OK)
        return status;
    if (slash != NULL &&
        (!cli_int64_parse(slash + 1, &partition) || partition < 0 || partition > INT32_MAX))
        return strand_fail(STRAND_ERR_INVALID, "\"%s\": the partition must be from 0 to %d", text,
                           INT32_MAX);
    memcpy(options->topic, topic, topic_size + 1);
    options->partition = (int32_t)partition;
    options->has_partition = slash != NULL;
    return STRAND_OK;
}

static int
set_index_action(const char *text, struct cli_options *options)
{
    static const char *const ACTIONS[] = {
        [CLI_INDEX_STAT] = "stat",
        [CLI_INDEX_VERIFY] = "verify",
        [CLI_INDEX_REBUILD] = "rebuild",
    };

    for (int i = CLI_INDEX_STAT; i <= CLI_INDEX_REBUILD; i++) {
        if (strcmp(ACTIONS[i], text) != 0)
            continue;
        options->index_action = (enum cli_index_action)i;
        return STRAND_OK;
    }
    return strand_fail(STRAND_ERR_INVALID, "index: \"%s\": must be stat, verify or rebuild", text);
}

static int
set_operand(const struct cli_command *command, int position, const char *text,
            struct cli_options *options)
{
    bool takes_log = command->operand == CLI_OPERAND_LOG ||
                     command->operand == CLI_OPERAND_LOG_OPTIONAL ||
                     command->operand == CLI_OPERAND_LOG_AND_INPUT;
    bool takes_file = (command->operand == CLI_OPERAND_FILE && position == 0) ||
                      (command->operand == CLI_OPERAND_LOG_AND_INPUT && position == 1);

    if (takes_log && position == 0)
        return set_log(text, options);
    if (command->operand == CLI_OPERAND_DIRECTORY_OPTIONAL && position == 0) {
        options->data = text;
        return STRAND_OK;
    }
    if (command->operand == CLI_OPERAND_INDEX_ACTION && position == 0)
        return set_index_action(text, options);
    if (!takes_file)
        return strand_fail(STRAND_ERR_INVALID, "%s: unexpected \"%s\"", command->name, text);
    options->file = text;
    return STRAND_OK;
}

/* ---- All of it ---- */

static const struct option *
find_option(const struct cli_command *command, const char *name, size_t name_size)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((OPTIONS[i].commands & (unsigned)command->id) != 0 &&
            strncmp(OPTIONS[i].name, name, name_size) == 0 && OPTIONS[i].name[name_size] == '\0')
            return &OPTIONS[i];
    return NULL;
}

/* ARGUMENTS[*INDEX] is an option; its value may be the next one. */
static int
parse_option(const struct cli_command *command, int count, char **arguments, int *index,
             struct cli_options *options)
{
    const char *name = arguments[*index] + 2;
    const char *equals = strchr(name, '=');
    size_t name_size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option *option = find_option(command, name, name_size);

    if (option == NULL)
        return strand_fail(STRAND_ERR_INVALID, "%s: no option --%.*s", command->name,
                           (int)name_size, name);
    if (option->kind == OPTION_FLAG && equals != NULL)
        return strand_fail(STRAND_ERR_INVALID, "--%s takes no value", option->name);
    if (option->kind == OPTION_FLAG || equals != NULL)
        return set_option(option, equals != NULL ? equals + 1 : "", options);
    if (*index + 1 >= count)
        return strand_fail(STRAND_ERR_INVALID, "--%s needs a value: %s", option->name,
                           option->argument);
    (*index)++;
    return set_option(option, arguments[*index], options);
}

static void
set_defaults(const struct cli_command *command, struct cli_options *options)
{
    memset(options, 0, sizeof *options);
    options->data = getenv("STRANDLINE_DATA");
    options->batch_bytes = 65536;
    options->max_message_bytes = 1048588;
    options->from.kind = command->id == CLI_TAIL ? CLI_FROM_LATEST : CLI_FROM_EARLIEST;
    options->until = -1;
    options->count = -1;
    options->format = "%s\\n";
    options->interval_ms = 200;
    options->to = -1;
}

static int
check_together(const struct cli_options *options)
{
    if (options->acks && options->durability == STRAND_WRITTEN)
        return strand_fail(STRAND_ERR_INVALID, "--acks tells what is durable: it does not go with "
                                               "--durability written");
    if (options->crash.go_on != NULL && options->crash.script == NULL)
        return strand_fail(STRAND_ERR_INVALID, "--then follows a script: it needs --script");
    if (options->dry_run && options->remove_saved)
        return strand_fail(STRAND_ERR_INVALID, "--dry-run changes nothing: it does not go with "
                                               "--remove-saved");
    return STRAND_OK;
}

static int
check_required(const struct cli_command *command, const struct cli_options *options)
{
    bool needs_log =
        command->operand == CLI_OPERAND_LOG || command->operand == CLI_OPERAND_LOG_AND_INPUT;

    if (needs_log && options->topic[0] == '\0')
        return strand_fail(STRAND_ERR_INVALID, "%s: which log? %s", command->name,
                           command->operand_text);
    if (command->operand == CLI_OPERAND_FILE && options->file == NULL)
        return strand_fail(STRAND_ERR_INVALID, "%s: which file? %s", command->name,
                           command->operand_text);
    if (command->operand == CLI_OPERAND_INDEX_ACTION && options->index_action == CLI_INDEX_NONE)
        return strand_fail(STRAND_ERR_INVALID, "%s: do what? %s", command->name,
                           command->operand_text);
    if (find_option(command, "data", 4) != NULL &&
        (options->data == NULL || options->data[0] == '\0'))
        return strand_fail(STRAND_ERR_INVALID,
                           "%s: which data directory? Use --data DIR or set STRANDLINE_DATA",
                           command->name);
    if (find_option(command, "to", 2) != NULL && options->to < 0)
        return strand_fail(STRAND_ERR_INVALID, "%s: --to OFFSET is required", command->name);
    return STRAND_OK;
}

int
cli_options_parse(const struct cli_command *command, int count, char **arguments,
                  struct cli_options *out_options)
{
    bool options_ended = false;
    int operand_count = 0;

    set_defaults(command, out_options);
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        int status = STRAND_OK;

        if (options_ended || argument[0] != '-' || argument[1] == '\0')
            status = set_operand(command, operand_count++, argument, out_options);
        else if (strcmp(argument, "--") == 0)
            options_ended = true;
        else if (strcmp(argument, "-h") == 0)
            out_options->help = true;
        else if (strncmp(argument, "--", 2) == 0)
            status = parse_option(command, count, arguments, &i, out_options);
        else
            status = strand_fail(STRAND_ERR_INVALID, "%s: no option %s", command->name, argument);
        if (status != STRAND_OK)
            return status;
    }
    if (out_options->help)
        return STRAND_OK;
    int status = check_together(out_options);
    return status == STRAND_OK ? check_required(command, out_options) : status;
}

/* ---- Help ---- */

enum { HELP_INDENT = 26, HELP_WIDTH = 78 };

void
cli_options_print(FILE *stream, const struct cli_command *command)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        int used;

        if ((option->commands & (unsigned)command->id) == 0)
            continue;
        used = fprintf(stream, "  --%s%s%s", option->name, option->argument != NULL ? " " : "",
                       option->argument != NULL ? option->argument : "");
        if (used < HELP_INDENT)
            (void)fprintf(stream, "%*s", HELP_INDENT - used, "");
        else
            (void)fprintf(stream, "\n%*s", HELP_INDENT, "");
        cli_option_print_help(stream, option->help, HELP_INDENT, HELP_WIDTH);
    }
}
