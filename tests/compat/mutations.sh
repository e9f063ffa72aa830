#!/bin/sh
# mutations.sh STRANDLINE BUILD_DIRECTORY ORACLE -- Damaged fixtures are read by Kafka and by us alike,
# or refused by both, but for the differences that docs/COMPATIBILITY.md lists.
oracle=$3
. "$(dirname "$0")/kafka.sh"

# shellcheck disable=SC2086 # words
"$oracle" mutations tests/fixtures/kafka/batches $java -cp "$class_path" strandline.compat.Main oracle
