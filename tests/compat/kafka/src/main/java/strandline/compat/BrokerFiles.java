package strandline.compat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;

import org.apache.kafka.common.Uuid;

/** A broker's directory: one node that is broker and controller, on loopback. */
final class BrokerFiles {
    private static final String PROPERTIES = """
            process.roles=broker,controller
            node.id=1
            controller.quorum.voters=1@127.0.0.1:%2$d
            listeners=PLAINTEXT://127.0.0.1:%1$d,CONTROLLER://127.0.0.1:%2$d
            advertised.listeners=PLAINTEXT://127.0.0.1:%1$d
            controller.listener.names=CONTROLLER
            listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
            inter.broker.listener.name=PLAINTEXT
            log.dirs=%3$s
            num.recovery.threads.per.data.dir=1
            num.network.threads=1
            num.io.threads=2
            auto.create.topics.enable=false
            offsets.topic.num.partitions=1
            offsets.topic.replication.factor=1
            transaction.state.log.num.partitions=1
            transaction.state.log.replication.factor=1
            transaction.state.log.min.isr=1
            group.initial.rebalance.delay.ms=0
            """;

    private BrokerFiles() {
    }

    /** Writes DIR/server.properties and DIR/bootstrap, and formats DIR/logs. */
    static void format(String directory) throws IOException {
        Path base = Path.of(directory).toAbsolutePath();
        int[] ports = freePorts();

        Files.writeString(base.resolve("server.properties"),
                String.format(PROPERTIES, ports[0], ports[1], base.resolve("logs")));
        Files.writeString(base.resolve("bootstrap"), "127.0.0.1:" + ports[0] + "\n");
        int code = kafka.tools.StorageTool.execute(new String[] {"format", "--cluster-id",
                Uuid.randomUuid().toString(), "--config", base.resolve("server.properties").toString()},
                System.out);
        if (code != 0)
            throw new IllegalStateException("StorageTool says " + code);
    }

    private static int[] freePorts() throws IOException {
        InetAddress loopback = InetAddress.getLoopbackAddress();

        try (ServerSocket first = new ServerSocket(0, 1, loopback);
                ServerSocket second = new ServerSocket(0, 1, loopback)) {
            return new int[] {first.getLocalPort(), second.getLocalPort()};
        }
    }
}
