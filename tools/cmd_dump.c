/* tools/cmd_dump.c -- strandline dump: every batch header and record of a segment file.
 *
 * The lines are those of Kafka's DumpLogSegments, so that eyes and scripts find what they know. The
 * scanner decides what is a whole batch, as everywhere; behind damage the dump goes on with the
 * next one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer_pool.h"
#include "base/error.h"
#include "base/file.h"
#include "storage/batch.h"
#include "storage/compression.h"
#include "storage/record_reader.h"
#include "storage/segment_scan.h"
#include "storage/topic_name.h"
#include "tools/commands.h"
#include "tools/dump_kafka_files.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/report.h"

enum { BUFFER_COUNT = 2, BUFFER_KEPT_MAX = 16 << 20 };

struct dump {
    bool json;
    char path[STRAND_PATH_SIZE_MAX]; /* absolute */
    struct strand_file file;
    int64_t size;
    struct strand_codec_pool *codecs; /* owned, as the rest */
    struct strand_buffer_pool *buffers;
    struct strand_buffer *batch;
    struct strand_buffer *decompressed;
    struct strand_record_reader reader;
    bool is_damaged;
};

static const char *
bool_text(bool value)
{
    return value ? "true" : "false";
}

static const char *
timestamp_name(uint16_t attributes)
{
    return (attributes & STRAND_BATCH_LOG_APPEND_TIME) != 0 ? "LogAppendTime" : "CreateTime";
}

static void
print_header(const uint8_t *batch, int64_t position)
{
    struct strand_batch_header header;
    const char *codec;
    int32_t last_sequence;

    strand_batch_decode_header(batch, &header);
    codec = strand_codec_name(header.attributes & STRAND_BATCH_CODEC_MASK);
    last_sequence = header.base_sequence < 0
                        ? header.base_sequence
                        : strand_sequence_add(header.base_sequence, header.last_offset_delta);
    (void)printf("baseOffset: %" PRId64 " lastOffset: %" PRId64 " count: %" PRId32
                 " baseSequence: %" PRId32 " lastSequence: %" PRId32 " producerId: %" PRId64
                 " producerEpoch: %d partitionLeaderEpoch: %" PRId32,
                 header.base_offset, strand_batch_end_offset(batch) - 1, header.record_count,
                 header.base_sequence, last_sequence, header.producer_id, header.producer_epoch,
                 header.leader_epoch);
    (void)printf(" isTransactional: %s isControl: %s",
                 bool_text((header.attributes & STRAND_BATCH_TRANSACTIONAL) != 0),
                 bool_text((header.attributes & STRAND_BATCH_CONTROL) != 0));
    if ((header.attributes & STRAND_BATCH_DELETE_HORIZON) != 0)
        (void)printf(" deleteHorizonMs: OptionalLong[%" PRId64 "]", header.base_timestamp_ms);
    else
        (void)printf(" deleteHorizonMs: OptionalLong.empty");
    (void)printf(" position: %" PRId64 " %s: %" PRId64 " size: %" PRId64
                 " magic: %d compresscodec: %s crc: %" PRIu32 " isvalid: true\n",
                 position, timestamp_name(header.attributes), header.max_timestamp_ms, header.size,
                 strand_batch_magic(batch), codec != NULL ? codec : "unknown", header.crc);
}

static int64_t
shown_size(struct strand_bytes bytes)
{
    return bytes.data == NULL ? -1 : (int64_t)bytes.size;
}

/* What a control record means, in place of its bytes. */
static void
print_control(const struct strand_record *record)
{
    static const char *const NAMES[] = {
        [STRAND_CONTROL_ABORT] = "ABORT",
        [STRAND_CONTROL_COMMIT] = "COMMIT",
        [STRAND_CONTROL_LEADER_CHANGE] = "LEADER_CHANGE",
        [STRAND_CONTROL_SNAPSHOT_HEADER] = "SNAPSHOT_HEADER",
        [STRAND_CONTROL_SNAPSHOT_FOOTER] = "SNAPSHOT_FOOTER",
        [STRAND_CONTROL_KRAFT_VERSION] = "KRAFT_VERSION",
        [STRAND_CONTROL_KRAFT_VOTERS] = "KRAFT_VOTERS",
    };
    struct strand_control_record control;

    if (strand_control_record_decode(record, &control) != STRAND_OK)
        (void)printf(" endTxnMarker: malformed");
    else if (control.type >= 0 && control.type < (int)(sizeof NAMES / sizeof NAMES[0]))
        (void)printf(" endTxnMarker: %s coordinatorEpoch: %" PRId32, NAMES[control.type],
                     control.coordinator_epoch);
    else
        (void)printf(" endTxnMarker: UNKNOWN(%d)", control.type);
}

static void
print_record(const struct strand_batch_header *header, const struct strand_record *record)
{
    int32_t delta = (int32_t)(record->offset - header->base_offset);
    int32_t sequence = header->base_sequence < 0
                           ? header->base_sequence
                           : strand_sequence_add(header->base_sequence, delta);

    (void)printf("| offset: %" PRId64 " %s: %" PRId64 " keySize: %" PRId64 " valueSize: %" PRId64
                 " sequence: %" PRId32 " headers: [",
                 record->offset, timestamp_name(header->attributes), record->timestamp_ms,
                 shown_size(record->key), shown_size(record->value), sequence);
    for (size_t i = 0; i < record->header_count; i++) {
        (void)fputs(i > 0 ? ",{" : "{", stdout);
        cli_json_put_bytes(stdout, "key", record->headers[i].key);
        (void)fputc(',', stdout);
        cli_json_put_bytes(stdout, "value", record->headers[i].value);
        (void)fputc('}', stdout);
    }
    (void)fputs("] ", stdout);
    cli_json_put_bytes(stdout, "key", record->key);
    (void)fputc(' ', stdout);
    cli_json_put_bytes(stdout, "payload", record->value);
    if ((header->attributes & STRAND_BATCH_CONTROL) != 0)
        print_control(record);
    (void)fputc('\n', stdout);
}

/* The records of the batch in dump->batch. */
static int
print_records(struct dump *dump)
{
    struct strand_record record;
    int status = strand_record_reader_open(&dump->reader, dump->batch->data, dump->codecs,
                                           dump->decompressed);

    while (status == STRAND_OK) {
        status = strand_record_reader_next(&dump->reader, &record);
        if (status != STRAND_OK)
            break;
        if (dump->json)
            cli_json_put_record(stdout, &record);
        else
            print_record(&dump->reader.header, &record);
    }
    return status == STRAND_END ? STRAND_OK : status;
}

/* STRAND_END stops the dump: whoever read the output has gone. */
static int
visit(void *argument, const uint8_t *batch, int64_t position)
{
    struct dump *dump = argument;
    size_t size = (size_t)strand_batch_size(batch);
    int status;

    if (!dump->json)
        print_header(batch, position);
    status = strand_buffer_reserve(dump->batch, size);
    if (status == STRAND_OK)
        status = strand_file_read_exactly(&dump->file, dump->batch->data, size, position);
    if (status != STRAND_OK)
        return status;
    status = print_records(dump);
    if (status == STRAND_ERR_BATCH || status == STRAND_ERR_CODEC) {
        cli_say("batch at position %" PRId64 " of %s: %s", position, dump->path,
                strand_error_message());
        dump->is_damaged = true;
        status = STRAND_OK;
    }
    return status == STRAND_OK ? cli_output_status() : status;
}

/* Where the next whole batch behind the damage at RESULT begins, -1 for none. */
static int
step_over(struct dump *dump, const struct strand_scan_result *result, int64_t *out_position)
{
    int64_t offset;
    int status;

    cli_say("%s: %s", dump->path, result->reason);
    dump->is_damaged = true;
    status = strand_segment_find_whole(&dump->file, result->position, dump->size,
                                       result->end_offset, true, out_position, &offset, NULL);
    if (status == STRAND_OK && *out_position >= 0)
        cli_say("%s: skipped %" PRId64 " bytes at position %" PRId64, dump->path,
                *out_position - result->position, result->position);
    return status;
}

/* From the name of the file, or for another name from the first batch. */
static int
find_base_offset(const struct dump *dump, int64_t *out_base_offset)
{
    const char *name = strrchr(dump->path, '/');
    uint8_t header[STRAND_BATCH_HEADER_SIZE];
    int status;

    if (name != NULL && strand_segment_name_parse(name + 1, out_base_offset))
        return STRAND_OK;
    *out_base_offset = 0;
    if (dump->size < STRAND_BATCH_HEADER_SIZE)
        return STRAND_OK;
    status = strand_file_read_exactly(&dump->file, header, sizeof header, 0);
    if (status == STRAND_OK && strand_batch_base_offset(header) >= 0)
        *out_base_offset = strand_batch_base_offset(header);
    return status;
}

static int
dump_file(struct dump *dump)
{
    struct strand_scan_request request = {
        .file = &dump->file,
        .end_position = dump->size,
        .gaps_allowed = true,
        .visit = visit,
        .argument = dump,
    };
    struct strand_scan_result result;

    if (cli_kafka_file_is_known(dump->path))
        return cli_kafka_file_dump(&dump->file, dump->path, dump->size, dump->json);
    int status = find_base_offset(dump, &request.base_offset);

    request.expected_offset = request.base_offset;
    while (status == STRAND_OK && request.position >= 0) {
        status = strand_segment_scan(&request, &result);
        if (status == STRAND_OK && result.stop == STRAND_SCAN_VISITOR)
            status = result.visitor_status;
        if (status != STRAND_OK || result.stop == STRAND_SCAN_END)
            return status;
        if (result.stop == STRAND_SCAN_ZEROS) {
            cli_say("%s: %s", dump->path, result.reason);
            return STRAND_OK;
        }
        status = step_over(dump, &result, &request.position);
        request.expected_offset = result.end_offset;
    }
    return status;
}

/* The file layer knows absolute paths only. */
static int
make_absolute(const char *path, char out_path[STRAND_PATH_SIZE_MAX])
{
    char directory[STRAND_PATH_SIZE_MAX];

    if (path[0] == '/')
        return strand_path_join(out_path, "", path + 1);
    if (getcwd(directory, sizeof directory) == NULL)
        return strand_fail_code(errno, "find the current directory");
    return strand_path_join(out_path, directory, path);
}

static int
open_dump(struct dump *dump, const char *path)
{
    int status;

    strand_record_reader_init(&dump->reader);
    status = make_absolute(path, dump->path);
    if (status == STRAND_OK)
        status = strand_file_open(strand_fs_posix(), dump->path, 0, &dump->file);
    if (status == STRAND_OK)
        status = strand_file_size(&dump->file, &dump->size);
    if (status == STRAND_OK)
        status = strand_codec_pool_create(&dump->codecs);
    if (status == STRAND_OK)
        status = strand_buffer_pool_create(BUFFER_COUNT, BUFFER_KEPT_MAX, &dump->buffers);
    if (status == STRAND_OK)
        status = strand_buffer_take(dump->buffers, 0, &dump->batch);
    if (status == STRAND_OK)
        status = strand_buffer_take(dump->buffers, 0, &dump->decompressed);
    return status;
}

static void
close_dump(struct dump *dump)
{
    strand_record_reader_deinit(&dump->reader);
    if (dump->buffers != NULL) {
        strand_buffer_put(dump->buffers, dump->batch);
        strand_buffer_put(dump->buffers, dump->decompressed);
    }
    strand_buffer_pool_destroy(dump->buffers);
    strand_codec_pool_destroy(dump->codecs);
    strand_file_discard(&dump->file);
}

int
cli_run_dump(const struct cli_options *options)
{
    struct dump dump = {.json = options->json};
    int status = open_dump(&dump, options->file);
    int exit_code;

    if (status == STRAND_OK)
        status = dump_file(&dump);
    exit_code = cli_report(status);
    if (exit_code == CLI_EXIT_OK && dump.is_damaged)
        exit_code = CLI_EXIT_CORRUPT;
    close_dump(&dump);
    return cli_output_finish(exit_code);
}
