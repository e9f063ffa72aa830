package strandline.compat;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/**
 * Thousands of questions to Kafka's classes in one process.
 *
 * <p>A request is a byte, 'D' (decode) or 'E' (encode), the size of what follows as int32, and that many
 * bytes; the answer is a byte, 0 or 1 (refused), a size and that many bytes.  Everything is big-endian.
 * 'D' sends a batch and gets it as text, see {@link BatchText}; 'E' sends the fields in the order of
 * {@link #encode} and gets a batch.  A refusal comes with Kafka's exception as text.
 */
final class Oracle {
    private static final int HEADER_ROOM = 1024;

    private final DataInputStream in;
    private final DataOutputStream out;

    Oracle(InputStream in, OutputStream out) {
        this.in = new DataInputStream(new BufferedInputStream(in, 1 << 20));
        this.out = new DataOutputStream(new BufferedOutputStream(out, 1 << 20));
    }

    void serve() throws IOException {
        for (int request = in.read(); request >= 0; request = in.read()) {
            byte[] content = new byte[in.readInt()];
            in.readFully(content);
            try {
                answer(0, request == 'D'
                        ? BatchText.describeFirst(content).getBytes(StandardCharsets.UTF_8)
                        : encode(content));
            } catch (EOFException e) {
                throw e;
            } catch (Exception | Error e) { /* snappy throws an Error at a bad size */
                String problem = e.getClass().getSimpleName() + ": " + e.getMessage();
                answer(1, problem.getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    private void answer(int status, byte[] content) throws IOException {
        out.writeByte(status);
        out.writeInt(content.length);
        out.write(content);
        if (in.available() == 0)
            out.flush();
    }

    private static byte[] encode(byte[] content) {
        ByteBuffer request = ByteBuffer.wrap(content);
        ByteBufferOutputStream stream = new ByteBufferOutputStream(content.length + HEADER_ROOM);
        long baseOffset = request.getLong();
        CompressionType codec = CompressionType.forId(request.get());
        TimestampType timestampType = TimestampType.values()[request.get() + 1];
        long logAppendTime = request.getLong();
        long producerId = request.getLong();
        short producerEpoch = request.getShort();
        int baseSequence = request.getInt();
        boolean isTransactional = request.get() != 0;
        int leaderEpoch = request.getInt();
        int lastOffsetDelta = request.getInt();
        int count = request.getInt();

        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(stream, RecordBatch.CURRENT_MAGIC_VALUE,
                Compression.of(codec).build(), timestampType, baseOffset, logAppendTime, producerId,
                producerEpoch, baseSequence, isTransactional, false, leaderEpoch, Integer.MAX_VALUE);
        for (int i = 0; i < count; i++) {
            long offset = request.getLong();
            builder.appendWithOffset(offset, record(request));
        }
        builder.overrideLastOffset(baseOffset + lastOffsetDelta);
        ByteBuffer batch = builder.build().buffer();
        byte[] result = new byte[batch.remaining()];
        batch.get(result);
        return result;
    }

    private static SimpleRecord record(ByteBuffer request) {
        long timestamp = request.getLong();
        byte[] key = bytes(request);
        byte[] value = bytes(request);
        Header[] headers = new Header[request.getInt()];

        for (int i = 0; i < headers.length; i++) {
            byte[] name = bytes(request);
            headers[i] = new RecordHeader(new String(name, StandardCharsets.UTF_8), bytes(request));
        }
        return new SimpleRecord(timestamp, key, value, headers);
    }

    private static byte[] bytes(ByteBuffer request) {
        int size = request.getInt();
        if (size < 0)
            return null;
        byte[] result = new byte[size];
        request.get(result);
        return result;
    }
}
