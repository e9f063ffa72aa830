/* tools/position.c -- Parsed by hand: strptime() and timegm() are not in strict POSIX, and know
 * neither zones nor fractions.
 */
#include "tools/position.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "strandline/log.h"

bool
cli_int64_parse(const char *text, int64_t *out_value)
{
    char *end;
    bool is_digit = text[0] >= '0' && text[0] <= '9';

    if (!is_digit && !(text[0] == '-' && text[1] >= '0' && text[1] <= '9'))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *out_value = value;
    return true;
}

/* Read COUNT digits at *TEXT and step over them; -1 when they are not there. */
static int
take_digits(const char **text, int count)
{
    int value = 0;

    for (; count > 0; count--) {
        char digit = **text;

        if (digit < '0' || digit > '9')
            return -1;
        value = value * 10 + (digit - '0');
        (*text)++;
    }
    return value;
}

static bool
take_character(const char **text, const char *accepted)
{
    if (**text == '\0' || strchr(accepted, **text) == NULL)
        return false;
    (*text)++;
    return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar (years begin in March, so that the leap
 * day is the last). */
static int64_t
days_from_date(int year, int month, int day)
{
    int64_t shifted_year = month <= 2 ? year - 1 : year;
    int64_t era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
    int64_t year_of_era = shifted_year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int
days_in_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : DAYS[month - 1];
}

static bool
take_date(const char **text, int64_t *out_days)
{
    int year = take_digits(text, 4);
    bool has_month = year >= 0 && take_character(text, "-");
    int month = has_month ? take_digits(text, 2) : -1;
    bool has_day = month >= 1 && month <= 12 && take_character(text, "-");
    int day = has_day ? take_digits(text, 2) : -1;

    if (day < 1 || day > days_in_month(year, month))
        return false;
    *out_days = days_from_date(year, month, day);
    return true;
}

/* HH:MM, in minutes. */
static bool
take_minutes(const char **text, int *out_minutes)
{
    int hour = take_digits(text, 2);
    bool has_minute = hour >= 0 && hour <= 23 && take_character(text, ":");
    int minute = has_minute ? take_digits(text, 2) : -1;

    *out_minutes = hour * 60 + minute;
    return minute >= 0 && minute <= 59;
}

/* .DIGITS, in ms; 0 when it is not there. */
static bool
take_fraction(const char **text, int *out_ms)
{
    int ms = 0;
    int weight = 100;

    *out_ms = 0;
    if (!take_character(text, "."))
        return true;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; (*text)++, weight /= 10)
        ms += (**text - '0') * weight;
    *out_ms = ms;
    return true;
}

/* Z or +HH:MM or -HH:MM, in minutes east. */
static bool
take_zone(const char **text, int *out_minutes)
{
    bool is_west = **text == '-';

    *out_minutes = 0;
    if (take_character(text, "Zz"))
        return true;
    if (!take_character(text, "+-") || !take_minutes(text, out_minutes))
        return false;
    if (is_west)
        *out_minutes = -*out_minutes;
    return true;
}

bool
cli_time_parse(const char *text, int64_t *out_ms)
{
    int64_t days;
    int minutes;
    int fraction_ms;
    int zone_minutes;

    if (!take_date(&text, &days) || !take_character(&text, "Tt ") || !take_minutes(&text, &minutes))
        return false;

    int seconds = take_character(&text, ":") ? take_digits(&text, 2) : -1;
    if (seconds < 0 || seconds > 60 || !take_fraction(&text, &fraction_ms) ||
        !take_zone(&text, &zone_minutes) || *text != '\0')
        return false;
    *out_ms = ((days * 1440 + minutes - zone_minutes) * 60 + seconds) * 1000 + fraction_ms;
    return true;
}

static bool
parse_position(const char *text, struct cli_position *position)
{
    position->value = 0;
    if (strcmp(text, "earliest") == 0) {
        position->kind = CLI_FROM_EARLIEST;
        return true;
    }
    if (strcmp(text, "latest") == 0) {
        position->kind = CLI_FROM_LATEST;
        return true;
    }
    if (text[0] == '@') {
        position->kind = CLI_FROM_TIME;
        return cli_time_parse(text + 1, &position->value) ||
               (cli_int64_parse(text + 1, &position->value) && position->value >= 0);
    }
    if (text[0] == '-') {
        position->kind = CLI_FROM_BEFORE_END;
        return cli_int64_parse(text + 1, &position->value) && position->value >= 0;
    }
    position->kind = CLI_FROM_OFFSET;
    return cli_int64_parse(text, &position->value);
}

int
cli_position_parse(const char *text, struct cli_position *out_position)
{
    struct cli_position position;

    if (!parse_position(text, &position))
        return strand_fail(
            STRAND_ERR_INVALID,
            "\"%s\" is not a place to start: earliest, latest, an offset N, -N for N "
            "before the end, or @TIME (ms since 1970, or 2026-11-22T14:00:00Z)",
            text);
    *out_position = position;
    return STRAND_OK;
}

int
cli_position_resolve(const struct cli_position *position, struct strand_log *log, int isolation,
                     int64_t *out_offset)
{
    struct strand_positions now;
    int64_t offset;
    int64_t end;
    int status;

    if (position->kind == CLI_FROM_OFFSET) {
        *out_offset = position->value;
        return STRAND_OK;
    }
    status = strand_log_positions(log, &now);
    if (status == STRAND_OK)
        status = strand_log_offset_for_timestamp(log, STRAND_LATEST, isolation, &end, NULL);
    if (status != STRAND_OK)
        return status;
    if (position->kind == CLI_FROM_EARLIEST) {
        *out_offset = now.log_start;
    } else if (position->kind == CLI_FROM_LATEST) {
        *out_offset = end;
    } else if (position->kind == CLI_FROM_BEFORE_END) {
        *out_offset = end - now.log_start > position->value ? end - position->value : now.log_start;
    } else {
        status = strand_log_offset_for_timestamp(log, position->value, isolation, &offset, NULL);
        if (status != STRAND_OK && status != STRAND_END)
            return status;
        *out_offset = status == STRAND_OK ? offset : end;
    }
    return STRAND_OK;
}
