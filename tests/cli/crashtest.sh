#!/bin/sh
# crashtest.sh -- crashtest: scripts, workloads and chance are explored, summed up in both forms, looked
# at again state by state; what cannot be asked for is refused with a sentence.
set -eu
strandline=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export NO_COLOR=1
unset STRANDLINE_DATA
command -v jq >/dev/null || {
    echo "SKIP: no jq"
    exit 77
}

fail() {
    echo "FAILED: $*"
    exit 1
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] || fail "$1: expected [$2], got [$3]"
}

# exits CODE ARGUMENT...: crashtest's output goes to "out", its sentences to "err".
exits() {
    code=$1
    shift
    actual=0
    "$strandline" crashtest "$@" >out 2>err || actual=$?
    [ "$actual" -eq "$code" ] || fail "exit code of $*: $actual; $(cat out err)"
}

# has PATTERN [FILE]: one line of it, else "out", matches.
has() {
    expect "lines with [$1] in: $(cat "${2-out}")" 1 "$(grep -c -e "$1" "${2-out}" || true)"
}

# is FILTER: jq finds it true of "out".
is() {
    jq -e "$1" out >/dev/null || fail "not so: $1: $(cat out)"
}

# refuses SENTENCE ARGUMENT...
refuses() {
    sentence=$1
    shift
    exits 64 "$@"
    [ ! -s out ] || fail "$* printed: $(cat out)"
    expect "sentence of $*" "strandline: $sentence" "$(cat err)"
}

script='prepare none; open; create 0; append 0 1 durable'

# In both forms: the same numbers, nothing on stderr.
exits 0 --script "$script" --passes cuts,names --jobs 1
[ ! -s err ] || fail "said: $(cat err)"
has '^script  *cuts  *[1-9][0-9]*  *[1-9][0-9]*  *[1-9][0-9]*  *0  *0  *[0-9.]*$'
has '^script  *names '
has '^all  *[1-9][0-9]* '
has 'producers_replayed (no such state is kept yet)'
has '^nothing was found; everything that a crash may leave was looked at$'
states=$(awk '$1 == "all" { print $2 }' out)
exits 0 --script "$script" --passes names,cuts --jobs 2 --json
is '.violations == 0 and .sampled_points == 0 and .recoveries > 0 and .crash_points > 0'
is '.seconds >= 0 and .is_complete and .skipped == 0 and .violation == null'
is '(.rows | length) == 2 and (.rows | map(.pass)) == ["cuts", "names"]'
is '(.rows | map(.unique_states) | add) == .unique_states'
is '(.invariants | length) == 32 and .invariants[0].name == "acknowledged_present"'
is '.invariants[0].asked > 0 and .invariants[25].asked == 0'
expect "states of both forms" "$states" "$(jq .unique_states out)"

# A kill leaves less; the real index is asked, too, where there is a RAM disk.
exits 0 --script "$script" --passes cuts --crashes kill --json
kills=$(jq .unique_states out)
exits 0 --script "$script" --passes cuts --crashes power --json
[ "$kills" -lt "$(jq .unique_states out)" ] || fail "$kills states after kills"
exits 0 --script "$script" --index lmdb --json
is '(.rows | length) + .skipped == 4 and (.rows | map(.index == "lmdb") | all)'
[ ! -s err ] || fail "said: $(cat err)" # also of what cannot be removed

# Chance has numbers: the same ones make the same.
exits 0 --random 2 --seed 11 --passes cuts --crashes kill --json
jq '[.rows[] | {workload, unique_states, crash_points}]' out >first
is '(.rows | map(.workload)) == ["random 11", "random 12"] and .seed == 11'
exits 0 --random 2 --seed 11 --passes cuts --crashes kill --json --jobs 3
jq '[.rows[] | {workload, unique_states, crash_points}]' out | cmp first - || fail "chance"

# A state that is as it should be; one that there is not.
line='seed=0,names=ordered,torn=1,max=20000,samples=64,fault=none@0,power=5.0'
exits 0 --workload append_and_roll --passes cuts --state "$line"
expect "a state" 'this state is as it should be' "$(cat out)"
exits 0 --workload append_and_roll --passes cuts --state "$line" --json
is '.violation == null'
exits 64 --workload append_and_roll --passes cuts --state "${line%5.0}99999.0"
[ -s err ] || fail "no sentence"
refuses 'a state is one of a single workload or script, in a single pass' --state "$line"
refuses 'a state is one of a single workload or script, in a single pass' \
    --workload append_and_roll --state "$line"

# What fails by itself is a failure, and is told with the script.
exits 1 --script 'open; append 0 1 durable' --passes cuts
has '^VIOLATION in script, pass cuts: .*log 0 is not open'
has "^again: strandline crashtest --script 'open; append 0 1 durable' --passes cuts\$"
exits 1 --script 'open; append 0 1 durable' --passes cuts --json
is '.violations == 1 and (.violation.sentence | contains("log 0 is not open"))'
is '.violation.script == "open; append 0 1 durable" and .is_complete == false'

# Time that is up ends it, which is no failure but said.
exits 0 --time 1 --passes twice
has '^nothing was found, but not everything was looked at$'

# An interrupt, once it is listened to, ends it in order, with what was done.
"$strandline" crashtest --random 100000 --passes cuts --crashes kill --jobs 1 >out 2>err &
child=$!
until grep -q '^SigCgt:.*4..[2367abef]$' "/proc/$child/status"; do
    kill -0 "$child" || fail "it ended by itself: $(cat out err)"
done
kill -INT "$child"
code=0
wait "$child" || code=$?
expect "exit code after an interrupt" 130 "$code"
has '^nothing was found, but not everything was looked at$'

# The list names everything.
exits 0 --list
for word in append_and_roll follow_a_leader cuts twice bad-index 'append L COUNT LEVEL' \
    acknowledged_present deterministic; do
    grep -q -e "$word" out || fail "--list does not name $word"
done

refuses 'there is no workload "nothing"' --workload nothing
refuses 'the script: step 2, "apend": should be a step, such as append' --script 'open; apend'
refuses 'what goes on: step 1, at the end: should be ; or )' --script open --then '2*(sync'
refuses '--then follows a script: it needs --script' --then sync
refuses '--passes: there is no pass "often"; see strandline crashtest --list' --passes cuts,often
refuses '--passes and --index leave nothing to do' --passes cuts --index lmdb
refuses '--random 0: must be from 1 to 1000000' --random 0
refuses '--crashes "storm": must be one of both, power, kill' --crashes storm
refuses 'crashtest: unexpected "now"' now
