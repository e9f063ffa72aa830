#!/bin/sh
# write_fixtures.sh DIRECTORY [BUILD_DIRECTORY] -- Have Kafka write the fixtures anew, into DIRECTORY.
target=$(mkdir -p "$1" && cd "$1" && pwd)
set -- strandline "${2-${TMPDIR-/tmp}/strandline-compat}"
. "$(dirname "$0")/kafka.sh"

compat fixtures "$target"
