/* simulation/crash_load.h -- Makes a disk at one moment (crash_disk.h) a disk that programs can
 * use.
 *
 * What is pending is pending again: unsynced sectors are dirty, sizes due, changes of names not
 * durable.  Blocks are allocated where there are bytes other than zeros; what was only reserved is
 * free.
 */
#ifndef STRAND_SIMULATION_CRASH_LOAD_H
#define STRAND_SIMULATION_CRASH_LOAD_H

#include "simulation/crash_disk.h"
#include "simulation/sim_disk.h"

/* A new disk that holds what IMAGE does.  BOOT counts power cuts, LIVES processes: both decide
 * about clocks, random numbers and what processes and boots are called. */
struct strand_sim_disk *strand_crash_load(const struct strand_crash_disk *image,
                                          const struct strand_sim_disk_options *options,
                                          uint64_t boot, uint64_t lives);

#endif
