package strandline.compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;

import kafka.server.checkpoints.OffsetCheckpointFile;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.checkpoint.LeaderEpochCheckpointFile;
import org.apache.kafka.storage.internals.checkpoint.PartitionMetadataFile;
import org.apache.kafka.storage.internals.log.BatchMetadata;
import org.apache.kafka.storage.internals.log.CompletedTxn;
import org.apache.kafka.storage.internals.log.EpochEntry;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogSegment;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;

import scala.jdk.javaapi.CollectionConverters;

/**
 * Two segments with their indexes, and the small files of a broker, all written by the broker's classes:
 * segments/mixed-0/ is a partition's directory, files/ holds what lies beside partitions.
 */
final class KafkaFiles {
    private static final long SECOND_BASE = 1000;
    private static final long PRODUCER_ID = 42;
    private static final short PRODUCER_EPOCH = 3;

    private final Path partition;
    private final Path files;
    private final LogDirFailureChannel failures = new LogDirFailureChannel(1);

    KafkaFiles(Path directory) {
        partition = directory.resolve("segments").resolve("mixed-0");
        files = directory.resolve("files");
    }

    void write() throws Exception {
        Files.createDirectories(partition);
        Files.createDirectories(files);
        writeFirstSegment();
        writeSecondSegment();
        writePartitionFiles();
        writeDirectoryFiles();
    }

    /** All codecs, each in a batch of its own. */
    private void writeFirstSegment() throws IOException {
        LogSegment segment = open(0);
        long offset = 0;

        for (int round = 0; round < 3; round++)
            for (CompressionType codec : CompressionType.values())
                offset = append(segment, offset, Fixtures.build(
                        new Fixtures.Builder(codec, offset).leaderEpoch(round), Fixtures::appendMixed));
        close(segment, 0);
    }

    /** A transaction that was aborted and one that was committed. */
    private void writeSecondSegment() throws IOException {
        LogSegment segment = open(SECOND_BASE);
        long begun = SECOND_BASE;
        long offset = append(segment, begun, transactional(begun, 0));
        segment.updateTxnIndex(new CompletedTxn(PRODUCER_ID, begun, offset, true), offset + 1);
        offset = append(segment, offset, marker(offset, ControlRecordType.ABORT));
        offset = append(segment, offset, transactional(offset, 7));
        append(segment, offset, marker(offset, ControlRecordType.COMMIT));
        close(segment, SECOND_BASE);
    }

    private static MemoryRecords transactional(long offset, int sequence) {
        return Fixtures.build(new Fixtures.Builder(CompressionType.NONE, offset)
                .producer(PRODUCER_ID, PRODUCER_EPOCH, sequence).transactional(), Fixtures::appendMixed);
    }

    private static MemoryRecords marker(long offset, ControlRecordType type) {
        return MemoryRecords.withEndTransactionMarker(offset, Fixtures.NOW, 5, PRODUCER_ID, PRODUCER_EPOCH,
                new EndTransactionMarker(type, 9));
    }

    private LogSegment open(long baseOffset) throws IOException {
        LogConfig config = new LogConfig(Map.of("index.interval.bytes", "600"));

        for (String suffix : List.of(".log", ".index", ".timeindex", ".txnindex"))
            Files.deleteIfExists(partition.resolve(name(baseOffset) + suffix));
        return LogSegment.open(partition.toFile(), baseOffset, config, Time.SYSTEM, 0, false);
    }

    /** Returns the offset behind RECORDS. */
    private static long append(LogSegment segment, long offset, MemoryRecords records) throws IOException {
        long end = offset;
        for (RecordBatch batch : records.batches())
            end = batch.nextOffset();
        segment.append(end - 1, records);
        return end;
    }

    private void close(LogSegment segment, long baseOffset) throws IOException {
        segment.onBecomeInactiveSegment();
        segment.close();
        Fixtures.storeBatches(partition, name(baseOffset) + ".log", name(baseOffset) + "-log.txt",
                Files.readAllBytes(partition.resolve(name(baseOffset) + ".log")));
    }

    private static String name(long offset) {
        return String.format("%020d", offset);
    }

    private void writePartitionFiles() throws IOException {
        Map<Long, ProducerStateEntry> producers = new TreeMap<>();
        producers.put(PRODUCER_ID, new ProducerStateEntry(PRODUCER_ID, PRODUCER_EPOCH, 9, Fixtures.NOW,
                OptionalLong.empty(), Optional.of(new BatchMetadata(13, 1014, 6, Fixtures.NOW + 3))));
        producers.put(43L, new ProducerStateEntry(43, (short) 0, -1, Fixtures.NOW + 1, OptionalLong.of(990),
                Optional.of(new BatchMetadata(0, 990, 0, Fixtures.NOW + 1))));
        producers.put(44L, new ProducerStateEntry(44, (short) 7, 2, Fixtures.NOW + 2, OptionalLong.empty(),
                Optional.empty()));
        ProducerStateManager.writeSnapshot(partition.resolve(name(1016) + ".snapshot").toFile(), producers,
                true);
        ProducerStateManager.writeSnapshot(partition.resolve(name(SECOND_BASE) + ".snapshot").toFile(),
                new HashMap<>(), true);

        new LeaderEpochCheckpointFile(LeaderEpochCheckpointFile.newFile(partition.toFile()), failures)
                .write(List.of(new EpochEntry(0, 0), new EpochEntry(1, 35), new EpochEntry(2, 70),
                        new EpochEntry(5, SECOND_BASE)));
        PartitionMetadataFile metadata = new PartitionMetadataFile(
                PartitionMetadataFile.newFile(partition.toFile()), failures);
        metadata.record(Uuid.fromString("AAAAAAAAQACAAAAAAAAAKg"));
        metadata.maybeFlush();
    }

    private void writeDirectoryFiles() throws IOException {
        Map<TopicPartition, Object> offsets = new HashMap<>();

        checkpoint("log-start-offset-checkpoint", offsets);
        offsets.put(new TopicPartition("mixed", 0), 1016L);
        checkpoint("recovery-point-offset-checkpoint", offsets);
        offsets.put(new TopicPartition("with.dots_and-dashes", 12), Long.MAX_VALUE);
        checkpoint("replication-offset-checkpoint", offsets);
        checkpoint("cleaner-offset-checkpoint", offsets);
    }

    private void checkpoint(String name, Map<TopicPartition, Object> offsets) throws IOException {
        new OffsetCheckpointFile(files.resolve(name).toFile(), failures)
                .write(CollectionConverters.asScala(offsets));
    }
}
