#!/bin/sh
# fixtures.sh STRANDLINE BUILD_DIRECTORY -- What lies in tests/fixtures/kafka is what Kafka writes.
. "$(dirname "$0")/kafka.sh"

compat fixtures "$work/fixtures"
diff -r -x README.md tests/fixtures/kafka "$work/fixtures" ||
    fail "tests/fixtures/kafka is not what Kafka $(compat version) writes"
echo "$(find "$work/fixtures" -type f | wc -l) files are what Kafka $(compat version) writes"
