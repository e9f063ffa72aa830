/* crashtest/driver.h -- Does the steps of a script with an engine, and tells ledger and kit.
 *
 * One engine, without threads of its own, in CRASHTEST_DIRECTORY of a simulated disk.  The first
 * step that fails ends the script, but before it ends every log that is open is asked to take one
 * more durable record: who refuses after a failure is right, who acknowledges has promised.
 *
 * Threading: a driver is used by one thread; several may work at once, each on its own disk.
 */
#ifndef STRAND_CRASHTEST_DRIVER_H
#define STRAND_CRASHTEST_DRIVER_H

#include "crashtest/ledger.h"
#include "strandline/strandline.h"

struct crashtest_driver;
struct strand_sim_disk;

#define CRASHTEST_DIRECTORY "/data"

extern const char *const crashtest_topics[CRASHTEST_LOGS]; /* partition 0 of each */

/* How the engine is opened, besides the script's settings. */
struct crashtest_setting {
    const char *index_directory; /* NULL: the index is in memory; else LMDB, there */
    /* After each step that went well; NULL: nobody is told. */
    void (*after_step)(void *context, const struct crashtest_driver *driver);
    void *context;
};

struct crashtest_driver {
    const struct strand_fs *fs; /* borrowed, as the next two; of a simulated disk */
    const struct crashtest_script *script;
    const struct crashtest_setting *setting;
    struct crashtest_ledger ledger;
    struct strand_engine *engine;            /* NULL: closed */
    struct strand_log *logs[CRASHTEST_LOGS]; /* NULL: no handle */
    int32_t first_number;                    /* of the script's first step */
    size_t note_count;                       /* notes made */
};

void crashtest_driver_init(struct crashtest_driver *driver, const struct strand_fs *fs,
                           const struct crashtest_script *script,
                           const struct crashtest_setting *setting);

/* The disk below the driver's FS. */
struct strand_sim_disk *crashtest_driver_disk(const struct crashtest_driver *driver);

/* Note for the kit, and count. */
void crashtest_driver_note(struct crashtest_driver *driver, enum crashtest_note_kind kind,
                           int32_t number, int64_t offset, int32_t epoch);

/* Open the engine with FLAGS (enum strand_engine_flag) besides those that every opening has. */
STRAND_MUST_USE int crashtest_driver_open(struct crashtest_driver *driver, uint32_t flags);

/* Open log number LOG with FLAGS (enum strand_log_flag). */
STRAND_MUST_USE int crashtest_driver_open_log(struct crashtest_driver *driver, int32_t log,
                                              uint32_t flags);

/* Do all steps of the driver's script; the first one's number is FIRST_NUMBER.  Returns the status
 * of the first that failed, with its sentence, after the logs were asked as said above. */
STRAND_MUST_USE int crashtest_driver_run(struct crashtest_driver *driver, int32_t first_number);

/* Give up every handle as a dying process does: nothing reaches the disk, now or later. */
void crashtest_driver_abandon(struct crashtest_driver *driver);

/* The same, and the disk works again: the process is dead, its locks are gone. */
void crashtest_driver_kill(struct crashtest_driver *driver);

#endif
