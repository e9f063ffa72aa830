/* tests/compat/oracle_pipe.c -- What is on its way fits into the pipe, so that neither side waits
 * for the other to read. */
#include "compat/oracle_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"

enum { ANSWER_SIZE_MAX = 1 << 28, ANSWER_OVERHEAD = 5 };

static void
give_up(const char *problem)
{
    perror(problem);
    exit(1);
}

void
oracle_start(struct oracle *oracle, char *const arguments[])
{
    int to[2];
    int from[2];

    if (pipe(to) != 0 || pipe(from) != 0)
        give_up("pipe");
    oracle->questions = 0;
    oracle->pid = fork();
    if (oracle->pid < 0)
        give_up("fork");
    if (oracle->pid == 0) {
        if (dup2(to[0], STDIN_FILENO) < 0 || dup2(from[1], STDOUT_FILENO) < 0)
            _exit(126);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    oracle->to = to[1];
    oracle->from = from[0];
}

int
oracle_stop(struct oracle *oracle)
{
    int status = 0;

    close(oracle->to);
    close(oracle->from);
    if (waitpid(oracle->pid, &status, 0) < 0)
        give_up("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void
write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0)
            give_up("write to Kafka");
        at += written;
        size -= (size_t)written;
    }
}

static void
read_all(int fd, void *data, size_t size)
{
    char *at = data;

    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got <= 0)
            give_up("read from Kafka");
        at += got;
        size -= (size_t)got;
    }
}

static void
send_question(struct oracle *oracle, char kind, const void *content, size_t size)
{
    uint8_t frame[ORACLE_QUESTION_OVERHEAD] = {(uint8_t)kind};

    strand_put_be32(frame + 1, (uint32_t)size);
    write_all(oracle->to, frame, sizeof frame);
    write_all(oracle->to, content, size);
    oracle->questions++;
}

struct oracle_answer
oracle_receive(struct oracle *oracle)
{
    struct oracle_answer answer;
    uint8_t frame[ANSWER_OVERHEAD];

    read_all(oracle->from, frame, sizeof frame);
    answer.is_refused = frame[0] != 0;
    answer.size = strand_get_be32(frame + 1);
    answer.content = answer.size <= ANSWER_SIZE_MAX ? malloc(answer.size + 1) : NULL;
    if (answer.content == NULL)
        give_up("answer of Kafka");
    read_all(oracle->from, answer.content, answer.size);
    answer.content[answer.size] = '\0';
    return answer;
}

void
oracle_send_decode(struct oracle *oracle, const void *batch, size_t size)
{
    send_question(oracle, 'D', batch, size);
}

struct oracle_answer
oracle_decode(struct oracle *oracle, const void *batch, size_t size)
{
    oracle_send_decode(oracle, batch, size);
    return oracle_receive(oracle);
}

static void
put_number(FILE *out, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    strand_put_be64(bytes, value);
    fwrite(bytes + sizeof bytes - size, 1, size, out);
}

static void
put_bytes(FILE *out, struct strand_bytes bytes)
{
    put_number(out, bytes.data == NULL ? UINT32_MAX : bytes.size, 4);
    if (bytes.size > 0)
        fwrite(bytes.data, 1, bytes.size, out);
}

static void
put_record(FILE *out, const struct strand_record *record)
{
    put_number(out, (uint64_t)record->offset, 8);
    put_number(out, (uint64_t)record->timestamp_ms, 8);
    put_bytes(out, record->key);
    put_bytes(out, record->value);
    put_number(out, record->header_count, 4);
    for (size_t i = 0; i < record->header_count; i++) {
        put_bytes(out, record->headers[i].key);
        put_bytes(out, record->headers[i].value);
    }
}

struct oracle_answer
oracle_encode(struct oracle *oracle, const struct strand_batch_header *header,
              const struct strand_record *records, size_t count)
{
    char *request = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&request, &size);

    if (out == NULL)
        give_up("question to Kafka");
    put_number(out, (uint64_t)header->base_offset, 8);
    put_number(out, header->attributes & STRAND_BATCH_CODEC_MASK, 1);
    put_number(out, (header->attributes & STRAND_BATCH_LOG_APPEND_TIME) != 0, 1);
    put_number(out, (uint64_t)header->max_timestamp_ms, 8);
    put_number(out, (uint64_t)header->producer_id, 8);
    put_number(out, (uint16_t)header->producer_epoch, 2);
    put_number(out, (uint32_t)header->base_sequence, 4);
    put_number(out, (header->attributes & STRAND_BATCH_TRANSACTIONAL) != 0, 1);
    put_number(out, (uint32_t)header->leader_epoch, 4);
    put_number(out, (uint32_t)header->last_offset_delta, 4);
    put_number(out, count, 4);
    for (size_t i = 0; i < count; i++)
        put_record(out, &records[i]);
    fclose(out);

    send_question(oracle, 'E', request, size);
    free(request);
    return oracle_receive(oracle);
}

void
oracle_answer_free(struct oracle_answer *answer)
{
    free(answer->content);
    answer->content = NULL;
}
