/* tools/doctor.h -- What a machine means for durability: facts, and what follows from them.
 *
 *     doctor_facts.c   asks the machine; writes and syncs a temporary file
 *     doctor_judge.c   knows what the answers mean; asks nothing
 */
#ifndef STRAND_TOOLS_DOCTOR_H
#define STRAND_TOOLS_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "strandline/fs.h"
#include "strandline/status.h"
#include "tools/findings.h"
#include "tools/mount_info.h"

enum { CLI_DOCTOR_SYNC_COUNT = 20, CLI_DOCTOR_WORD_SIZE = 64 };

enum cli_journal { CLI_JOURNAL_UNKNOWN, CLI_JOURNAL_SEEN, CLI_JOURNAL_NONE };

struct cli_doctor_facts {
    char path[CLI_MOUNT_PATH_SIZE]; /* absolute, without symbolic links */
    bool network_allowed;
    struct strand_fs_volume volume;
    bool has_mount; /* it was found in mountinfo */
    struct cli_mount mount;
    char device[CLI_DOCTOR_WORD_SIZE];      /* the kernel's name, "vda"; "" = unknown */
    char write_cache[CLI_DOCTOR_WORD_SIZE]; /* "write back", "write through"; "" = unknown */
    char backing_file[CLI_MOUNT_PATH_SIZE]; /* of a loop device; "" = it is none */
    enum cli_journal journal;               /* of ext4 */
    int write_code; /* errno of making and writing a file there; 0 = it works */
    int sync_code;  /* of syncing it */
    int64_t sync_median_ns;
    bool can_reserve;
    bool can_zero;
    int64_t descriptor_limit; /* INT64_MAX = none, as in the next; */
    int64_t file_size_limit;
    int64_t max_map_count; /* -1 = unknown, as in the next */
    int64_t overcommit;
};

/* STRAND_ERR_NOT_FOUND, STRAND_ERR_INVALID (no directory), STRAND_ERR_IO: nothing is known. */
STRAND_MUST_USE int cli_doctor_gather(const char *directory, struct cli_doctor_facts *out_facts);

void cli_doctor_judge(const struct cli_doctor_facts *facts, struct cli_findings *findings);

/* What the file system is called. */
const char *cli_doctor_type(const struct cli_doctor_facts *facts);

#endif
