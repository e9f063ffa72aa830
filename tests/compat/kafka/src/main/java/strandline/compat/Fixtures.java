package strandline.compat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Predicate;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecords.RecordFilter;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/** Writes batches/NAME.batch with NAME.txt, see {@link BatchText}; the files of {@link KafkaFiles} beside. */
final class Fixtures {
    static final long NOW = 1700000000000L;
    private static final byte MAGIC = RecordBatch.CURRENT_MAGIC_VALUE;
    private static final int LARGE_SIZE = 1 << 20;

    private final Path directory;

    Fixtures(String directory) {
        this.directory = Path.of(directory);
    }

    void write() throws Exception {
        Files.createDirectories(directory.resolve("batches"));
        for (CompressionType codec : CompressionType.values())
            writeOfCodec(codec);
        writeHeaderFields();
        writeControl();
        writeCompacted();
        new KafkaFiles(directory).write();
    }

    private void writeOfCodec(CompressionType codec) throws IOException {
        store(codec.name + "-mixed", builder(codec, 100), Fixtures::appendMixed);
        store(codec.name + "-many", builder(codec, 0), builder -> {
            for (int i = 0; i < 300; i++)
                builder.append(NOW + i, null, utf8("v" + i % 10));
        });
        store(codec.name + "-idempotent", new Builder(codec, 7).producer(4711, 3, 20), Fixtures::appendMixed);
        if (codec != CompressionType.NONE) /* 1 MiB of bytes as they are is too much for a repository */
            store(codec.name + "-large", builder(codec, 1L << 40), builder ->
                    builder.append(NOW, utf8("large"), large()));
    }

    private void writeHeaderFields() throws IOException {
        CompressionType none = CompressionType.NONE;

        store("sequence-wrap", new Builder(none, 0).producer(9, 0, Integer.MAX_VALUE - 1), builder -> {
            for (int i = 0; i < 4; i++)
                builder.append(NOW, null, utf8("s" + i));
        });
        store("transactional", new Builder(none, 3).producer(42, 3, 17).transactional(),
                Fixtures::appendMixed);
        store("transactional-lz4", new Builder(CompressionType.LZ4, 3).producer(42, 3, 17).transactional(),
                Fixtures::appendMixed);
        store("log-append-time", new Builder(none, 50).logAppendTime(NOW + 99), Fixtures::appendMixed);
        store("log-append-time-lz4", new Builder(CompressionType.LZ4, 50).logAppendTime(NOW + 99),
                Fixtures::appendMixed);
        store("timestamps-unordered", builder(none, 0), builder -> {
            for (long timestamp : new long[] {NOW, NOW - 86400000L, NOW + 5, 0, NOW - 1, Long.MAX_VALUE})
                builder.append(timestamp, null, utf8("t"));
        });
        store("timestamps-none", builder(none, 0), builder -> {
            builder.append(RecordBatch.NO_TIMESTAMP, null, utf8("none"));
            builder.append(RecordBatch.NO_TIMESTAMP, (byte[]) null, null);
        });
        store("no-leader-epoch", new Builder(none, 0).leaderEpoch(-1), builder ->
                builder.append(NOW, utf8("k"), utf8("v")));
        store("largest-offset", builder(none, Long.MAX_VALUE - 3), builder -> {
            builder.append(NOW, null, utf8("a"));
            builder.append(NOW, null, utf8("b"));
        });
        store("offset-holes", builder(none, 1000), builder -> {
            builder.appendWithOffset(1000, NOW, null, utf8("first"));
            builder.appendWithOffset(1007, NOW, null, utf8("in between"));
            builder.overrideLastOffset(1000 + 3000000);
        });
        store("header-limits", builder(none, 0), builder -> {
            Header[] headers = new Header[130];
            for (int i = 0; i < headers.length; i++)
                headers[i] = new RecordHeader("h", i % 3 == 0 ? null : new byte[i % 3 - 1]);
            builder.append(NOW, new byte[0], new byte[0], headers);
        });
    }

    private void writeControl() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(4096);

        for (ControlRecordType type : List.of(ControlRecordType.COMMIT, ControlRecordType.ABORT))
            store("control-" + type.name().toLowerCase(), MemoryRecords.withEndTransactionMarker(10, NOW, 5, 42,
                    (short) 3, new EndTransactionMarker(type, 9)));
        store("control-leader-change", MemoryRecords.withLeaderChangeMessage(0, NOW, 5, buffer.clear(),
                new LeaderChangeMessage().setLeaderId(1).setVoters(List.of(
                        new LeaderChangeMessage.Voter().setVoterId(1)))));
        store("control-snapshot-header", MemoryRecords.withSnapshotHeaderRecord(0, NOW, 5, buffer.clear(),
                new SnapshotHeaderRecord().setLastContainedLogTimestamp(NOW)));
        store("control-snapshot-footer", MemoryRecords.withSnapshotFooterRecord(9, NOW, 5, buffer.clear(),
                new SnapshotFooterRecord()));
        store("control-kraft-version", MemoryRecords.withKRaftVersionRecord(1, NOW, 5, buffer.clear(),
                new KRaftVersionRecord().setKRaftVersion((short) 1)));
        store("control-kraft-voters", MemoryRecords.withVotersRecord(2, NOW, 5, buffer.clear(),
                new VotersRecord()));
    }

    /** What Kafka's own cleaner leaves. */
    private void writeCompacted() throws IOException {
        for (CompressionType codec : List.of(CompressionType.NONE, CompressionType.LZ4)) {
            MemoryRecords records = build(new Builder(codec, 200).producer(42, 3, 17), builder -> {
                for (int i = 0; i < 10; i++)
                    builder.append(NOW - 50 * i, utf8("k" + i), utf8("v" + i));
            });
            store("compacted-holes-" + codec.name, filter(records, record -> record.offset() % 4 == 2));
            store("compacted-empty-" + codec.name, filter(records, record -> false));

            MemoryRecords tombstones = build(builder(codec, 300), builder -> {
                builder.append(NOW - 7, utf8("k"), null);
                builder.append(NOW - 900, utf8("l"), utf8("v"));
            });
            store("compacted-horizon-" + codec.name, filter(tombstones, record -> true));
        }
        ByteBuffer buffer = ByteBuffer.allocate(RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(buffer, MAGIC, 42, (short) 3, 17, 20, 24, 5,
                TimestampType.CREATE_TIME, 1234, true, false);
        buffer.flip();
        store("empty", MemoryRecords.readableRecords(buffer));
    }

    private static final int RECORD_BATCH_OVERHEAD = DefaultRecordBatch.RECORD_BATCH_OVERHEAD;

    private static MemoryRecords filter(MemoryRecords records, Predicate<Record> isKept) {
        RecordFilter filter = new RecordFilter(NOW, 86400000L) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return isKept.test(record);
            }
        };
        ByteBuffer out = ByteBuffer.allocate(records.sizeInBytes() * 2);

        records.filterTo(new TopicPartition("compacted", 0), filter, out, Integer.MAX_VALUE,
                BufferSupplier.NO_CACHING);
        out.flip();
        return MemoryRecords.readableRecords(out);
    }

    /** Null, empty and binary; headers; time that goes back. */
    static void appendMixed(MemoryRecordsBuilder builder) {
        byte[] binary = new byte[40];
        new Random(1).nextBytes(binary);

        builder.append(NOW, utf8("key"), utf8("value"));
        builder.append(NOW + 5, (byte[]) null, utf8("no key"));
        builder.append(NOW - 5, utf8("tombstone"), null);
        builder.append(NOW, new byte[0], new byte[0]);
        builder.append(NOW + 1, (byte[]) null, null);
        builder.append(NOW + 2, utf8("headers"), binary, new Header[] {new RecordHeader("h", utf8("1")),
            new RecordHeader("h", null), new RecordHeader("", new byte[0]),
            new RecordHeader("\u00e4\u20ac\ud83d\ude00", new byte[] {0, -1})});
        builder.append(NOW + 3, binary, utf8("repeat ".repeat(20)));
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] large() {
        byte[] value = new byte[LARGE_SIZE];
        for (int i = 0; i < value.length; i++)
            value[i] = (byte) (i / 1000 + i % 5);
        return value;
    }

    private static Builder builder(CompressionType codec, long baseOffset) {
        return new Builder(codec, baseOffset);
    }

    private void store(String name, Builder builder, Consumer<MemoryRecordsBuilder> content)
            throws IOException {
        store(name, build(builder, content));
    }

    private void store(String name, MemoryRecords records) throws IOException {
        byte[] bytes = new byte[records.sizeInBytes()];
        records.buffer().get(bytes);
        storeBatches(directory.resolve("batches"), name + ".batch", name + ".txt", bytes);
    }

    static void storeBatches(Path directory, String name, String textName, byte[] bytes)
            throws IOException {
        Files.write(directory.resolve(name), bytes);
        Files.writeString(directory.resolve(textName), BatchText.describeAll(bytes));
    }

    static MemoryRecords build(Builder builder, Consumer<MemoryRecordsBuilder> content) {
        MemoryRecordsBuilder records = builder.begin();
        content.accept(records);
        return records.build();
    }

    /** Header fields, with what most fixtures have. */
    static final class Builder {
        private final CompressionType codec;
        private final long baseOffset;
        private TimestampType timestampType = TimestampType.CREATE_TIME;
        private long logAppendTime = RecordBatch.NO_TIMESTAMP;
        private long producerId = RecordBatch.NO_PRODUCER_ID;
        private short producerEpoch = RecordBatch.NO_PRODUCER_EPOCH;
        private int baseSequence = RecordBatch.NO_SEQUENCE;
        private boolean isTransactional;
        private int leaderEpoch = 5;

        Builder(CompressionType codec, long baseOffset) {
            this.codec = codec;
            this.baseOffset = baseOffset;
        }

        Builder producer(long id, int epoch, int sequence) {
            producerId = id;
            producerEpoch = (short) epoch;
            baseSequence = sequence;
            return this;
        }

        Builder transactional() {
            isTransactional = true;
            return this;
        }

        Builder logAppendTime(long time) {
            timestampType = TimestampType.LOG_APPEND_TIME;
            logAppendTime = time;
            return this;
        }

        Builder leaderEpoch(int epoch) {
            leaderEpoch = epoch;
            return this;
        }

        MemoryRecordsBuilder begin() {
            return new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), MAGIC,
                    Compression.of(codec).build(), timestampType, baseOffset, logAppendTime, producerId,
                    producerEpoch, baseSequence, isTransactional, false, leaderEpoch, Integer.MAX_VALUE);
        }
    }
}
