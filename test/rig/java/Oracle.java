import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own Java clients behind JSON lines: what they read is the truth the daemon's reading is judged by, and what they write is
 * what real producers write. One request a line on standard input, {"id","op",…}; one answer a line on standard output,
 * {"id","result"} or {"id","error"}. Ends when standard input does.
 */
public final class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long CONSUME_DEADLINE_NANOS = Duration.ofMinutes(10).toNanos();

  private static final long MARKER_DEADLINE_NANOS = Duration.ofSeconds(30).toNanos();
  private static final Set<TransactionState> MARKERS_PENDING = Set.of(TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT);

  /** Open transactional producers by the name the test gave them. */
  private final Map<String, NamedProducer> producers = new HashMap<>();

  private record NamedProducer(KafkaProducer<byte[], byte[]> client, String transactionalId, Admin admin) {}

  private final Map<String, Admin> admins = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    // Logging libraries print to standard output: answers go out by a stream of their own.
    PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    System.setOut(System.err);
    Oracle oracle = new Oracle();
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonNode request = JSON.readTree(line);
      ObjectNode answer = JSON.createObjectNode();
      answer.put("id", request.get("id").asLong());
      try {
        answer.set("result", oracle.answer(request));
      } catch (Exception | LinkageError problem) {
        Throwable cause = problem instanceof java.util.concurrent.ExecutionException ? problem.getCause() : problem;
        answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
      }
      answers.println(JSON.writeValueAsString(answer));
      answers.flush();
    }
    // No close of producers: an open transaction is left as a dead client would leave it.
    Runtime.getRuntime().halt(0);
  }

  private JsonNode answer(JsonNode request) throws Exception {
    switch (request.get("op").asText()) {
      case "consume":
        return consume(request);
      case "digest":
        return digest(request);
      case "produce":
        return produce(request);
      case "begin":
        begin(request);
        return null;
      case "send":
        return send(named(request).client(), request);
      case "commit":
        named(request).client().commitTransaction();
        awaitMarkers(named(request));
        return null;
      case "abort":
        named(request).client().abortTransaction();
        awaitMarkers(named(request));
        return null;
      case "abandon":
        named(request).client().close(Duration.ZERO);
        producers.remove(request.get("producer").asText());
        return null;
      case "createTopic":
        createTopic(request);
        return null;
      case "createPartitions":
        admin(request).createPartitions(Map.of(topic(request), NewPartitions.increaseTo(request.get("count").asInt()))).all().get();
        return null;
      case "deleteTopic":
        admin(request).deleteTopics(List.of(topic(request))).all().get();
        return null;
      case "deleteRecords":
        TopicPartition partition = new TopicPartition(topic(request), request.get("partition").asInt());
        admin(request).deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(request.get("before").asLong()))).all().get();
        return null;
      case "alterConfigs":
        alterConfigs(request);
        return null;
      default:
        throw new IllegalArgumentException("unknown op " + request.get("op"));
    }
  }

  // ---- reading

  private interface Reader {
    void read(ConsumerRecord<byte[], byte[]> record);
  }

  /** Reads all partitions up to the ends they had at the start; returns those ends. */
  private Map<TopicPartition, Long> readToEnd(JsonNode request, Reader reader) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", request.get("bootstrap").asText());
    config.put("isolation.level", request.get("isolation").asText());
    config.put("enable.auto.commit", false);
    config.put("auto.offset.reset", "earliest");
    config.put("max.poll.records", 10_000);
    config.put("allow.auto.create.topics", false);
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic(request)).forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      // With read_committed these are the last stable offsets.
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      long started = System.nanoTime();
      while (behind(consumer, ends)) {
        if (System.nanoTime() - started > CONSUME_DEADLINE_NANOS) throw new IllegalStateException("the end was not reached");
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
          // Written after the ends were taken: the next request's business.
          if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) reader.read(record);
        }
      }
      return ends;
    }
  }

  private static boolean behind(KafkaConsumer<?, ?> consumer, Map<TopicPartition, Long> ends) {
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      if (consumer.position(end.getKey()) < end.getValue()) return true;
    }
    return false;
  }

  private JsonNode consume(JsonNode request) {
    ArrayNode records = JSON.createArrayNode();
    Map<TopicPartition, Long> ends = readToEnd(request, record -> {
      ObjectNode one = records.addObject();
      one.put("partition", record.partition());
      one.put("offset", Long.toString(record.offset()));
      one.put("timestamp", Long.toString(record.timestamp()));
      one.put("timestampType", record.timestampType().toString());
      one.put("key", record.key());
      one.put("value", record.value());
      ArrayNode headers = one.putArray("headers");
      for (Header header : record.headers()) headers.addArray().add(header.key()).add(header.value());
    });
    ObjectNode result = JSON.createObjectNode();
    result.set("records", records);
    ObjectNode endsNode = result.putObject("ends");
    ends.forEach((partition, end) -> endsNode.put(Integer.toString(partition.partition()), Long.toString(end)));
    return result;
  }

  private static final class Rolling {
    final MessageDigest sha256;
    long count;
    private final ByteBuffer number = ByteBuffer.allocate(8);

    Rolling() {
      try {
        sha256 = MessageDigest.getInstance("SHA-256");
      } catch (java.security.NoSuchAlgorithmException impossible) {
        throw new IllegalStateException(impossible);
      }
    }

    private void add(long value) {
      number.clear().putLong(value);
      sha256.update(number.array());
    }

    private void add(byte[] bytes) {
      add(bytes == null ? -1L : bytes.length);
      if (bytes != null) sha256.update(bytes);
    }

    void add(ConsumerRecord<byte[], byte[]> record) {
      count++;
      add(record.timestamp());
      add(record.key());
      add(record.value());
      Header[] headers = record.headers().toArray();
      add((long) headers.length);
      for (Header header : headers) {
        add(header.key().getBytes(StandardCharsets.UTF_8));
        add(header.value());
      }
    }
  }

  /** Count and digest a partition, over timestamp, key, value and headers in log order; not over offsets, which differ between copies. */
  private JsonNode digest(JsonNode request) {
    Map<Integer, Rolling> rolling = new TreeMap<>();
    Map<TopicPartition, Long> ends =
        readToEnd(request, record -> rolling.computeIfAbsent(record.partition(), partition -> new Rolling()).add(record));
    ArrayNode result = JSON.createArrayNode();
    Map<Integer, Long> sorted = new TreeMap<>();
    ends.forEach((partition, end) -> sorted.put(partition.partition(), end));
    sorted.forEach((partition, end) -> {
      Rolling one = rolling.computeIfAbsent(partition, absent -> new Rolling());
      ObjectNode node = result.addObject();
      node.put("partition", partition);
      node.put("count", Long.toString(one.count));
      node.put("end", Long.toString(end));
      node.put("sha256", HexFormat.of().formatHex(one.sha256.digest()));
    });
    return result;
  }

  // ---- writing

  private static KafkaProducer<byte[], byte[]> newProducer(JsonNode request) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", request.get("bootstrap").asText());
    // Records wait for a flush or a full batch, so that a test decides what a batch holds.
    config.put("linger.ms", request.path("lingerMs").asInt(60_000));
    config.put("batch.size", request.path("batchBytes").asInt(1_000_000));
    config.put("delivery.timeout.ms", 180_000);
    config.put("max.request.size", 64 << 20);
    config.put("compression.type", request.path("codec").asText("none"));
    config.put("enable.idempotence", true);
    if (request.hasNonNull("transactionalId")) config.put("transactional.id", request.get("transactionalId").asText());
    if (request.hasNonNull("transactionTimeoutMs")) config.put("transaction.timeout.ms", request.get("transactionTimeoutMs").asInt());
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private JsonNode produce(JsonNode request) throws Exception {
    boolean transactional = request.hasNonNull("transactionalId");
    try (KafkaProducer<byte[], byte[]> producer = newProducer(request)) {
      if (transactional) {
        producer.initTransactions();
        producer.beginTransaction();
      }
      JsonNode result = send(producer, request);
      if (transactional) {
        producer.commitTransaction();
        // A read_committed end that is asked for before the markers stand would leave these records out.
        awaitMarkers(new NamedProducer(producer, request.get("transactionalId").asText(), admin(request)));
      }
      return result;
    }
  }

  /** Sends, flushes after every `flushEvery` records and at the end, and answers where each record went. */
  private static JsonNode send(KafkaProducer<byte[], byte[]> producer, JsonNode request) throws Exception {
    int flushEvery = request.path("flushEvery").asInt(Integer.MAX_VALUE);
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (JsonNode record : request.get("records")) {
      JsonNode at = record.hasNonNull("partition") ? record.get("partition") : request.get("partition");
      List<Header> headers = new ArrayList<>();
      for (JsonNode header : record.path("headers")) headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
      Integer partition = at == null || at.isNull() ? null : Integer.valueOf(at.asInt());
      Long timestamp = record.hasNonNull("timestamp") ? Long.valueOf(record.get("timestamp").asText()) : null;
      sent.add(producer.send(
          new ProducerRecord<>(topic(request), partition, timestamp, bytes(record.get("key")), bytes(record.get("value")), headers)));
      if (sent.size() % flushEvery == 0) producer.flush();
    }
    producer.flush();
    ArrayNode result = JSON.createArrayNode();
    for (Future<RecordMetadata> one : sent) {
      RecordMetadata metadata = one.get();
      result.addObject().put("partition", metadata.partition()).put("offset", Long.toString(metadata.offset()));
    }
    return result;
  }

  private static byte[] bytes(JsonNode node) throws java.io.IOException {
    return node == null || node.isNull() ? null : node.binaryValue();
  }

  /** Begins a transaction on the named producer, making and initialising it the first time. */
  private void begin(JsonNode request) {
    String name = request.get("producer").asText();
    if (!producers.containsKey(name)) {
      KafkaProducer<byte[], byte[]> client = newProducer(request);
      producers.put(name, new NamedProducer(client, request.get("transactionalId").asText(), admin(request)));
      client.initTransactions();
    }
    producers.get(name).client().beginTransaction();
  }

  private NamedProducer named(JsonNode request) {
    String name = request.get("producer").asText();
    NamedProducer producer = producers.get(name);
    if (producer == null) throw new IllegalArgumentException("no producer " + name + " has begun a transaction");
    return producer;
  }

  /**
   * The coordinator answers commit and abort before it has written the markers: without this wait a record sent next by another
   * producer may land before the marker or after it.
   */
  private static void awaitMarkers(NamedProducer producer) throws Exception {
    String id = producer.transactionalId();
    long started = System.nanoTime();
    while (MARKERS_PENDING.contains(producer.admin().describeTransactions(List.of(id)).description(id).get().state())) {
      if (System.nanoTime() - started > MARKER_DEADLINE_NANOS) throw new IllegalStateException("the markers of " + id + " were not written");
      Thread.sleep(5);
    }
  }

  // ---- topics

  private Admin admin(JsonNode request) {
    return admins.computeIfAbsent(request.get("bootstrap").asText(), address -> Admin.create(Map.of("bootstrap.servers", address)));
  }

  private static String topic(JsonNode request) {
    return request.get("topic").asText();
  }

  private static Map<String, String> configs(JsonNode request) {
    Map<String, String> configs = new HashMap<>();
    request.path("configs").properties().forEach(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
    return configs;
  }

  private void createTopic(JsonNode request) throws Exception {
    NewTopic topic = new NewTopic(topic(request), Optional.of(request.path("partitions").asInt(1)), Optional.of((short) 1));
    admin(request).createTopics(List.of(topic.configs(configs(request)))).all().get();
  }

  private void alterConfigs(JsonNode request) throws Exception {
    Collection<AlterConfigOp> changes = new ArrayList<>();
    configs(request).forEach((name, value) -> changes.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic(request));
    admin(request).incrementalAlterConfigs(Map.of(resource, changes)).all().get();
  }
}
