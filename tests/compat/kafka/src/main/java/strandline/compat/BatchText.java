package strandline.compat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Iterator;

import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.CloseableIterator;
import org.apache.kafka.common.utils.Crc32C;

/**
 * Batches as lines of text; tests/support/batch_text.c writes the same for what it decodes.
 *
 * <pre>
 * batch OFFSET SIZE EPOCH CRC ATTRIBUTES LAST_DELTA BASE_TIMESTAMP MAX_TIMESTAMP PID PEPOCH SEQUENCE COUNT
 * record OFFSET TIMESTAMP SEQUENCE KEY VALUE
 * header KEY VALUE
 * control TYPE [COORDINATOR_EPOCH]
 * </pre>
 *
 * Bytes are "null", "x" and hex digits, or for more than 256 of them "crc32c:SIZE:CRC".
 */
final class BatchText {
    private static final int SHOWN_SIZE_MAX = 256;

    private BatchText() {
    }

    /** Every batch in DATA, which must not hold anything else. */
    static String describeAll(byte[] data) {
        StringBuilder text = new StringBuilder();
        int end = 0;

        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(data)).batches()) {
            describe(batch, text);
            end += batch.sizeInBytes();
        }
        if (end != data.length)
            throw new IllegalStateException((data.length - end) + " bytes are no whole batch");
        return text.toString();
    }

    /** The first batch in DATA, as a consumer that checks CRCs reads it. */
    static String describeFirst(byte[] data) {
        Iterator<MutableRecordBatch> batches =
                MemoryRecords.readableRecords(ByteBuffer.wrap(data)).batches().iterator();
        StringBuilder text = new StringBuilder();

        if (!batches.hasNext())
            throw new IllegalStateException("no whole batch");
        describe(batches.next(), text);
        return text.toString();
    }

    private static void describe(RecordBatch batch, StringBuilder text) {
        batch.ensureValid();
        if (!(batch instanceof DefaultRecordBatch whole))
            throw new IllegalStateException("magic " + batch.magic());
        text.append(String.format("batch %d %d %d %08x %d %d %d %d %d %d %d %d%n", batch.baseOffset(),
                batch.sizeInBytes(), batch.partitionLeaderEpoch(), batch.checksum(), attributes(batch),
                (int) (batch.lastOffset() - batch.baseOffset()), whole.baseTimestamp(),
                batch.maxTimestamp(), batch.producerId(), batch.producerEpoch(), batch.baseSequence(),
                batch.countOrNull()));
        try (CloseableIterator<Record> records = batch.streamingIterator(BufferSupplier.create())) {
            while (records.hasNext())
                describe(batch, records.next(), text);
        }
    }

    private static int attributes(RecordBatch batch) {
        CompressionType codec = batch.compressionType();

        return codec.id | (batch.timestampType() == TimestampType.LOG_APPEND_TIME ? 0x08 : 0)
                | (batch.isTransactional() ? 0x10 : 0) | (batch.isControlBatch() ? 0x20 : 0)
                | (batch.deleteHorizonMs().isPresent() ? 0x40 : 0);
    }

    private static void describe(RecordBatch batch, Record record, StringBuilder text) {
        text.append("record ").append(record.offset()).append(' ').append(record.timestamp())
                .append(' ').append(record.sequence()).append(' ').append(bytes(record.key()))
                .append(' ').append(bytes(record.value())).append('\n');
        for (Header header : record.headers())
            text.append("header ")
                    .append(bytes(ByteBuffer.wrap(header.key().getBytes(StandardCharsets.UTF_8))))
                    .append(' ')
                    .append(bytes(header.value() == null ? null : ByteBuffer.wrap(header.value())))
                    .append('\n');
        if (batch.isControlBatch())
            describeControl(record, text);
    }

    private static void describeControl(Record record, StringBuilder text) {
        short id = ControlRecordType.parseTypeId(record.key());
        ControlRecordType type = ControlRecordType.fromTypeId(id);

        text.append("control ").append(id);
        if (type == ControlRecordType.ABORT || type == ControlRecordType.COMMIT)
            text.append(' ').append(EndTransactionMarker.deserialize(record).coordinatorEpoch());
        text.append('\n');
    }

    private static String bytes(ByteBuffer buffer) {
        if (buffer == null)
            return "null";
        byte[] data = new byte[buffer.remaining()];
        buffer.duplicate().get(data);
        if (data.length > SHOWN_SIZE_MAX)
            return String.format("crc32c:%d:%08x", data.length, Crc32C.compute(data, 0, data.length));
        return "x" + HexFormat.of().formatHex(data);
    }
}
