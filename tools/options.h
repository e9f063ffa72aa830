/* tools/options.h -- The command line: one table drives parsing and help.
 *
 * Options are long and come anywhere after the command: --name VALUE, --name=VALUE; "--" ends them.
 */
#ifndef STRAND_TOOLS_OPTIONS_H
#define STRAND_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "storage/topic_name.h"
#include "strandline/status.h"
#include "tools/position.h"

/* Which command; a bit, so that an option can name all that take it. */
enum cli_command_id {
    CLI_APPEND = 1 << 0,
    CLI_READ = 1 << 1,
    CLI_TAIL = 1 << 2,
    CLI_LIST = 1 << 3,
    CLI_DUMP = 1 << 4,
    CLI_VERIFY = 1 << 5,
    CLI_TRUNCATE = 1 << 6,
    CLI_TRIM = 1 << 7,
    CLI_DELETE = 1 << 8,
    CLI_RECOVER = 1 << 9,
    CLI_EPOCHS = 1 << 10,
    CLI_CHECKPOINT = 1 << 11,
    CLI_DOCTOR = 1 << 12,
    CLI_INDEX = 1 << 13,
    CLI_CRASHTEST = 1 << 14,
};

enum cli_operand { /* what may stand in the place of a command's operands */
                   CLI_OPERAND_NONE,
                   CLI_OPERAND_LOG,
                   CLI_OPERAND_LOG_OPTIONAL,
                   CLI_OPERAND_LOG_AND_INPUT, /* the second is optional */
                   CLI_OPERAND_FILE,
                   CLI_OPERAND_DIRECTORY_OPTIONAL, /* stands for --data */
                   CLI_OPERAND_INDEX_ACTION,
};

enum cli_index_action { CLI_INDEX_NONE, CLI_INDEX_STAT, CLI_INDEX_VERIFY, CLI_INDEX_REBUILD };

enum cli_input_kind { CLI_INPUT_LINES, CLI_INPUT_NDJSON, CLI_INPUT_LENGTH };

/* Of crashtest; see struct crashtest_suite. */
struct cli_crash_options {
    const char *workload; /* NULL = not given, as the next four */
    const char *script;
    const char *go_on;
    const char *passes; /* names between commas */
    const char *state;
    int64_t random_count;
    int64_t seed;
    int64_t seconds; /* 0 = no limit */
    int64_t jobs;    /* 0 = one for each processor */
    int32_t index;   /* enum cli_crash_index */
    int32_t crashes; /* enum strand_crash_kind; 0 = both */
    bool keeps_going;
    bool list;
};

enum cli_crash_index { CLI_CRASH_ANY_INDEX, CLI_CRASH_MEMORY, CLI_CRASH_LMDB };

struct cli_options {
    /* Operands; the strings are borrowed from argv. */
    char topic[STRAND_TOPIC_NAME_SIZE_MAX + 1]; /* "" = none */
    int32_t partition;
    bool has_partition;
    const char *file; /* NULL = none */
    enum cli_index_action index_action;

    /* Options, by the order of the table. */
    const char *data; /* NULL = not given */
    bool network_fs;
    bool json;
    bool quiet;
    bool help;
    int32_t input;             /* enum cli_input_kind */
    const char *key_separator; /* NULL = none */
    int32_t durability;        /* enum strand_durability */
    bool acks;
    int64_t batch_bytes;
    int64_t batch_records;  /* 0 = as many as fit */
    int32_t codec;          /* enum strand_codec */
    int64_t level;          /* 0 = the codec's default */
    int32_t timestamp_type; /* enum strand_timestamp_type */
    int64_t segment_bytes;  /* 0 = the library's default */
    int64_t max_message_bytes;
    struct cli_position from;
    int64_t until;     /* -1 = no end */
    int64_t count;     /* -1 = all */
    int32_t isolation; /* enum strand_isolation */
    const char *format;
    int64_t interval_ms;
    int64_t to;     /* -1 = not given */
    int32_t policy; /* enum strand_recovery_policy */
    bool dry_run;
    bool remove_saved;
    const char *index_directory; /* NULL = the data directory */
    struct cli_crash_options crash;
};

struct cli_command {
    enum cli_command_id id;
    const char *name;
    enum cli_operand operand;
    const char *operand_text;                      /* for help: "TOPIC[/PARTITION]" */
    const char *summary;                           /* one line */
    const char *details;                           /* paragraphs for its own help */
    int (*run)(const struct cli_options *options); /* returns an exit code */
};

/* Parse what follows the command's name.  STRAND_ERR_INVALID with a sentence.  With --help nothing
 * else is required. */
STRAND_MUST_USE int cli_options_parse(const struct cli_command *command, int count,
                                      char **arguments, struct cli_options *out_options);

/* A paragraph on each option of COMMAND. */
void cli_options_print(FILE *stream, const struct cli_command *command);

#endif
