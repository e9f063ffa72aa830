#!/bin/sh
# random.sh STRANDLINE BUILD_DIRECTORY ORACLE [COUNT [SEED]] -- Random batches through our encoder and
# Kafka's decoder, and the other way round.
oracle=$3
count=${4-3000}
seed=${5-$(date +%s)}
. "$(dirname "$0")/kafka.sh"

echo "again: random.sh ... $count $seed"
# shellcheck disable=SC2086 # words
"$oracle" random "$seed" "$count" $java -cp "$class_path" strandline.compat.Main oracle
