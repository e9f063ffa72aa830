#!/bin/sh
# quickstart.sh [FILE] -- Builds Strandline, then shows on real data what it is for: nothing that was
# acknowledged is lost when the writer is killed.
#
# The data is the machine's own package list, one record per package; or FILE, one record per line.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
source_file=${1-/var/lib/dpkg/status}
[ -r "$source_file" ] || { echo "cannot read $source_file; usage: quickstart.sh [FILE]" >&2; exit 64; }

# Bytes are bytes, whatever the language of the user.
export LC_ALL=C

work=$(mktemp -d)
writer=
clean_up() {
    [ -z "$writer" ] || kill -9 "$writer" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

build() {
    (cd "$top" && sh tools/install_dependencies.sh build && cmake --preset release &&
        cmake --build --preset release --target strandline_tool) >"$work/build.log" 2>&1 ||
        { cat "$work/build.log" >&2; fail "the build, see above"; }
}

# Two files: $work/input, what append reads; $work/expected, what read must print: for each record
# "offset key size", the value, and a newline.  Records are paragraphs, the key is the package's name.
prepare_packages() {
    topic=packages
    input_format=ndjson
    format='%o %k %S\n%s\n'
    awk -v RS= '
    {
        key = $0
        sub(/^Package: /, "", key)
        sub(/\n.*/, "", key)
        printf "%d %s %d\n%s\n", NR - 1, key, length($0), $0 >expected
        gsub(/["\\]/, "\\\\&")
        gsub(/\t/, "\\t")
        gsub(/\n/, "\\n")
        printf "{\"key\":\"%s\",\"value\":\"%s\"}\n", key, $0
    }' expected="$work/expected" "$source_file" >"$work/input"
}

prepare_lines() {
    topic=lines
    input_format=lines
    format='%o %S\n%s\n'
    awk '{ printf "%d %d\n%s\n", NR - 1, length($0), $0 >expected; print }' \
        expected="$work/expected" "$source_file" >"$work/input"
}

strandline() {
    "$top/build/release/bin/strandline" "$@"
}

# show OPTION... -- The records asked for, in the form of $work/expected.
show() {
    strandline read --data "$work/data" --format "$format" "$@" "$topic"
}

# write_and_kill BATCHES -- Offers everything to a writer through a pipe that stays open, so that it
# cannot end by itself, and kills it when it has acknowledged that many batches.  Sets $acknowledged,
# the number of records; what is acknowledged between the signal and its arrival counts too.
write_and_kill() {
    mkfifo "$work/feed" "$work/acks"
    # Not through a function: the signal must meet the command, not a shell around it.
    "$top/build/release/bin/strandline" append --data "$work/data" --input "$input_format" \
        --durability durable --batch-records "$batch_records" --acks "$topic" "$work/feed" \
        >"$work/acks" 2>"$work/writer.log" &
    writer=$!
    exec 3<>"$work/feed" 4<"$work/acks"
    cat "$work/input" >&3 &
    feeder=$!

    acknowledged=0
    batches=0
    while read -r _ last <&4; do
        acknowledged=$((last + 1))
        batches=$((batches + 1))
        if [ "$batches" -eq "$1" ]; then
            kill -9 "$writer" || fail "the writer had ended: $(cat "$work/writer.log")"
        fi
    done
    kill "$feeder" 2>/dev/null || true # it may have ended
    exec 3>&- 4<&-
    wait "$feeder" "$writer" 2>/dev/null || true # killed, both
    writer=
    [ "$batches" -ge "$1" ] || fail "the writer ended early: $(cat "$work/writer.log")"
}

echo "Building ..."
build
if [ "$source_file" = /var/lib/dpkg/status ]; then
    prepare_packages
else
    prepare_lines
fi
records=$(wc -l <"$work/input")
[ "$records" -gt 0 ] || fail "$source_file holds no record"
batch_records=$((records / 100 + 1))
kill_after=$((records / batch_records / 10 + 1))
echo "$records records from $source_file ($(wc -c <"$source_file") bytes), $batch_records to a batch"

write_and_kill "$kill_after"
echo "kill -9 after acknowledgement $kill_after: $acknowledged records had been acknowledged as durable"

# Also what was written and not yet acknowledged: the next append continues behind it.
show --isolation written >"$work/found"
found=$(strandline read --data "$work/data" --isolation written --format '%o\n' "$topic" | wc -l)
head -c "$(wc -c <"$work/found")" "$work/expected" | cmp - "$work/found" ||
    fail "what was found is not what was written"
[ "$found" -ge "$acknowledged" ] || fail "$((acknowledged - found)) acknowledged records are lost"
echo "after reopening: $found records found, in order and byte for byte; lost: 0"

tail -n +$((found + 1)) "$work/input" >"$work/rest"
[ ! -s "$work/rest" ] || strandline append --data "$work/data" --input "$input_format" \
    --batch-records "$batch_records" --json "$topic" "$work/rest"
show | cmp - "$work/expected" || fail "the whole log is not what was written"
echo "appended the rest: all $records records are there, byte for byte"

middle=$((records / 2))
by_offset=$(strandline read --data "$work/data" --from "$middle" --count 1 --format '%o' "$topic")
[ "$by_offset" = "$middle" ] || fail "reading from offset $middle gave ${by_offset:-nothing}"
strandline read --data "$work/data" --format '%o %T\n' "$topic" >"$work/times"
time=$(awk -v offset="$middle" '$1 == offset { print $2 }' "$work/times")
wanted=$(awk -v time="$time" '$2 >= time { print $1; exit }' "$work/times")
by_time=$(strandline read --data "$work/data" --from "@$time" --count 1 --format '%o' "$topic")
[ "$by_time" = "$wanted" ] || fail "reading from time $time gave ${by_time:-nothing}, not $wanted"
echo "read by offset: --from $middle gives record $by_offset; by time: --from @$time gives record $by_time"

strandline verify --data "$work/data" "$topic" || fail "verify found damage"
echo "OK: $records records, $acknowledged acknowledged before the kill, $found found after it, 0 lost"
