import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ExecutionException;

/** Claims of the programs: one that does not hold ends the program with a message. */
final class Check {
  /** Bounds every wait: long enough for a busy machine. */
  static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final long BEGAN = System.nanoTime();

  private Check() {}

  interface Action {
    void run() throws Exception;
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  /** Names what is checked now, so that a hang or an exception has a place. */
  static void step(String name) {
    System.out.printf("-- %5.1f s %s%n", (System.nanoTime() - BEGAN) / 1e9, name);
  }

  static void that(boolean ok, String claim) {
    if (!ok) throw new AssertionError("not so: " + claim);
  }

  static void equal(Object got, Object want, String what) {
    if (!Objects.equals(got, want)) throw new AssertionError(what + ": got " + got + ", want " + want);
  }

  static void eventually(String claim, Condition condition) throws Exception {
    for (long deadline = System.nanoTime() + PATIENCE.toNanos(); !condition.holds(); Thread.sleep(20))
      that(System.nanoTime() < deadline, "in time: " + claim);
  }

  /** Fails unless the action throws that, itself or as the cause of an ExecutionException. */
  static <E extends Throwable> E refused(Class<E> type, String claim, Action action) {
    try {
      action.run();
    } catch (Throwable thrown) {
      Throwable error = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
      if (type.isInstance(error)) return type.cast(error);
      throw new AssertionError(claim + ": refused with " + error, error);
    }
    throw new AssertionError(claim + ": not refused");
  }

  /** Runs a program: exits 1 with the trace of what went wrong. */
  static void program(Action main) {
    try {
      main.run();
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
    System.exit(0);
  }
}
