package strandline.compat;

import java.nio.file.Path;
import java.util.Arrays;

/** One program, so that a test needs one class path. */
public final class Main {
    private static final String USAGE = """
            fixtures DIR                        write the fixtures and what is in them
            oracle                              answer requests on standard input, see Oracle
            format DIR                          make a broker's directory and DIR/server.properties
            create BOOTSTRAP TOPIC [NAME=VALUE] create a topic of one partition
            produce BOOTSTRAP TOPIC             append with Kafka's own producer, every codec
            consume BOOTSTRAP TOPIC             print all records as NDJSON, as `strandline read --json` does
            read-checkpoints DIR COUNT          print the checkpoint files of DIR/0, DIR/1, ...
            write-checkpoints DIR COUNT SEED    write random ones
            epochs                              obey lines on standard input, see Checkpoints
            version                             of Kafka""";

    private Main() {
    }

    public static void main(String[] arguments) throws Exception {
        String command = arguments.length > 0 ? arguments[0] : "";
        String[] rest = Arrays.copyOfRange(arguments, Math.min(1, arguments.length), arguments.length);

        switch (command) {
            case "fixtures" -> new Fixtures(rest[0]).write();
            case "oracle" -> new Oracle(System.in, System.out).serve();
            case "format" -> BrokerFiles.format(rest[0]);
            case "create" -> Client.create(rest[0], rest[1], Arrays.copyOfRange(rest, 2, rest.length));
            case "produce" -> Client.produce(rest[0], rest[1]);
            case "consume" -> Client.consume(rest[0], rest[1]);
            case "read-checkpoints" -> new Checkpoints().read(Path.of(rest[0]), Integer.parseInt(rest[1]),
                    System.out);
            case "write-checkpoints" -> new Checkpoints().write(Path.of(rest[0]), Integer.parseInt(rest[1]),
                    Long.parseLong(rest[2]));
            case "epochs" -> new Checkpoints().obey(System.in, System.out);
            case "version" -> System.out.println(
                    org.apache.kafka.common.utils.AppInfoParser.getVersion());
            default -> {
                System.err.println(USAGE);
                System.exit(64);
            }
        }
    }
}
