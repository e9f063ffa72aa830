#!/bin/sh
# dump.sh STRANDLINE BUILD_DIRECTORY -- Kafka's DumpLogSegments agrees with `strandline dump`, batch by
# batch and record by record: about segments that we wrote in each codec, and about the index and
# snapshot files that Kafka wrote.
. "$(dirname "$0")/kafka.sh"
export STRANDLINE_DATA="$work/data"

# Values without quotes or backslashes, so that what Kafka prints as it is can be compared.
awk 'BEGIN {
    for (i = 0; i < 2000; i++) {
        key = i % 5 == 0 ? "null" : i % 5 == 1 ? "\"\"" : "\"key " i " \303\244\""
        value = i % 7 == 0 ? "null" : i % 7 == 1 ? "\"\"" : "\"value " i % 100 " of some length\""
        headers = i % 3 == 0 ? ",\"headers\":[{\"key\":\"h\",\"value\":\"" i "\"},{\"key\":\"n\",\"value\":null}]" : ""
        printf "{\"timestamp\":%d,\"key\":%s,\"value\":%s%s}\n", 1700000000000 + i * 7919 % 10007, key, value, headers
    }
}' >"$work/records"

for codec in none gzip snappy lz4 zstd; do
    require_codec "$codec"
    "$strandline" append "$codec" "$work/records" --input ndjson --codec "$codec" \
        --batch-records 150 --segment-bytes 20000
done
"$strandline" append appendtime "$work/records" --input ndjson --timestamp-type LogAppendTime

files=$(find "$work/data" -name '*.log' -size +0 | sort)
[ "$(echo "$files" | wc -l)" -ge 5 ] || fail "segments did not roll: $files"
kafka kafka.tools.DumpLogSegments --deep-iteration --print-data-log \
    --files "$(echo "$files" | paste -sd , -)" >"$work/kafka"

for file in $files; do
    echo "Dumping $file"
    echo "Log starting offset: $(basename "$file" .log | sed 's/^0*\(.\)/\1/')"
    "$strandline" dump "$file" | sed -E '
        /^\| offset/ {
            s/\{"key":"([^"]*)","value":("[^"]*"|null)\}/\1/g
            s/ headers: \[/ headerKeys: [/
            s/ "key":null//
            s/ "key":"([^"]*)"/ key: \1/
            s/ "payload":null//
            s/ "payload":"([^"]*)"/ payload: \1/
        }'
done >"$work/ours"
diff "$work/kafka" "$work/ours" >"$work/difference" ||
    fail "DumpLogSegments says otherwise: $(head -n 20 "$work/difference")"
grep -q 'isvalid: false' "$work/kafka" && fail "Kafka finds an invalid batch"
echo "$(echo "$files" | wc -l) segments: $(grep -c '^| offset' "$work/kafka") records in" \
    "$(grep -c '^baseOffset' "$work/kafka") batches are the same"

# What Kafka derives from segments; only dump knows these files.
files=$(find "$PWD/tests/fixtures/kafka/segments" -name '*index' -o -name '*.snapshot' | sort)
kafka kafka.tools.DumpLogSegments --files "$(echo "$files" | paste -sd , -)" >"$work/kafka"
for file in $files; do
    echo "Dumping $file"
    "$strandline" dump "$file"
done >"$work/ours"
diff "$work/kafka" "$work/ours" || fail "dump of derived files differs"
echo "$(echo "$files" | wc -l) derived files are the same"
