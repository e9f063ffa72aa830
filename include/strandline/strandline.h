/* strandline/strandline.h -- Everything; see the headers for what each part promises. */
#ifndef STRANDLINE_STRANDLINE_H
#define STRANDLINE_STRANDLINE_H

#include "strandline/engine.h"
#include "strandline/fs.h"
#include "strandline/log.h"
#include "strandline/record.h"
#include "strandline/status.h"

#endif
