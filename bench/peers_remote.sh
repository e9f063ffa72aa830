#!/bin/sh
# peers_remote.sh kafka|nats DIRECTORY [RECORDS] -- How many records of 1 KiB a server on this machine
# takes from one client: a JSON object for each figure, as strandline-bench prints them.
#
# Not the same work as strandline-bench's: records go through a socket on loopback, client and server
# share the processors, and their own batching and pipelining decide how many travel at a time; Kafka
# runs in a JVM.  So these figures stand beside, not in, the comparison of libraries.
#
# kafka: one broker (KRaft), its jars and kafka-producer-perf-test from Maven Central.  "written": acks=1,
#        batches of 64 KiB; "durable": the same, flush.messages=1, so that the broker syncs before it
#        answers; "durable, one at a time": and no second record under way.  Its times are those from the
#        moment a record is handed to the producer, which holds thousands of them back.  The broker is warm,
#        the client is not: each run starts it in a JVM of its own.
# nats:  nats-server with JetStream in files, and the `nats` command's own benchmark.  "written": synced every
#        two minutes, the default, and up to 500 records under way; "durable": the same, sync_interval:
#        always, so that the server syncs before it answers; "durable, one at a time": and no second one.
#
# A rate that was measured for less than a second is not given.  Exit codes: 0 done, 1 failed, 64 the command
# line is wrong, 69 the server is not at hand.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

refuse() {
    echo "peers_remote.sh: $*" >&2
    exit 1
}

miss() {
    echo "peers_remote.sh: $*" >&2
    exit 69
}

[ $# -ge 2 ] && [ $# -le 3 ] || { sed -n '2,20s/^# \{0,1\}//p' "$0" >&2; exit 64; }
kind=$1
directory=$2
records=${3-1000000}
[ -d "$directory" ] || refuse "there is no directory $directory"

work=$(mktemp -d "$directory/strandline-bench.remote.XXXXXX")
server=
clean_up() {
    if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
        wait "$server" || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# tell WORK FIGURE UNIT VALUE RECORDS
tell() {
    printf '{"measure":"remote","figure":"%s","side":"%s","runs":1,"min":%s,"median":%s,"max":%s,' \
        "$2" "$kind" "$4" "$4" "$4"
    printf '"unit":"%s","conditions":{"work":"%s","record_bytes":1024,"records":%s,"version":"%s"}}\n' "$3" "$1" \
        "$5" "$version"
}

# tell_rate WORK RATE RECORDS
tell_rate() {
    [ -n "$2" ] || refuse "$kind, $1: no rate in: $line"
    if awk -v rate="$2" -v count="$3" 'BEGIN { exit !(count < rate) }'; then
        echo "peers_remote.sh: $kind, $1: the rate is not given: it was measured for less than a second" >&2
        return 0
    fi
    tell "$1" appends 1/s "$2" "$3"
}

# ---- Kafka ----

get_jars() {
    command -v mvn >/dev/null && command -v java >/dev/null ||
        miss "kafka needs java and mvn (Debian: default-jdk-headless, maven)"
    # Without the network first: with it Maven asks for news even if it has everything.
    for offline in -o ''; do
        # shellcheck disable=SC2086 # an option, or none
        if mvn -q -B $offline -f "$here/kafka/pom.xml" ${STRANDLINE_CACHE:+"-Dmaven.repo.local=$STRANDLINE_CACHE/maven"} \
            dependency:build-classpath "-Dmdep.outputFile=$work/classpath" >"$work/maven.log" 2>&1; then
            class_path=$(cat "$work/classpath")
            version=$(echo "$class_path" | sed -n 's|.*/kafka-clients-\([0-9.]*\)\.jar.*|\1|p')
            return 0
        fi
    done
    miss "Maven cannot get Kafka's jars: $(tail -n 1 "$work/maven.log")"
}

java_run() {
    java -Xmx1g -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$class_path" "$@"
}

start_broker() {
    port=$((20000 + $$ % 20000))
    cat >"$work/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$work/logs
offsets.topic.replication.factor=1
EOF
    java_run kafka.tools.StorageTool format --cluster-id AAAAAAAAAAAAAAAAAAAAAA \
        --config "$work/server.properties" >"$work/format.log" 2>&1 ||
        refuse "Kafka cannot format a directory: $(tail -n 1 "$work/format.log")"
    java_run kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 &
    server=$!
}

# kafka_topic NAME [CONFIG]
kafka_topic() {
    java_run org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$port" --create \
        --topic "$1" --partitions 1 --replication-factor 1 ${2:+--config "$2"} >"$work/topic.log" 2>&1 ||
        refuse "Kafka makes no topic: $(tail -n 1 "$work/topic.log") $(tail -n 1 "$work/broker.log")"
}

# kafka_produce TOPIC RECORDS PROPERTY...
kafka_produce() {
    topic=$1 count=$2
    shift 2
    java_run org.apache.kafka.tools.ProducerPerformance --topic "$topic" --num-records "$count" \
        --record-size 1024 --throughput -1 --producer-props "bootstrap.servers=127.0.0.1:$port" "$@" \
        >"$work/run.log" 2>&1 || refuse "kafka-producer-perf-test: $(tail -n 1 "$work/run.log")"
}

# kafka_run WORK TOPIC RECORDS PROPERTY... -- Its last line: "N records sent, R records/sec (...), A ms
# avg latency, M ms max latency, P ms 50th, ... ms 99th, ..."
kafka_run() {
    work_name=$1
    shift
    kafka_produce "$@"
    line=$(tail -n 1 "$work/run.log")
    tell_rate "$work_name" "$(echo "$line" | sed -n 's|.* \([0-9.]*\) records/sec.*|\1|p')" "$count"
    for quantile in 50 99; do
        value=$(echo "$line" | sed -n "s|.* \([0-9.]*\) ms ${quantile}th.*|\1|p")
        tell "$work_name" "p$quantile" s "$(awk -v value="$value" 'BEGIN { print value / 1000 }')" "$count"
    done
}

measure_kafka() {
    get_jars
    start_broker
    kafka_topic written
    kafka_topic durable flush.messages=1
    # What does not count: it warms the broker, whose JVM compiles what runs often; not the client, which
    # is started anew by each run.
    kafka_produce written $((records / 4)) acks=1 batch.size=65536
    kafka_run written written "$records" acks=1 batch.size=65536
    kafka_run durable durable $((records / 4)) acks=all batch.size=65536
    kafka_run 'durable, one at a time' durable $((records / 100)) acks=all batch.size=1 \
        max.in.flight.requests.per.connection=1 enable.idempotence=false
}

# ---- NATS ----

# nats_start SYNC_INTERVAL
nats_start() {
    port=$((20000 + $$ % 20000))
    printf 'listen: 127.0.0.1:%s\njetstream { store_dir: "%s/jetstream", sync_interval: %s }\n' \
        "$port" "$work" "$1" >"$work/nats.conf"
    nats-server -c "$work/nats.conf" >"$work/server.log" 2>&1 &
    server=$!
    tries=0
    until nats -s "nats://127.0.0.1:$port" pub ready yes >"$work/pub.log" 2>&1; do
        tries=$((tries + 1))
        kill -0 "$server" 2>/dev/null || refuse "nats-server: $(grep . "$work/server.log" | tail -n 1)"
        [ "$tries" -lt 100 ] || refuse "nats-server does not answer: $(tail -n 1 "$work/pub.log")"
        sleep 0.1
    done
}

nats_stop() {
    kill -TERM "$server"
    wait "$server" || true
    server=
    rm -rf "$work/jetstream"
}

# nats_run WORK sync|async RECORDS -- Its last line with figures: "... publisher stats: R msgs/sec ~ ... ~
# P50: Tus ~ ... ~ P99: Tus ~ ...".  Of what is asynchronous the times are those of whole batches.
nats_run() {
    nats -s "nats://127.0.0.1:$port" bench js pub "$2" strandline --create --storage file --maxbytes 16GB \
        --msgs "$3" --size 1024 --no-progress >"$work/run.log" 2>&1 ||
        refuse "nats bench: $(tail -n 1 "$work/run.log")"
    line=$(grep 'publisher stats: ' "$work/run.log" | tr -d ,) ||
        refuse "nats bench says: $(tail -n 1 "$work/run.log")"
    tell_rate "$1" "$(echo "$line" | sed -n 's|.*stats: \([0-9.]*\) msgs/sec.*|\1|p')" "$3"
    [ "$2" = sync ] || return 0
    for quantile in 50 99; do
        value=$(echo "$line" | sed -n "s|.* P${quantile}: \([0-9.]*\)us.*|\1|p")
        tell "$1" "p$quantile" s "$(awk -v value="$value" 'BEGIN { print value / 1000000 }')" "$3"
    done
}

measure_nats() {
    command -v nats-server >/dev/null && command -v nats >/dev/null ||
        miss "nats needs nats-server 2.10 or later and nats 0.2 or later" \
            "(go install github.com/nats-io/nats-server/v2@latest github.com/nats-io/natscli/nats@latest)"
    version=$(nats-server --version | sed 's/.* v//')
    nats_start 2m
    nats_run written async "$records"
    nats_stop
    nats_start always
    nats_run durable async $((records / 4))
    nats_run 'durable, one at a time' sync $((records / 100))
    nats_stop
}

case $kind in
kafka) measure_kafka ;;
nats) measure_nats ;;
*) refuse "there is no server $kind here, but kafka, nats" ;;
esac
