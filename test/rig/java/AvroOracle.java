import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.avro.Conversions;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Apache Avro for Java behind JSON lines: makes values of a schema, extremes among them, encodes them as a producer would, reads them back
 * with its own reader and logical types, and says in a text form of its own what each one is, to the last digit.
 *
 * One request a line, {"id","schema","seed","values"}; one answer a line, {"id","values":[{"hex","text"}]} or {"id","error"}. `text` is what
 * Avro itself read from the bytes.
 */
public final class AvroOracle {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** With logical types. A moment beyond what Java's own conversions hold is judged from its number instead, here too. */
  private final GenericData logical = new GenericData();
  private static final int MOST_DEPTH = 6;

  private final Random random;

  private AvroOracle(long seed) {
    random = new Random(seed);
    logical.addLogicalTypeConversion(new Conversions.DecimalConversion());
  }

  public static void main(String[] arguments) throws Exception {
    // Logging libraries print to standard output as it is when they are loaded: nothing of Avro is touched before this.
    PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    System.setOut(System.err);
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonNode request = JSON.readTree(line);
      ObjectNode answer = JSON.createObjectNode();
      answer.put("id", request.get("id").asLong());
      try {
        Schema schema = new Schema.Parser().setValidateDefaults(false).parse(request.get("schema").asText());
        AvroOracle oracle = new AvroOracle(request.get("seed").asLong());
        ArrayNode values = answer.putArray("values");
        for (int i = 0; i < request.get("values").asInt(); i++) oracle.one(schema, values.addObject());
      } catch (Exception | LinkageError problem) {
        answer.remove("values");
        answer.put("error", problem.getClass().getSimpleName() + ": " + problem.getMessage());
      }
      answers.println(JSON.writeValueAsString(answer));
      answers.flush();
    }
  }

  private void one(Schema schema, ObjectNode into) throws Exception {
    Object value = make(schema, 0);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    // The second one writes arrays and maps in blocks with a negative count and their size in bytes.
    BinaryEncoder encoder = random.nextBoolean()
        ? EncoderFactory.get().binaryEncoder(out, null)
        : new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null);
    new GenericDatumWriter<Object>(schema, GenericData.get()).write(value, encoder);
    encoder.flush();
    byte[] bytes = out.toByteArray();
    Object read = new GenericDatumReader<Object>(schema, schema, logical).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
    into.put("hex", HexFormat.of().formatHex(bytes));
    into.put("text", text(schema, read));
  }

  // ---- values

  private static final long[] LONGS = {
    Long.MIN_VALUE, Long.MAX_VALUE, Long.MIN_VALUE + 1, 0, -1, 1, 63, 64, -64, -65, (1L << 53), (1L << 53) + 1, -(1L << 53), -(1L << 53) - 1,
    -(1L << 52) - 1, (1L << 31), -(1L << 31) - 1, 1L << 48, -(1L << 48)
  };
  private static final String[] TEXTS = {"", "a", "é", "\u0000", "𝄞🙂", "日本語", "\ufeffbom", "a\u0301", "\u2028", "\\\"'{}[]", "0", "null"};
  private static final double[] DOUBLES = {
    Double.NaN, -0.0, 0.0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MIN_VALUE, Double.MAX_VALUE, Double.MIN_NORMAL, 0.1, -1e300
  };
  private static final float[] FLOATS = {
    Float.NaN, -0.0f, 0.0f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.MIN_VALUE, Float.MAX_VALUE, Float.MIN_NORMAL, 0.1f
  };

  private Object make(Schema schema, int depth) {
    LogicalType logical = schema.getLogicalType();
    switch (schema.getType()) {
      case NULL:
        return null;
      case BOOLEAN:
        return random.nextBoolean();
      case INT:
        if (logical instanceof LogicalTypes.TimeMillis) return random.nextInt(4) == 0 ? 86_399_999 : random.nextInt(86_400_000);
        // Years that both sides have: Java's LocalDate holds each int of days.
        return random.nextInt(3) == 0 ? pick(Integer.MIN_VALUE, Integer.MAX_VALUE, 0, -1, 1, -719_163, -719_162, -719_528) : random.nextInt() >> random.nextInt(32);
      case LONG:
        if (logical instanceof LogicalTypes.TimeMicros) return (long) (random.nextDouble() * 86_400_000_000L);
        return random.nextInt(3) == 0 ? LONGS[random.nextInt(LONGS.length)] : random.nextLong() >> random.nextInt(64);
      case FLOAT:
        return random.nextInt(3) == 0 ? FLOATS[random.nextInt(FLOATS.length)] : Float.intBitsToFloat(random.nextInt());
      case DOUBLE:
        return random.nextInt(3) == 0 ? DOUBLES[random.nextInt(DOUBLES.length)] : Double.longBitsToDouble(random.nextLong());
      case STRING:
        if (logical != null && logical.getName().equals("uuid")) return new UUID(random.nextLong(), random.nextLong()).toString();
        return texts();
      case BYTES:
        if (logical instanceof LogicalTypes.Decimal decimal) return ByteBuffer.wrap(unscaled(decimal.getPrecision()).toByteArray());
        return ByteBuffer.wrap(bytes(random.nextInt(4) == 0 ? 0 : random.nextInt(40)));
      case FIXED:
        if (logical instanceof LogicalTypes.Decimal decimal) return new GenericData.Fixed(schema, extended(unscaled(decimal.getPrecision()), schema.getFixedSize()));
        return new GenericData.Fixed(schema, bytes(schema.getFixedSize()));
      case ENUM:
        return new GenericData.EnumSymbol(schema, schema.getEnumSymbols().get(random.nextInt(schema.getEnumSymbols().size())));
      case ARRAY: {
        List<Object> items = new ArrayList<>();
        for (int left = count(depth); left > 0; left--) items.add(make(schema.getElementType(), depth + 1));
        return items;
      }
      case MAP: {
        Map<Object, Object> entries = new TreeMap<>();
        for (int left = count(depth); left > 0; left--) entries.put(texts(), make(schema.getValueType(), depth + 1));
        return entries;
      }
      case UNION: {
        List<Schema> branches = schema.getTypes();
        Schema chosen = branches.get(random.nextInt(branches.size()));
        if (depth > MOST_DEPTH)
          for (Schema branch : branches) if (branch.getType() == Schema.Type.NULL) chosen = branch;
        return make(chosen, depth + 1);
      }
      case RECORD: {
        GenericData.Record record = new GenericData.Record(schema);
        for (Schema.Field field : schema.getFields()) record.put(field.pos(), make(field.schema(), depth + 1));
        return record;
      }
      default:
        throw new IllegalArgumentException("no values of " + schema);
    }
  }

  private int count(int depth) {
    return depth > MOST_DEPTH || random.nextInt(4) == 0 ? 0 : random.nextInt(7);
  }

  private int pick(int... from) {
    return from[random.nextInt(from.length)];
  }

  private String texts() {
    StringBuilder text = new StringBuilder();
    for (int left = random.nextInt(4); left >= 0; left--) text.append(TEXTS[random.nextInt(TEXTS.length)]);
    return text.toString();
  }

  private byte[] bytes(int size) {
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    return bytes;
  }

  private BigInteger unscaled(int precision) {
    BigInteger limit = BigInteger.TEN.pow(precision);
    switch (random.nextInt(5)) {
      case 0:
        return limit.subtract(BigInteger.ONE);
      case 1:
        return BigInteger.ONE.subtract(limit);
      case 2:
        return BigInteger.valueOf(random.nextInt(3) - 1);
      default:
        return new BigInteger(limit.bitLength() - 1, random).multiply(BigInteger.valueOf(random.nextBoolean() ? 1 : -1));
    }
  }

  private static byte[] extended(BigInteger value, int size) {
    byte[] given = value.toByteArray();
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      int from = i - (size - given.length);
      bytes[i] = from < 0 ? (byte) (value.signum() < 0 ? -1 : 0) : given[from];
    }
    return bytes;
  }

  // ---- what was read, as text

  private String text(Schema schema, Object value) {
    LogicalType type = schema.getLogicalType();
    switch (schema.getType()) {
      case NULL:
        return "null";
      case BOOLEAN:
        return value.toString();
      case INT:
        if (type instanceof LogicalTypes.Date) return date(LocalDate.ofEpochDay((Integer) value));
        if (type instanceof LogicalTypes.TimeMillis) return "time " + time(LocalTime.ofNanoOfDay((Integer) value * 1_000_000L));
        return "number " + value;
      case LONG:
        return ofLong(type, (Long) value);
      case FLOAT:
        return "float " + Integer.toHexString(Float.floatToIntBits((Float) value));
      case DOUBLE:
        return "double " + Long.toHexString(Double.doubleToLongBits((Double) value));
      case STRING:
        return "text " + HexFormat.of().formatHex(value.toString().getBytes(StandardCharsets.UTF_8));
      case BYTES:
        if (value instanceof BigDecimal decimal) return "decimal " + decimal.toPlainString();
        ByteBuffer buffer = ((ByteBuffer) value).duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return "bytes " + HexFormat.of().formatHex(bytes);
      case FIXED:
        if (value instanceof BigDecimal decimal) return "decimal " + decimal.toPlainString();
        return ofFixed(schema, ((GenericData.Fixed) value).bytes());
      case ENUM:
        return "symbol " + value;
      case ARRAY: {
        List<String> items = new ArrayList<>();
        for (Object item : (Iterable<?>) value) items.add(text(schema.getElementType(), item));
        return "[" + String.join(",", items) + "]";
      }
      case MAP: {
        Map<String, String> entries = new TreeMap<>();
        ((Map<?, ?>) value).forEach((key, one) ->
            entries.put(HexFormat.of().formatHex(key.toString().getBytes(StandardCharsets.UTF_8)), text(schema.getValueType(), one)));
        List<String> items = new ArrayList<>();
        entries.forEach((key, one) -> items.add(key + "=" + one));
        return "{" + String.join(",", items) + "}";
      }
      case UNION:
        return text(schema.getTypes().get(logical.resolveUnion(schema, value)), value);
      case RECORD: {
        List<String> fields = new ArrayList<>();
        for (Schema.Field field : schema.getFields()) fields.add(field.name() + "=" + text(field.schema(), ((GenericRecord) value).get(field.pos())));
        return "(" + String.join(",", fields) + ")";
      }
      default:
        throw new IllegalArgumentException("no text of " + schema);
    }
  }

  private static String ofLong(LogicalType logical, long value) {
    String name = logical == null ? "" : logical.getName();
    long perSecond = name.endsWith("-millis") ? 1_000L : name.endsWith("-micros") ? 1_000_000L : name.endsWith("-nanos") ? 1_000_000_000L : 0;
    if (name.startsWith("timestamp-")) return moment(value, perSecond) + " utc";
    if (name.startsWith("local-timestamp-")) return moment(value, perSecond);
    if (name.equals("time-micros")) return "time " + time(LocalTime.ofNanoOfDay(value * 1_000L));
    return "number " + value;
  }

  /** Through Java's own calendar where it reaches so far, which is a billion years: else the number as it is. */
  private static String moment(long value, long perSecond) {
    long second = Math.floorDiv(value, perSecond);
    long nanos = Math.floorMod(value, perSecond) * (1_000_000_000L / perSecond);
    if (second < LocalDateTime.MIN.toEpochSecond(ZoneOffset.UTC) || second > LocalDateTime.MAX.toEpochSecond(ZoneOffset.UTC)) return "far " + value;
    LocalDateTime at = LocalDateTime.ofEpochSecond(second, (int) nanos, ZoneOffset.UTC);
    return date(at.toLocalDate()) + " " + time(at.toLocalTime());
  }

  private static String date(LocalDate date) {
    int era = date.get(ChronoField.ERA);
    return "date " + date.get(ChronoField.YEAR_OF_ERA) + (era == 0 ? "bc" : "") + "-" + date.getMonthValue() + "-" + date.getDayOfMonth();
  }

  private static String time(LocalTime time) {
    return time.toSecondOfDay() + "s" + time.getNano() + "ns";
  }

  /** By name: this version of Avro knows neither of them for a fixed. */
  private static String ofFixed(Schema schema, byte[] bytes) {
    String name = schema.getProp("logicalType");
    if ("uuid".equals(name) && bytes.length == 16) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      return "text " + HexFormat.of().formatHex(new UUID(buffer.getLong(), buffer.getLong()).toString().getBytes(StandardCharsets.UTF_8));
    }
    if ("duration".equals(name) && bytes.length == 12) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN);
      return "duration " + Integer.toUnsignedString(buffer.getInt()) + " " + Integer.toUnsignedString(buffer.getInt()) + " " + Integer.toUnsignedString(buffer.getInt());
    }
    return "bytes " + HexFormat.of().formatHex(bytes);
  }
}
