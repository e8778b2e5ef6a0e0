import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Kafka Streams: one-minute candles of flat JSON trades, a RocksDB window store with its changelog, published when a window closes.
 *
 * Arguments: BOOTSTRAP TOPIC OUT COUNT GROUP FOLDER at_least_once|exactly_once_v2. One thread. The clock runs from the first trade
 * aggregated to the last; `half` is when half of them were, so that the second half can be told from the warm-up.
 */
public class Candles {
  static final ObjectMapper JSON = new ObjectMapper();

  @JsonIgnoreProperties(ignoreUnknown = true)
  public static class Tick {
    public String symbol;
    public double price;
    public double size;
    public long ts;
  }

  public static class Bar {
    public double open;
    public double high;
    public double low;
    public double close;
    public double volume;
    public double worth;
    public long count;
    public long first;
    public long last;

    Bar add(Tick tick) {
      if (count == 0) {
        open = high = low = close = tick.price;
        first = last = tick.ts;
      }
      if (tick.ts < first) {
        open = tick.price;
        first = tick.ts;
      }
      if (tick.ts >= last) {
        close = tick.price;
        last = tick.ts;
      }
      high = Math.max(high, tick.price);
      low = Math.min(low, tick.price);
      volume += tick.size;
      worth += tick.price * tick.size;
      count++;
      return this;
    }
  }

  public record Candle(
      String symbol, long start, double open, double high, double low, double close, double volume, double vwap, long count) {
    static Candle of(String key, long start, Bar bar) {
      String symbol = key.substring(key.indexOf('|') + 1);
      return new Candle(symbol, start, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.worth / bar.volume, bar.count);
    }
  }

  /** The clock of the run; one thread writes it. */
  static class Progress {
    final long wanted;
    final CountDownLatch done = new CountDownLatch(1);
    long seen;
    long first;
    long half;
    long last;

    Progress(long wanted) {
      this.wanted = wanted;
    }

    void add() {
      seen++;
      if (seen == 1) {
        first = System.currentTimeMillis();
      }
      if (seen == wanted / 2) {
        half = System.currentTimeMillis();
      }
      if (seen == wanted) {
        last = System.currentTimeMillis();
        done.countDown();
      }
    }

    void tell() {
      String line = "BENCH {\"count\": %d, \"first\": %.3f, \"half\": %.3f, \"last\": %.3f}%n";
      System.out.printf(Locale.ROOT, line, seen, first / 1e3, half / 1e3, last / 1e3);
    }
  }

  static <T> Serde<T> json(Class<T> type) {
    return Serdes.serdeFrom(
        (topic, value) -> {
          try {
            return value == null ? null : JSON.writeValueAsBytes(value);
          } catch (IOException fault) {
            throw new UncheckedIOException(fault);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : JSON.readValue(bytes, type);
          } catch (IOException fault) {
            throw new UncheckedIOException(fault);
          }
        });
  }

  static Topology topology(String topic, String out, Progress progress) {
    StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(
            topic,
            Consumed.with(Serdes.String(), json(Tick.class)).withTimestampExtractor((record, newest) -> ((Tick) record.value()).ts))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofSeconds(5)))
        .aggregate(
            Bar::new,
            (key, tick, bar) -> {
              progress.add();
              return bar.add(tick);
            },
            Materialized.<String, Bar, WindowStore<Bytes, byte[]>>as("candles")
                .withKeySerde(Serdes.String())
                .withValueSerde(json(Bar.class)))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream()
        .map((window, bar) -> KeyValue.pair(window.key(), Candle.of(window.key(), window.window().start(), bar)))
        .to(out, Produced.with(Serdes.String(), json(Candle.class)));
    return builder.build();
  }

  public static void main(String[] given) throws InterruptedException {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given[4]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, given[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, given[6]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    Progress progress = new Progress(Long.parseLong(given[3]));
    KafkaStreams streams = new KafkaStreams(topology(given[1], given[2], progress), settings);
    streams.setUncaughtExceptionHandler(
        fault -> {
          fault.printStackTrace();
          progress.done.countDown();
          return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    streams.start();
    progress.done.await();
    streams.close(Duration.ofSeconds(60));
    progress.tell();
    System.exit(progress.seen == progress.wanted ? 0 : 3);
  }
}
