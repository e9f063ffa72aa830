# kafka.sh -- Sourced by the tests beside it, which are called with the command, a directory to build
# in, and more: sh tests/compat/NAME.sh STRANDLINE BUILD_DIRECTORY ...
#
# Builds the Java program once (its jars are kept by Maven, in $STRANDLINE_CACHE/maven if that is set)
# and gives: kafka CLASS [ARGUMENT...], $java and $class_path, $work (removed at the end), fail, expect.
# Without a JDK, Maven, or the jars the test is skipped, loudly.
set -eu
export LC_ALL=C.UTF-8 NO_COLOR=1
cd "$(dirname "$0")/../.."
source=$PWD/tests/compat/kafka
strandline=$1
build=$2

fail() {
    echo "FAILED: $*"
    exit 1
}

skip() {
    echo "SKIP: Kafka was not asked: $*"
    exit 77
}

# expect WHAT EXPECTED ACTUAL
expect() {
    [ "$2" = "$3" ] || fail "$1: expected [$2], got [$3]"
}

command -v mvn >/dev/null || skip "mvn (Maven) is not installed"
command -v javac >/dev/null || skip "javac (a JDK, 17 or newer) is not installed"
javac --release 17 -version >/dev/null 2>&1 || skip "the JDK is older than 17"

# maven [-o] -- Compile, and write down the class path.
maven() {
    mvn -q -B "$@" -f "$source/pom.xml" "-Dcompat.directory=$build" \
        ${STRANDLINE_CACHE:+"-Dmaven.repo.local=$STRANDLINE_CACHE/maven"} \
        compile dependency:build-classpath "-Dmdep.outputFile=$build/classpath" \
        >"$build/maven.log" 2>&1
}

mkdir -p "$build"
stamp=$(find "$source" -type f -exec cksum {} + | sort | cksum)
if [ "$(cat "$build/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$build/classes"
    # Without the network first: with it Maven asks for news even if it has everything.
    if ! maven -o && ! maven; then
        tail -n 20 "$build/maven.log"
        grep -q 'COMPILATION ERROR' "$build/maven.log" && fail "the Java program does not compile"
        skip "Maven cannot get Kafka's jars"
    fi
    echo "$stamp" >"$build/stamp"
fi

class_path=$build/classes:$(cat "$build/classpath")
# For programs that live for seconds.
java='java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto'
java="$java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

# kafka CLASS [ARGUMENT...]
kafka() {
    # shellcheck disable=SC2086 # words
    timeout 120 $java -cp "$class_path" "$@"
}

compat() {
    kafka strandline.compat.Main "$@"
}

# require_codec CODEC -- Every codec is asked about, or none.
require_codec() {
    echo | "$strandline" append codec --codec "$1" --data "$work/codec" 2>"$work/error" ||
        { grep -q 'no codec' "$work/error" && skip "this build has no codec $1"; } ||
        fail "append --codec $1: $(cat "$work/error")"
}

work=$(mktemp -d)
clean_up() {
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
