/* strandline/status.h -- Status codes, and the sentence behind the last failure.
 *
 * Every fallible function returns an int: STRAND_OK, STRAND_END (a cursor or listing has nothing
 * more for now; not a failure), or a negative STRAND_ERR_*.  The code is what a program acts on;
 * the sentence is for people and names what failed, where and why.
 */
#ifndef STRANDLINE_STATUS_H
#define STRANDLINE_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAND_API      __attribute__((visibility("default")))
#define STRAND_MUST_USE __attribute__((warn_unused_result))

/* Values never change and are never reused. */
#define STRAND_STATUS_MAP(X)                                                                       \
    X(STRAND_OK, 0, "success")                                                                     \
    X(STRAND_END, 1, "nothing more for now")                                                       \
    X(STRAND_ERR_IO, -1, "input/output error")                                                     \
    X(STRAND_ERR_NO_MEMORY, -2, "out of memory")                                                   \
    X(STRAND_ERR_NO_SPACE, -3, "no space left on device")                                          \
    X(STRAND_ERR_NOT_FOUND, -4, "not found")                                                       \
    X(STRAND_ERR_CORRUPT, -5, "stored data is corrupt")                                            \
    X(STRAND_ERR_INVALID, -6, "invalid argument")                                                  \
    X(STRAND_ERR_EXISTS, -7, "already exists")                                                     \
    X(STRAND_ERR_IN_USE, -8, "data directory is in use")                                           \
    X(STRAND_ERR_FOREIGN, -9, "directory is neither Strandline's nor Kafka's")                     \
    X(STRAND_ERR_VERSION, -10, "format version is not supported")                                  \
    X(STRAND_ERR_READ_ONLY, -11, "opened read-only")                                               \
    X(STRAND_ERR_PERMISSION, -12, "permission denied")                                             \
    X(STRAND_ERR_OUT_OF_RANGE, -13, "offset is out of range")                                      \
    X(STRAND_ERR_TOO_LARGE, -14, "batch is too large")                                             \
    X(STRAND_ERR_CODEC, -15, "compression codec is not available")                                 \
    X(STRAND_ERR_MAGIC, -16, "record format version (magic) is not supported")                     \
    X(STRAND_ERR_BATCH, -17, "record batch is malformed")                                          \
    X(STRAND_ERR_OFFSETS, -18, "offsets overlap or go backwards")                                  \
    X(STRAND_ERR_EPOCH, -19, "leader epoch is older than the log's")                               \
    X(STRAND_ERR_TRUNCATED, -20, "records were truncated")                                         \
    X(STRAND_ERR_FAILED, -21, "log has failed and must be reopened")                               \
    X(STRAND_ERR_QUARANTINED, -22, "log is quarantined: damaged, readable, refuses changes")       \
    X(STRAND_ERR_CLOSED, -23, "closed")                                                            \
    X(STRAND_ERR_TIMEOUT, -24, "timed out")                                                        \
    X(STRAND_ERR_BUSY, -25, "still in use by slices, cursors or handles")                          \
    X(STRAND_ERR_FORKED, -26, "handle belongs to the parent process")                              \
    X(STRAND_ERR_DESCRIPTORS, -27, "no file descriptor left")                                      \
    X(STRAND_ERR_FILE_SYSTEM, -28, "file system is not suitable")

enum strand_status {
#define X(name, value, text) name = value,
    STRAND_STATUS_MAP(X)
#undef X
};

/* Static text for STATUS; never NULL. */
STRAND_API const char *strand_status_text(int status);

/* What went wrong in the last failed call on this thread: a sentence that names the file or the
 * argument and the cause.  Valid until the next strandline call on this thread; meaningless after a
 * call that succeeded. */
STRAND_API const char *strand_error_message(void);

/* The offsets [*OUT_FIRST, *OUT_NEXT) that the last failed call on this thread concerned: after
 * STRAND_ERR_CORRUPT those that cannot be read, after STRAND_ERR_TRUNCATED those that are gone.
 * Both are -1 when the failure has no offsets.  Each may be NULL. */
STRAND_API void strand_error_offsets(int64_t *out_first, int64_t *out_next);

/* "MAJOR.MINOR.PATCH" of the library in use. */
STRAND_API const char *strand_version(void);

#ifdef __cplusplus
}
#endif

#endif
