/* tests/support/engine_fixture.h -- An engine on a simulated disk, one log in it, and short words
 * for using both.
 *
 * The engine has no threads: nothing happens that a test did not ask for.  The data directory is
 * /data, the log orders-0.  Options are set between create and open.  With fixture_create_posix()
 * the data directory is a real one; what looks at the disk is then not to be used.
 */
#ifndef STRAND_TESTS_ENGINE_FIXTURE_H
#define STRAND_TESTS_ENGINE_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include "simulation/sim_disk.h"
#include "strandline/strandline.h"

#define FIXTURE_DATA   "/data"
#define FIXTURE_LOG    "/data/orders-0"
#define FIXTURE_EPOCHS FIXTURE_LOG "/leader-epoch-checkpoint"

enum { FIXTURE_FILE_SIZE_MAX = 256 << 10, FIXTURE_SEGMENT_BYTES = 64 << 10 };

/* When every test begins: 2023-11-14, in ms. */
#define FIXTURE_NOW_MS INT64_C(1700000000000)

struct engine_fixture {
    struct strand_sim_disk *disk; /* NULL: a real file system */
    const char *directory;
    const struct strand_fs *fs;
    struct strand_engine *engine; /* NULL: not open, as the next */
    struct strand_log *log;
    struct strand_engine_options engine_options;
    struct strand_log_options log_options;
};

extern struct engine_fixture fixture;

/* CALL returns STATUS; its sentence is shown when it does not. */
#define expect_status(status, call)                                                                \
    do {                                                                                           \
        int status_found = (call);                                                                 \
        cr_expect_eq(status_found, status, "%s gives %d: %s", #call, status_found,                 \
                     strand_error_message());                                                      \
    } while (0)

#define require_ok(call)                                                                           \
    do {                                                                                           \
        int status_found = (call);                                                                 \
        cr_assert_eq(status_found, STRAND_OK, "%s gives %d: %s", #call, status_found,              \
                     strand_error_message());                                                      \
    } while (0)

/* The sentence of the last failure names PART. */
#define expect_message(part)                                                                       \
    cr_expect_not_null(strstr(strand_error_message(), part), "\"%s\" does not name \"%s\"",        \
                       strand_error_message(), part)

/* ---- Life ---- */

void fixture_create(void); /* a disk, and options for an engine and a log that are not open yet */
void fixture_create_posix(void); /* likewise, in a directory of the test's own */
void fixture_start(void);        /* create and open */
void fixture_destroy(void);      /* whatever is open is closed */

void fixture_open(void);
void fixture_open_engine(void);
void fixture_open_log(void);
void fixture_close(void); /* with success */
void fixture_reopen(void);

/* The power goes: handles are given up, and the disk forgets. */
void fixture_cut(enum strand_sim_loss loss);

/* The process is killed: handles are given up, the cache stays. */
void fixture_kill(void);

/* ---- Writing ---- */

/* The words of VALUES as the values of one batch. */
int fixture_try_append(const char *values, int durability, struct strand_appended *out_appended);

/* Likewise, durable, with success; the ticket. */
struct strand_appended fixture_append(const char *values);

/* The batches that TEXT describes, as in support/log_image.h without base and colon.  Static. */
const uint8_t *fixture_batches(const char *text, size_t *out_size);

/* Compute the CRC of BATCH anew, which a test has changed. */
void fixture_fix_crc(uint8_t *batch);

/* Append them, durable, as a follower or as a leader. */
int fixture_follow(const char *text);
int fixture_produce(const char *text);

/* Durable batches of one record each until the log ends at END. */
void fixture_fill(int64_t end);

/* ---- Looking ---- */

struct strand_positions fixture_positions(void);

/* The records from OFFSET on through a cursor: "0=a 1=b".  A failure is shown as "[3,5)" when
 * offsets are damaged, else as "(STATUS)"; then the cursor goes on, unless it does not move. */
const char *fixture_read(int64_t offset, int isolation);

/* The segments on disk, as log_image_read() shows them. */
const char *fixture_segments(void);

/* The content of the epoch file with blanks for newlines: "0 1 0 0 " */
const char *fixture_epochs(void);

/* What strand_engine_list() says about the log; texts are copied. */
struct fixture_info {
    struct strand_log_info info;
    char reason[512];
};
struct fixture_info fixture_info(void);

/* What opening found in the log; fails when there is no report. */
struct fixture_report {
    struct strand_recovery_report report;
    char reason[512];
};
struct fixture_report fixture_report(void);

#endif
