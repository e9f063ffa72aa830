package strandline.compat;

import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own clients against a running broker. */
final class Client {
    private static final int TIMEOUT_S = 60;
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int RECORDS_PER_CODEC = 50;

    private Client() {
    }

    static void create(String bootstrap, String topic, String[] settings) throws Exception {
        Map<String, String> configs = new HashMap<>();
        for (String setting : settings)
            configs.put(setting.split("=", 2)[0], setting.split("=", 2)[1]);
        try (Admin admin = Admin.create(properties(bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(configs))).all()
                    .get(TIMEOUT_S, TimeUnit.SECONDS);
        }
    }

    private static Properties properties(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("key.serializer", ByteArraySerializer.class.getName());
        properties.put("value.serializer", ByteArraySerializer.class.getName());
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return properties;
    }

    /** Batches of an idempotent producer in each codec, then a committed and an aborted transaction. */
    static void produce(String bootstrap, String topic) throws Exception {
        for (String codec : CODECS) {
            Properties properties = properties(bootstrap);
            properties.put("compression.type", codec);
            properties.put("linger.ms", "20");
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties)) {
                send(producer, topic, codec);
            }
        }
        Properties properties = properties(bootstrap);
        properties.put("transactional.id", "compat");
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties)) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, topic, "committed");
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, topic, "aborted");
            producer.flush();
            producer.abortTransaction();
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, String name) {
        for (int i = 0; i < RECORDS_PER_CODEC; i++) {
            byte[] key = i % 5 == 0 ? null : (name + "-" + i).getBytes(StandardCharsets.UTF_8);
            byte[] value = i % 7 == 0 ? null : ("value " + i + " ").repeat(i).getBytes(StandardCharsets.UTF_8);
            List<Header> headers = i % 3 != 0 ? List.of()
                    : List.of(new RecordHeader("codec", name.getBytes(StandardCharsets.UTF_8)),
                            new RecordHeader("null", null), new RecordHeader("", new byte[] {-1, 0}));
            producer.send(new ProducerRecord<>(topic, 0, 1700000000000L + i, key, value, headers));
        }
        producer.flush();
    }

    static void consume(String bootstrap, String topic) {
        Properties properties = properties(bootstrap);
        TopicPartition partition = new TopicPartition(topic, 0);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_S);

        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) {
                if (System.nanoTime() > deadline)
                    throw new IllegalStateException("stuck at " + consumer.position(partition) + " of " + end);
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1)))
                    out.println(json(record));
            }
        }
        out.flush();
    }

    private static String json(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder text = new StringBuilder();

        text.append("{\"offset\":").append(record.offset()).append(",\"timestamp\":")
                .append(record.timestamp()).append(',');
        put(text, "key", record.key());
        put(text.append(','), "value", record.value());
        text.append(",\"headers\":[");
        String separator = "";
        for (Header header : record.headers()) {
            put(text.append(separator).append('{'), "key", header.key().getBytes(StandardCharsets.UTF_8));
            put(text.append(','), "value", header.value());
            text.append('}');
            separator = ",";
        }
        return text.append("]}").toString();
    }

    private static void put(StringBuilder text, String name, byte[] bytes) {
        if (bytes == null) {
            text.append('"').append(name).append("\":null");
            return;
        }
        try {
            String string = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            text.append('"').append(name).append("\":\"");
            string.chars().forEach(c -> putEscaped(text, (char) c));
            text.append('"');
        } catch (CharacterCodingException e) {
            text.append('"').append(name).append("_base64\":\"")
                    .append(Base64.getEncoder().encodeToString(bytes)).append('"');
        }
    }

    private static void putEscaped(StringBuilder text, char c) {
        int index = "\"\\\b\f\n\r\t".indexOf(c);

        if (index >= 0)
            text.append('\\').append("\"\\bfnrt".charAt(index));
        else if (c < ' ' || c == 0x7f)
            text.append(String.format("\\u%04x", (int) c));
        else
            text.append(c);
    }
}
