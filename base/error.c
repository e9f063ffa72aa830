/* base/error.c -- One record of the last failure for each thread.
 *
 * A message is formatted beside the record and copied in afterwards, because its arguments may
 * point into the record: "%s" of strand_error_message() is a usual way to quote the cause.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

struct record {
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX];
    int64_t first_offset;
    int64_t next_offset;
};

static _Thread_local struct record record = {.first_offset = -1, .next_offset = -1};

/* Add TEXT to the SIZE bytes used of MESSAGE, as much as there is room for; return the new size. */
static size_t
append(char *message, size_t size, const char *text)
{
    strand_assert(size < STRAND_ERROR_MESSAGE_SIZE_MAX);
    size_t room = STRAND_ERROR_MESSAGE_SIZE_MAX - 1 - size;
    size_t text_size = strlen(text);
    size_t added = text_size < room ? text_size : room;

    memcpy(message + size, text, added);
    message[size + added] = '\0';
    return size + added;
}

/* Format into MESSAGE, cut at its end; return the size of what is there. */
static size_t format_message(char *message, const char *format, va_list args) STRAND_PRINTF(2, 0);

static size_t
format_message(char *message, const char *format, va_list args)
{
    int length = vsnprintf(message, STRAND_ERROR_MESSAGE_SIZE_MAX, format, args);

    if (length < 0) /* an argument that the locale cannot encode: what came before it is lost too */
        return append(message, 0, format);
    return (size_t)length < STRAND_ERROR_MESSAGE_SIZE_MAX ? (size_t)length
                                                          : STRAND_ERROR_MESSAGE_SIZE_MAX - 1;
}

static void
remember(const char *message)
{
    memcpy(record.message, message, sizeof record.message);
    strand_error_set_offsets(-1, -1);
}

/* The functions themselves, without what the header wraps around them. */
#undef strand_fail
#undef strand_fail_code
#undef strand_fail_context

int
strand_fail(int status, const char *format, ...)
{
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX] = "";
    va_list args;

    va_start(args, format);
    (void)format_message(message, format, args);
    va_end(args);
    remember(message);
    return status;
}

int
strand_fail_code(int code, const char *format, ...)
{
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX] = "";
    char text[128] = "unknown error";
    va_list args;

    va_start(args, format);
    size_t size = format_message(message, format, args);
    va_end(args);
    (void)strerror_r(code, text, sizeof text); /* on failure it has written a number, or nothing */
    size = append(message, size, ": ");
    (void)append(message, size, text);
    remember(message);
    return strand_status_from_errno(code);
}

int
strand_fail_context(int status, const char *format, ...)
{
    char message[STRAND_ERROR_MESSAGE_SIZE_MAX] = "";
    va_list args;

    va_start(args, format);
    size_t size = format_message(message, format, args);
    va_end(args);
    size = append(message, size, ": ");
    (void)append(message, size, record.message);
    memcpy(record.message, message, sizeof record.message);
    return status;
}

int
strand_status_from_errno(int code)
{
    switch (code) {
    case ENOENT:
        return STRAND_ERR_NOT_FOUND;
    case EEXIST:
        return STRAND_ERR_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return STRAND_ERR_NO_SPACE;
    case ENOMEM:
        return STRAND_ERR_NO_MEMORY;
    case EACCES:
    case EPERM:
    case EROFS:
        return STRAND_ERR_PERMISSION;
    case EMFILE:
    case ENFILE:
        return STRAND_ERR_DESCRIPTORS;
    default:
        return STRAND_ERR_IO;
    }
}

void
strand_error_set_offsets(int64_t first, int64_t next)
{
    record.first_offset = first;
    record.next_offset = next;
}

const char *
strand_error_message(void)
{
    return record.message;
}

void
strand_error_offsets(int64_t *out_first, int64_t *out_next)
{
    if (out_first != NULL)
        *out_first = record.first_offset;
    if (out_next != NULL)
        *out_next = record.next_offset;
}

const char *
strand_status_text(int status)
{
    switch (status) {
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        STRAND_STATUS_MAP(X)
#undef X
    default:
        return "unknown status";
    }
}
