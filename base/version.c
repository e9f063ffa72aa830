/* base/version.c -- The version of the library in use: the one that the build declares. */
#include "strandline/status.h"

#ifndef STRAND_VERSION_STRING
#error "the build defines STRAND_VERSION_STRING for this file"
#endif

const char *
strand_version(void)
{
    return STRAND_VERSION_STRING;
}
