/* tools/mount_info.c -- Lines of mountinfo, proc(5):
 *
 *     36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue
 *
 * Between the options and the dash stand any number of fields; blanks in names are \040.
 */
#include "tools/mount_info.h"

#include <stdlib.h>
#include <string.h>

/* "\040" and its like, in place. */
static void
unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool
parse_device(const char *text, struct cli_mount *out_mount)
{
    char *end;
    unsigned long major = strtoul(text, &end, 10);

    if (end == text || *end != ':')
        return false;
    const char *rest = end + 1;
    unsigned long minor = strtoul(rest, &end, 10);
    if (end == rest || *end != '\0')
        return false;
    out_mount->major = (unsigned)major;
    out_mount->minor = (unsigned)minor;
    return true;
}

static bool
parse_line(const char *line, struct cli_mount *out_mount)
{
    const char *rest = strstr(line, " - ");
    char device[32];
    char options[512];
    char super_options[511];

    if (rest == NULL ||
        sscanf(line, "%*s %*s %31s %*s %4095s %511s", device, out_mount->point, options) != 3 ||
        sscanf(rest, " - %63s %4095s %510s", out_mount->type, out_mount->source, super_options) !=
            3 ||
        !parse_device(device, out_mount))
        return false;
    unescape(out_mount->point);
    unescape(out_mount->source);
    (void)snprintf(out_mount->options, sizeof out_mount->options, "%s,%s", options, super_options);
    return true;
}

static bool
lies_in(const char *path, const char *point)
{
    size_t size = strlen(point);

    if (strcmp(point, "/") == 0)
        return true;
    return strncmp(path, point, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

bool
cli_mount_find(FILE *stream, const char *path, struct cli_mount *out_mount)
{
    struct cli_mount mount;
    char *line = NULL;
    size_t capacity = 0;
    size_t best = 0; /* size of the longest mount point so far */

    while (getline(&line, &capacity, stream) > 0) {
        if (!parse_line(line, &mount) || !lies_in(path, mount.point) || strlen(mount.point) < best)
            continue;
        best = strlen(mount.point);
        *out_mount = mount;
    }
    free(line);
    return best > 0;
}

bool
cli_mount_has_option(const char *options, const char *option)
{
    size_t size = strlen(option);

    while (*options != '\0') {
        size_t item = strcspn(options, ",");

        if (item == size && strncmp(options, option, size) == 0)
            return true;
        options += item;
        options += *options == ',';
    }
    return false;
}
