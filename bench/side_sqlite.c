/* bench/side_sqlite.c -- SQLite: WAL; synchronous=FULL where appends are durable, else OFF; one
 * prepared insert; several records in one transaction.
 *
 * There is one connection, which threads use by turns: SQLite has one writer at a time, and
 * connections that wait for each other sleep.
 */
#include "bench/side_peers.h"

#ifdef BENCH_HAVE_SQLITE

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "bench/options.h"
#include "bench/payload.h"
#include "bench/peers.h"
#include "bench/scratch.h"
#include "strandline/log.h"

enum statement {
    STATEMENT_INSERT,
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ALL,
    STATEMENT_ONE,
    STATEMENT_COUNT
};

static const char *const STATEMENTS[STATEMENT_COUNT] = {
    "INSERT INTO records VALUES (?, ?)",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "SELECT value FROM records ORDER BY number",
    "SELECT value FROM records WHERE number = ?",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct strand_mutex lock; /* of all */
    struct bench_numbers numbers;
};

static int
fail(const struct store *store, const char *what)
{
    return strand_fail(STRAND_ERR_FAILED, "SQLite: %s: %s", what, sqlite3_errmsg(store->db));
}

static int
close_store(void *opaque)
{
    struct store *store = opaque;

    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(store->statements[i]); /* tells of the last step, which was told */
    int code = sqlite3_close(store->db);
    strand_mutex_deinit(&store->lock);
    bench_numbers_deinit(&store->numbers);
    free(store);
    return code == SQLITE_OK ? STRAND_OK : strand_fail(STRAND_ERR_FAILED, "SQLite: close");
}

static int
prepare(struct store *store, const char *directory, bool is_durable)
{
    char path[BENCH_PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/records.db", directory);
    if (sqlite3_open(path, &store->db) != SQLITE_OK)
        return fail(store, "open");
    if (sqlite3_exec(store->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(store->db, is_durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(store->db,
                     "CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, value BLOB)",
                     NULL, NULL, NULL) != SQLITE_OK)
        return fail(store, "set up");
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v2(store->db, STATEMENTS[i], -1, &store->statements[i], NULL) !=
            SQLITE_OK)
            return fail(store, "prepare");
    return STRAND_OK;
}

static int
open_store(const struct bench_setup *setup, void **out_store)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "no memory for a store");
    strand_mutex_init(&store->lock);
    int status = bench_numbers_init(&store->numbers, setup->log_count);
    if (status == STRAND_OK)
        status = prepare(store, setup->directory, setup->options->durability == STRAND_DURABLE);
    if (status != STRAND_OK) {
        char message[STRAND_ERROR_MESSAGE_SIZE_MAX];

        (void)snprintf(message, sizeof message, "%s", strand_error_message());
        (void)close_store(store); /* the failure before it is the one to tell */
        return strand_fail(status, "%s", message);
    }
    *out_store = store;
    return STRAND_OK;
}

/* Let a statement without rows run. */
static int
run(struct store *store, enum statement number)
{
    sqlite3_stmt *statement = store->statements[number];
    int code = sqlite3_step(statement);

    (void)sqlite3_reset(statement); /* tells the same */
    return code == SQLITE_DONE ? STRAND_OK : fail(store, STATEMENTS[number]);
}

static int
insert_all(struct store *store, uint32_t log, const struct bench_batch *batch)
{
    sqlite3_stmt *insert = store->statements[STATEMENT_INSERT];
    sqlite3_int64 number =
        (sqlite3_int64)bench_numbers_take(&store->numbers, log, batch->record_count);
    int status = STRAND_OK;

    for (size_t i = 0; i < batch->record_count && status == STRAND_OK; i++, number++) {
        const struct strand_bytes *value = &batch->records[i].value;

        if (sqlite3_bind_int64(insert, 1, number) != SQLITE_OK ||
            sqlite3_bind_blob64(insert, 2, value->data, value->size, SQLITE_STATIC) != SQLITE_OK)
            return fail(store, "bind");
        status = run(store, STATEMENT_INSERT);
    }
    return status;
}

static int
append(void *opaque, uint32_t log, const struct bench_batch *batch)
{
    struct store *store = opaque;
    bool is_alone = batch->record_count == 1; /* a transaction by itself */

    strand_mutex_lock(&store->lock);
    int status = is_alone ? STRAND_OK : run(store, STATEMENT_BEGIN);
    if (status == STRAND_OK)
        status = insert_all(store, log, batch);
    if (status == STRAND_OK && !is_alone)
        status = run(store, STATEMENT_COMMIT);
    strand_mutex_unlock(&store->lock);
    return status;
}

/* Visit what STATEMENT selects; how many rows in *OUT_COUNT. */
static int
visit_rows(struct store *store, enum statement number, bench_visit_fn *visit, void *context,
           size_t *out_count)
{
    sqlite3_stmt *statement = store->statements[number];
    int code;

    *out_count = 0;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        visit(context, sqlite3_column_blob(statement, 0),
              (size_t)sqlite3_column_bytes(statement, 0));
        ++*out_count;
    }
    (void)sqlite3_reset(statement); /* tells the same */
    return code == SQLITE_DONE ? STRAND_OK : fail(store, STATEMENTS[number]);
}

static int
scan(void *opaque, bench_visit_fn *visit, void *context)
{
    size_t ignored;

    return visit_rows(opaque, STATEMENT_ALL, visit, context, &ignored);
}

static int
find(void *opaque, uint64_t number, bench_visit_fn *visit, void *context)
{
    struct store *store = opaque;
    size_t count;

    if (sqlite3_bind_int64(store->statements[STATEMENT_ONE], 1, (sqlite3_int64)number) != SQLITE_OK)
        return fail(store, "bind");
    int status = visit_rows(store, STATEMENT_ONE, visit, context, &count);
    if (status == STRAND_OK && count == 0)
        return strand_fail(STRAND_ERR_NOT_FOUND, "SQLite: select: no such number");
    return status;
}

const char *
bench_sqlite_version(void)
{
    return sqlite3_libversion();
}

const struct bench_side bench_side_sqlite = {
    .name = "sqlite",
    .about = "SQLite",
    .is_peer = true,
    .open = open_store,
    .append = append,
    .scan = scan,
    .find = find,
    .close = close_store,
};

#endif
