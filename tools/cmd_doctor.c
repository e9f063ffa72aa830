/* tools/cmd_doctor.c -- strandline doctor: what this machine means for durability. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/doctor.h"
#include "tools/json_output.h"
#include "tools/options.h"
#include "tools/report.h"

static void
print_text(const char *name, const char *text)
{
    (void)putchar(',');
    cli_json_put_bytes(stdout, name, strand_bytes(text, strlen(text)));
}

static void
print_number(const char *name, int64_t value)
{
    if (value >= 0 && value != INT64_MAX)
        (void)printf(",\"%s\":%" PRId64, name, value);
    else
        (void)printf(",\"%s\":null", name);
}

static void
print_json(const struct cli_doctor_facts *facts, const struct cli_findings *findings)
{
    (void)printf("{\"level\":\"%s\"", cli_level_name(findings->worst));
    print_text("directory", facts->path);
    print_text("file_system", cli_doctor_type(facts));
    print_text("mount_point", facts->mount.point);
    print_text("mount_options", facts->mount.options);
    print_text("source", facts->mount.source);
    print_text("device", facts->device);
    print_text("write_cache", facts->write_cache);
    print_number("free_bytes", facts->volume.free_bytes);
    print_number("total_bytes", facts->volume.total_bytes);
    print_number("sync_median_ns", facts->sync_median_ns);
    print_number("descriptor_limit", facts->descriptor_limit);
    print_number("file_size_limit", facts->file_size_limit);
    print_number("max_map_count", facts->max_map_count);
    print_number("overcommit_memory", facts->overcommit);
    (void)putchar(',');
    cli_findings_print_json(findings);
    (void)fputs("}\n", stdout);
}

int
cli_run_doctor(const struct cli_options *options)
{
    struct cli_doctor_facts facts;
    struct cli_findings findings = {.list = NULL};
    int status = cli_doctor_gather(options->data, &facts);

    if (status == STRAND_OK) {
        facts.network_allowed = options->network_fs;
        cli_doctor_judge(&facts, &findings);
        status = cli_findings_status(&findings);
    }
    int exit_code = cli_report(status);
    if (status == STRAND_OK && options->json) {
        print_json(&facts, &findings);
    } else if (status == STRAND_OK) {
        (void)printf("%s: %s\n", facts.path, cli_level_name(findings.worst));
        cli_findings_print(&findings);
    }
    if (status == STRAND_OK && findings.worst == CLI_LEVEL_PROBLEM)
        exit_code = CLI_EXIT_FAILED;
    cli_findings_deinit(&findings);
    return cli_output_finish(exit_code);
}
