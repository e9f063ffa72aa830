/* index/index_internal.h -- What an implementation of the index provides.
 *
 * It stores entries in the order of their keys and knows nothing of them, except where a batch cuts
 * a log: that changes entries by what they say, the same way in each (strand_index_cut()).
 */
#ifndef STRAND_INDEX_INTERNAL_H
#define STRAND_INDEX_INTERNAL_H

#include <stdatomic.h>

#include "base/thread.h"
#include "index/index_format.h"

/* Called with an entry that is valid for the call; not STRAND_OK ends the walk and is its result.
 */
typedef int strand_index_entry_fn(void *argument, struct strand_index_span key,
                                  struct strand_index_span value);

struct strand_index_ops {
    void (*close)(struct strand_index *index);

    int (*begin)(struct strand_index *index, struct strand_index_batch **out_batch);
    int (*put)(struct strand_index_batch *batch, const struct strand_index_key *key,
               struct strand_index_span value);
    int (*remove)(struct strand_index_batch *batch, const struct strand_index_key *from,
                  const struct strand_index_key *end); /* keys from FROM up to END, END left out */
    int (*cut)(struct strand_index_batch *batch, const uint8_t *id, int64_t offset);
    int (*commit)(struct strand_index_batch *batch); /* ends it; so does abort */
    void (*abort)(struct strand_index_batch *batch);

    /* The last entry at or below KEY; the first ones from KEY on.  Without any: STRAND_END; floor
     * also when there is none of that kind and log. */
    int (*floor)(struct strand_index *index, const struct strand_index_key *key,
                 strand_index_entry_fn *found, void *argument);
    int (*walk)(struct strand_index *index, const struct strand_index_key *key,
                strand_index_entry_fn *found, void *argument);
    int (*stat)(struct strand_index *index, struct strand_index_stat *out_stat);
};

/* Both are the first member of the implementation's own. */
struct strand_index {
    const struct strand_index_ops *ops;
    struct strand_mutex writer;     /* held by a batch, from begin to the end; before all others */
    _Atomic uint64_t commit_number; /* stored under it, after the commit */
    uint8_t directory_id[STRAND_INDEX_ID_SIZE];
};

struct strand_index_batch {
    struct strand_index *index;
    int status; /* of the first change that failed */
};

void strand_index_init(struct strand_index *index, const struct strand_index_ops *ops);
void strand_index_deinit(struct strand_index *index);

/* What strand_index_cut() needs of the place where it changes entries. */
struct strand_index_edit {
    /* The last entry below KEY, valid until the next change; STRAND_END, as from floor. */
    int (*last_below)(void *place, const struct strand_index_key *key,
                      struct strand_index_span *out_key, struct strand_index_span *out_value);
    /* Change the entry that last_below() led to: make its value this, which is not longer. */
    int (*shorten)(void *place, struct strand_index_span key, struct strand_index_span value);
    int (*remove)(void *place, const struct strand_index_key *from,
                  const struct strand_index_key *end);
};

STRAND_MUST_USE int strand_index_cut(const struct strand_index_edit *edit, void *place,
                                     const uint8_t *id, int64_t offset);

/* The value of the version record, and whether a record is one that INDEX may use. */
void strand_index_encode_version(const struct strand_index *index, uint64_t commit_number,
                                 uint8_t out_value[STRAND_INDEX_VERSION_SIZE]); /* not sealed */
STRAND_MUST_USE int strand_index_take_version(struct strand_index *index, const char *name,
                                              struct strand_index_span value);
struct strand_index_key strand_index_version_key(void);

#endif
