package strandline.compat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ScheduledFuture;

import kafka.server.checkpoints.OffsetCheckpointFile;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.checkpoint.LeaderEpochCheckpointFile;
import org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache;
import org.apache.kafka.storage.internals.log.EpochEntry;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;

import scala.jdk.javaapi.CollectionConverters;

/** The broker's text files, and its history of leader epochs; kafka_checkpoints.c does the same with ours. */
final class Checkpoints {
    private static final String[] OFFSET_FILES = {"recovery-point-offset-checkpoint",
        "log-start-offset-checkpoint", "replication-offset-checkpoint"};

    private final LogDirFailureChannel failures = new LogDirFailureChannel(1);

    /** Prints what is in BASE/0, BASE/1, ... */
    void read(Path base, int count, PrintStream out) throws IOException {
        for (int i = 0; i < count; i++) {
            Path directory = base.resolve(Integer.toString(i));

            out.println(i + " leader-epoch-checkpoint");
            for (EpochEntry entry : epochs(directory).read())
                out.println(entry.epoch + " " + entry.startOffset);
            for (String name : OFFSET_FILES)
                print(directory, name, i + " " + name, out);
        }
    }

    private void print(Path directory, String name, String title, PrintStream out) throws IOException {
        Map<String, Object> sorted = new TreeMap<>();

        out.println(title);
        CollectionConverters.asJava(offsets(directory, name).read()).forEach((partition, offset) -> sorted.put(
                String.format("%s %010d", partition.topic(), partition.partition()), offset));
        sorted.forEach((partition, offset) -> out.println(partition + " " + offset));
    }

    void write(Path base, int count, long seed) throws IOException {
        Random random = new Random(seed);

        for (int i = 0; i < count; i++) {
            Path directory = Files.createDirectories(base.resolve(Integer.toString(i)));

            epochs(directory).write(randomEpochs(random));
            for (String name : OFFSET_FILES)
                offsets(directory, name).write(CollectionConverters.asScala(randomOffsets(random)));
        }
    }

    private static List<EpochEntry> randomEpochs(Random random) {
        List<EpochEntry> entries = new ArrayList<>();
        int epoch = random.nextInt(3);
        long offset = random.nextInt(3);

        for (int count = random.nextInt(20); count > 0; count--) {
            entries.add(new EpochEntry(epoch, offset));
            epoch += 1 + random.nextInt(1 << random.nextInt(26));
            offset += 1 + random.nextLong(1L << random.nextInt(58));
        }
        if (random.nextInt(4) == 0)
            entries.add(new EpochEntry(Integer.MAX_VALUE, Long.MAX_VALUE));
        return entries;
    }

    private static Map<TopicPartition, Object> randomOffsets(Random random) {
        Map<TopicPartition, Object> offsets = new HashMap<>();

        for (int count = random.nextInt(30); count > 0; count--) {
            StringBuilder topic = new StringBuilder("t");

            for (int length = random.nextInt(count == 1 ? 249 : 8); length > 0; length--)
                topic.append("abcXYZ019._-".charAt(random.nextInt(12)));
            offsets.put(new TopicPartition(topic.toString(), random.nextInt(1 << random.nextInt(31))),
                    random.nextInt(9) == 0 ? Long.MAX_VALUE : random.nextLong(1L << random.nextInt(62)));
        }
        return offsets;
    }

    private LeaderEpochCheckpointFile epochs(Path directory) throws IOException {
        return new LeaderEpochCheckpointFile(LeaderEpochCheckpointFile.newFile(directory.toFile()), failures);
    }

    private OffsetCheckpointFile offsets(Path directory, String name) {
        return new OffsetCheckpointFile(directory.resolve(name).toFile(), failures);
    }

    /** Does what each line says to one history, and prints the answer and what is in it then. */
    void obey(InputStream in, PrintStream out) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
        Path directory = Files.createTempDirectory("epochs");
        LeaderEpochFileCache cache = new LeaderEpochFileCache(new TopicPartition("t", 0), epochs(directory),
                new NoScheduler());

        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");

            out.print(obey(cache, words[0], Long.parseLong(words[1]), Long.parseLong(words[2])));
            for (EpochEntry entry : cache.epochEntries())
                out.print(" " + entry.epoch + "@" + entry.startOffset);
            out.println();
        }
        Files.deleteIfExists(LeaderEpochCheckpointFile.newFile(directory.toFile()).toPath());
        Files.delete(directory);
    }

    private static String obey(LeaderEpochFileCache cache, String what, long first, long second) {
        switch (what) {
            case "assign" -> cache.assign((int) first, second);
            case "cut-end" -> cache.truncateFromEndAsyncFlush(first);
            case "cut-start" -> cache.truncateFromStartAsyncFlush(first);
            case "clear" -> cache.clearAndFlush();
            case "end" -> {
                Map.Entry<Integer, Long> answer = cache.endOffsetFor((int) first, second);
                return answer.getKey() + "," + answer.getValue();
            }
            case "epoch" -> {
                return Integer.toString(cache.epochForOffset(first).orElse(-1));
            }
            default -> throw new IllegalArgumentException(what);
        }
        return Integer.toString(cache.latestEpoch().orElse(-1));
    }

    /** What the cache would flush later is not looked at. */
    private static final class NoScheduler implements Scheduler {
        @Override
        public void startup() {
        }

        @Override
        public void shutdown() {
        }

        @Override
        public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
            return null;
        }

        @Override
        public void resizeThreadPool(int size) {
        }
    }
}
