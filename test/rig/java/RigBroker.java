import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A Kafka broker that formats its storage first, in the same virtual machine: a separate `StorageTool format` would cost as much time as
 * the broker's own start.
 *
 * Arguments: PROPERTIES [CLUSTER_ID [FEATURE=LEVEL…]]; the storage is formatted when a cluster id is given.
 */
public final class RigBroker {
  public static void main(String[] arguments) throws Exception {
    String properties = arguments[0];
    if (arguments.length > 1) {
      List<String> format = new ArrayList<>(List.of("format", "-t", arguments[1], "-c", properties));
      for (String feature : Arrays.copyOfRange(arguments, 2, arguments.length)) {
        format.add("--feature");
        format.add(feature);
      }
      int status = kafka.tools.StorageTool.execute(format.toArray(new String[0]), System.out);
      if (status != 0) System.exit(status);
    }
    kafka.Kafka.main(new String[] {properties});
  }
}
