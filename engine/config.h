/* engine/config.h -- Limits and options: their names (Kafka's), ranges and defaults, in one table.
 *
 * Threading: no state; a config is guarded by its owner.
 */
#ifndef STRAND_ENGINE_CONFIG_H
#define STRAND_ENGINE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "strandline/engine.h"
#include "strandline/log.h"
#include "strandline/status.h"

enum {
    STRAND_DESCRIPTOR_BUDGET_MIN = 16,
    STRAND_COMMIT_INTERVAL_MS_DEFAULT = 200,
    STRAND_COMMIT_BYTES_DEFAULT = 64 << 20,
    STRAND_FRONTIER_DELAY_MS = 100, /* a written slot is synced no later than this */
    STRAND_CHECKPOINT_INTERVAL_MS_DEFAULT = 5000,
    STRAND_CHECKPOINT_SPACING_MS = 1000, /* between two, whatever asks for them */
    STRAND_SYNC_WORKERS_DEFAULT = 4,
    STRAND_RECOVERY_THREADS_DEFAULT = 4,
    STRAND_THREADS_MAX = 64,
    STRAND_PREPARED_BYTES_DEFAULT = 256 << 20,
    STRAND_FETCH_BYTES_DEFAULT = 1 << 20,
    STRAND_POOLED_BUFFERS_MAX = 64,
    STRAND_POOLED_BUFFER_SIZE_MAX = 4 << 20,
};

/* Options of one log.  All 64 bits, so that one table can read and write them. */
struct strand_log_config {
    int64_t segment_bytes;
    int64_t segment_ms;
    int64_t max_message_bytes;
    int64_t timestamp_type; /* enum strand_timestamp_type */
    int64_t codec;          /* enum strand_codec */
    int64_t gzip_level;
    int64_t lz4_level;
    int64_t zstd_level;
};

/* The config that OPTIONS ask for; NULL: defaults.  STRAND_ERR_INVALID names the option. */
STRAND_MUST_USE int strand_log_config_init(const struct strand_log_options *options,
                                           struct strand_log_config *out_config);

/* The level of the codec that is set; 0 if it has none. */
int strand_log_config_level(const struct strand_log_config *config);

/* Set or print one option by Kafka's name.  STRAND_ERR_NOT_FOUND, STRAND_ERR_INVALID. */
STRAND_MUST_USE int strand_log_config_set(struct strand_log_config *config, const char *name,
                                          const char *value);
STRAND_MUST_USE int strand_log_config_get(const struct strand_log_config *config, const char *name,
                                          char *value, size_t value_size);

/* Whether the struct_size of WHAT, GIVEN, covers the LEAST bytes that this build reads. */
STRAND_MUST_USE int strand_check_struct_size(const char *what, size_t given, size_t least);

/* Engine options with every default filled in. */
struct strand_engine_config {
    uint32_t flags;
    uint32_t descriptor_budget;
    int64_t commit_interval_ns;
    uint64_t commit_bytes;
    uint64_t unsynced_bytes_max; /* UINT64_MAX: no bound */
    int64_t checkpoint_interval_ns;
    uint32_t sync_workers;
    uint32_t recovery_threads;
    enum strand_recovery_policy recovery_policy;
    enum strand_preparation preparation;
    uint64_t prepared_bytes_max;
    enum strand_index_kind index; /* never AUTO */
    const char *index_directory;  /* borrowed while opening; NULL: the data directory */
    const struct strand_fs *fs;
    strand_notice_fn *notice;
    void *notice_context;
    strand_progress_fn *progress;
    void *progress_context;
};

STRAND_MUST_USE int strand_engine_config_init(const struct strand_engine_options *options,
                                              struct strand_engine_config *out_config);

#endif
