/* tools/mount_info.h -- How the file system of a path is mounted: a line of /proc/self/mountinfo.
 */
#ifndef STRAND_TOOLS_MOUNT_INFO_H
#define STRAND_TOOLS_MOUNT_INFO_H

#include <stdbool.h>
#include <stdio.h>

enum { CLI_MOUNT_PATH_SIZE = 4096, CLI_MOUNT_OPTIONS_SIZE = 1024, CLI_MOUNT_TYPE_SIZE = 64 };

struct cli_mount {
    char point[CLI_MOUNT_PATH_SIZE];
    char source[CLI_MOUNT_PATH_SIZE];
    char type[CLI_MOUNT_TYPE_SIZE];       /* "ext4", "fuse.sshfs" */
    char options[CLI_MOUNT_OPTIONS_SIZE]; /* of the mount, then of the file system; "rw,relatime" */
    unsigned major;                       /* of its device; 0 where it has none of its own */
    unsigned minor;
};

/* The mount that the absolute PATH, without symbolic links, lies in: of those that STREAM lists the
 * one with the longest mount point, the last of several.  false: there is none. */
bool cli_mount_find(FILE *stream, const char *path, struct cli_mount *out_mount);

/* Is OPTION, with its value if it has one, among the comma-separated OPTIONS? */
bool cli_mount_has_option(const char *options, const char *option);

#endif
