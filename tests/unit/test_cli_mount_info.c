/* tests/unit/test_cli_mount_info.c -- Lines of mountinfo, and the one that a path lies under. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tools/mount_info.h"

static const char MOUNTS[] =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
    "30 22 0:25 / /srv rw - tmpfs tmpfs rw\n"
    "31 22 8:2 /sub /srv rw,noatime shared:2 master:1 - xfs /dev/sdb1 rw,nobarrier\n"
    "32 22 0:30 / /with\\040blank\\134 ro - fuse.sshfs host:\\040dir rw\n"
    "this is no line of mountinfo\n"
    "33 22 0:31 / /srv/data rw propagate_from:3 - btrfs /dev/sdc rw,nodatacow\n";

static bool
find(const char *path, struct cli_mount *mount)
{
    char text[sizeof MOUNTS];

    memcpy(text, MOUNTS, sizeof text);
    FILE *stream = fmemopen(text, sizeof text - 1, "r");
    cr_assert_not_null(stream);
    bool is_found = cli_mount_find(stream, path, mount);
    fclose(stream);
    return is_found;
}

Test(cli_mount_info, longest_mount_point_wins_and_the_last_of_several)
{
    static const struct {
        const char *path;
        const char *point;
        const char *type;
    } CASES[] = {
        {"/", "/", "ext4"},
        {"/home/somebody", "/", "ext4"},
        {"/srvice", "/", "ext4"},
        {"/srv", "/srv", "xfs"},
        {"/srv/database", "/srv", "xfs"},
        {"/srv/data", "/srv/data", "btrfs"},
        {"/srv/data/deep/er", "/srv/data", "btrfs"},
        {"/with blank\\/data", "/with blank\\", "fuse.sshfs"},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct cli_mount mount;

        cr_assert(find(CASES[i].path, &mount), "%s", CASES[i].path);
        cr_expect_str_eq(mount.point, CASES[i].point, "%s lies in %s", CASES[i].path, mount.point);
        cr_expect_str_eq(mount.type, CASES[i].type, "%s is on %s", CASES[i].path, mount.type);
    }
}

Test(cli_mount_info, fields_of_a_line)
{
    struct cli_mount mount;

    cr_assert(find("/srv/x", &mount));
    cr_expect_str_eq(mount.source, "/dev/sdb1");
    cr_expect_str_eq(mount.options, "rw,noatime,rw,nobarrier");
    cr_expect_eq(mount.major, 8);
    cr_expect_eq(mount.minor, 2);
    cr_assert(find("/with blank\\", &mount));
    cr_expect_str_eq(mount.source, "host: dir");
}

Test(cli_mount_info, without_lines_nothing_is_found)
{
    char text[] = "nonsense\n\n - \n1 2 3:4 / - ext4\n";
    FILE *stream = fmemopen(text, strlen(text), "r");
    struct cli_mount mount;

    cr_assert_not_null(stream);
    cr_expect_not(cli_mount_find(stream, "/", &mount));
    fclose(stream);
}

Test(cli_mount_info, option_is_a_whole_item)
{
    static const char OPTIONS[] = "rw,relatime,data=writeback,barrier=0";

    cr_expect(cli_mount_has_option(OPTIONS, "rw"));
    cr_expect(cli_mount_has_option(OPTIONS, "data=writeback"));
    cr_expect(cli_mount_has_option(OPTIONS, "barrier=0"));
    cr_expect_not(cli_mount_has_option(OPTIONS, "ro"));
    cr_expect_not(cli_mount_has_option(OPTIONS, "data"));
    cr_expect_not(cli_mount_has_option(OPTIONS, "relatime,data=writeback"));
    cr_expect_not(cli_mount_has_option(OPTIONS, "time"));
    cr_expect_not(cli_mount_has_option("", "rw"));
    cr_expect(cli_mount_has_option("a,,b", "b"));
}
