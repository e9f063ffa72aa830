/* tests/support/replica.h -- Replicas of one log, each an engine on a simulated disk of its own.
 *
 * Who leads, and who is in sync, is for the test to say: a replica leads after replica_lead(), a
 * follower fetches when told to.  Engines have no threads.  Failures of the library end the test.
 */
#ifndef STRAND_TESTS_REPLICA_H
#define STRAND_TESTS_REPLICA_H

#include <stddef.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include "simulation/sim_disk.h"
#include "strandline/strandline.h"

enum { REPLICA_NOTICE_SIZE = 256 };

struct replica {
    struct strand_sim_disk *disk;
    struct strand_engine *engine; /* NULL: down */
    struct strand_log *log;
    int warnings;                      /* notices of level 4 since it was created */
    char warning[REPLICA_NOTICE_SIZE]; /* the last of them */
    int questions;                     /* asked as a leader, see replica_ask() */
};

/* CALL returns STATUS; its sentence is shown when it does not. */
#define replica_expect(status, call)                                                               \
    do {                                                                                           \
        int status_found = (call);                                                                 \
        cr_assert_eq(status_found, status, "%s gives %d: %s", #call, status_found,                 \
                     strand_error_message());                                                      \
    } while (0)

/* ---- Life ---- */

void replica_create(struct replica *replica, uint64_t seed); /* and start it */
void replica_start(struct replica *replica);
void replica_stop(struct replica *replica); /* cleanly */
void replica_destroy(struct replica *replica);

/* The power goes, and takes what LOSS says. */
void replica_cut(struct replica *replica, enum strand_sim_loss loss, uint64_t seed);

/* ---- Working ---- */

void replica_lead(struct replica *replica, int32_t epoch);

/* VALUE as a batch of its own, at DURABILITY. */
void replica_append(struct replica *replica, const char *value, int durability);

/* One fetch of at most MAX_BYTES (one batch at least) from LEADER, appended at DURABILITY, and the
 * leader's high watermark and log start as they were then. */
void replica_fetch(struct replica *replica, struct replica *leader, uint32_t max_bytes,
                   int durability);

/* Until the logs end at the same offset. */
void replica_catch_up(struct replica *replica, struct replica *leader);

/* A strand_ask_leader_fn: CONTEXT is the replica that leads. */
int replica_ask(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset);

/* As Kafka did it before KIP-101. */
void replica_truncate_to_watermark(struct replica *replica);

/* ---- Looking ---- */

struct strand_positions replica_positions(struct replica *replica);

/* "0:m1 1:m2", up to the log end, through a cursor.  Static. */
const char *replica_text(struct replica *replica);

/* "0@0 3@7", the epoch history as the library lists it.  Static. */
const char *replica_epochs(struct replica *replica);

/* The bytes of both logs are the same from the higher log start to the lower log end, batch by
 * batch. */
bool replica_is_prefix(struct replica *shorter, struct replica *longer);

/* Likewise, and they end at the same offset. */
bool replica_is_same(struct replica *one, struct replica *other);

#endif
