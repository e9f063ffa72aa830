/* tools/batch_writer.c -- A ring of batches between the thread that reads and the one that appends.
 *
 * Appending costs about twice what reading and splitting costs: with several batches ready, the
 * thread that appends hardly ever has to sleep.  Whoever fills waits until half of a full ring is
 * written, so that the threads wake each other once in several batches.
 */
#include "tools/batch_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "storage/batch_format.h"

enum { RECORDS_CAPACITY_FIRST = 1024 };

/* The oldest batch, NULL when there will be none any more. */
static struct cli_batch *
wait_for_batch(struct cli_batch_writer *writer)
{
    struct cli_batch *batch = NULL;

    strand_mutex_lock(&writer->mutex);
    while (writer->count == 0 && !writer->is_closing)
        (void)strand_condition_wait(&writer->changed, &writer->mutex, -1);
    if (writer->count > 0)
        batch = &writer->batches[writer->first];
    strand_mutex_unlock(&writer->mutex);
    return batch;
}

static int
append(struct cli_batch_writer *writer, const struct cli_batch *batch)
{
    static const struct strand_append_options WRITTEN = {
        .struct_size = sizeof WRITTEN,
        .durability = STRAND_WRITTEN,
    };
    struct strand_appended appended;
    int status = strand_log_append(writer->log, batch->records, batch->count, &WRITTEN, &appended);

    return status == STRAND_OK ? writer->written(writer->context, &appended) : status;
}

static void
release_batch(struct cli_batch_writer *writer, int status)
{
    strand_mutex_lock(&writer->mutex);
    strand_assert(writer->count > 0);
    bool is_awaited = writer->count == writer->awaited + 1;
    writer->first = (writer->first + 1) % CLI_BATCH_WRITER_DEPTH;
    writer->count--;
    if (writer->status == STRAND_OK && status != STRAND_OK) {
        writer->status = status;
        (void)snprintf(writer->message, sizeof writer->message, "%s", strand_error_message());
    }
    if (is_awaited)
        strand_condition_broadcast(&writer->changed);
    strand_mutex_unlock(&writer->mutex);
}

static void
run(void *argument)
{
    struct cli_batch_writer *writer = argument;
    const struct cli_batch *batch;
    int status = STRAND_OK;

    while ((batch = wait_for_batch(writer)) != NULL) {
        if (status == STRAND_OK)
            status = append(writer, batch);
        release_batch(writer, status);
    }
}

static void
empty_batch(struct cli_batch *batch)
{
    batch->count = 0;
    batch->size = STRAND_BATCH_HEADER_SIZE;
}

int
cli_batch_writer_start(struct cli_batch_writer *writer, struct strand_log *log,
                       cli_batch_written_fn *written, void *context)
{
    int status;

    *writer = (struct cli_batch_writer){.log = log, .written = written, .context = context};
    empty_batch(&writer->batches[0]);
    strand_mutex_init(&writer->mutex);
    strand_condition_init(&writer->changed);
    status = strand_thread_start(&writer->thread, "append", run, writer);
    if (status != STRAND_OK) {
        strand_condition_deinit(&writer->changed);
        strand_mutex_deinit(&writer->mutex);
    }
    return status;
}

/* The place behind those handed over does not change while the thread takes from the front. */
struct cli_batch *
cli_batch_writer_current(struct cli_batch_writer *writer)
{
    struct cli_batch *batch;

    strand_mutex_lock(&writer->mutex);
    strand_assert(writer->count < CLI_BATCH_WRITER_DEPTH);
    batch = &writer->batches[(writer->first + writer->count) % CLI_BATCH_WRITER_DEPTH];
    strand_mutex_unlock(&writer->mutex);
    return batch;
}

int
cli_batch_reserve(struct cli_batch *batch)
{
    if (batch->count < batch->capacity)
        return STRAND_OK;

    size_t capacity = batch->capacity > 0 ? batch->capacity * 2 : RECORDS_CAPACITY_FIRST;
    struct strand_record *records = realloc(batch->records, capacity * sizeof *records);
    if (records == NULL)
        return strand_fail(STRAND_ERR_NO_MEMORY, "append: no memory for a batch of %zu records",
                           capacity);
    batch->records = records;
    batch->capacity = capacity;
    return STRAND_OK;
}

/* Wait until at most COUNT batches are handed over.  Mutex held; given up. */
static int
wait_until_at_most(struct cli_batch_writer *writer, size_t count) STRAND_RELEASES(writer->mutex)
{
    int status;

    writer->awaited = count;
    while (writer->count > count)
        (void)strand_condition_wait(&writer->changed, &writer->mutex, -1);
    status = writer->status;
    strand_mutex_unlock(&writer->mutex);
    if (status != STRAND_OK)
        (void)strand_fail(status, "%s", writer->message);
    return status;
}

int
cli_batch_writer_submit(struct cli_batch_writer *writer)
{
    int status;

    strand_mutex_lock(&writer->mutex);
    writer->count++;
    strand_condition_broadcast(&writer->changed);
    bool is_full = writer->count == CLI_BATCH_WRITER_DEPTH;
    status = wait_until_at_most(writer,
                                is_full ? CLI_BATCH_WRITER_DEPTH / 2 : CLI_BATCH_WRITER_DEPTH - 1);
    empty_batch(cli_batch_writer_current(writer));
    return status;
}

int
cli_batch_writer_drain(struct cli_batch_writer *writer)
{
    strand_mutex_lock(&writer->mutex);
    return wait_until_at_most(writer, 0);
}

int
cli_batch_writer_finish(struct cli_batch_writer *writer)
{
    int status = cli_batch_writer_drain(writer);

    strand_mutex_lock(&writer->mutex);
    writer->is_closing = true;
    strand_condition_broadcast(&writer->changed);
    strand_mutex_unlock(&writer->mutex);
    strand_thread_join(&writer->thread);
    strand_condition_deinit(&writer->changed);
    strand_mutex_deinit(&writer->mutex);
    for (size_t i = 0; i < CLI_BATCH_WRITER_DEPTH; i++)
        free(writer->batches[i].records);
    return status;
}
