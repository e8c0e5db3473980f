package de.bwaldvogel.mongo.backend;

import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.BsonTimestamp;
import de.bwaldvogel.mongo.bson.Decimal128;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.LegacyUUID;
import de.bwaldvogel.mongo.bson.MaxKey;
import de.bwaldvogel.mongo.bson.MinKey;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * The order of values, instead of the class of this name in mongo-java-server 1.47.0: sorts,
 * $lt and its like, minima, groups and sets all ask it. That one compares strings by UTF-16
 * unit, large integers with fractions by their whole part, decimals with others as doubles,
 * takes NaN for the greatest number, and two empty arrays each for the lesser.
 *
 * <p>Source of the order: mongodb.com, BSON comparison order.
 */
public final class ValueComparator implements Comparator<Object> {
  private static final ValueComparator ASCENDING = new ValueComparator(true, true);
  private static final ValueComparator DESCENDING = new ValueComparator(false, true);
  private static final ValueComparator WHOLE_LISTS = new ValueComparator(true, false);

  /** An array without elements, which is less than null where elements are compared. */
  private static final Object EMPTY = new Object();

  /** Each type is less than those after it. Null stands behind EMPTY, before Number. */
  private static final List<Class<?>> TYPES =
      List.of(
          Number.class,
          String.class,
          Document.class,
          Collection.class,
          BinData.class,
          LegacyUUID.class,
          UUID.class,
          ObjectId.class,
          Boolean.class,
          Instant.class,
          BsonTimestamp.class,
          BsonRegularExpression.class,
          MaxKey.class);

  private final boolean ascending;
  private final boolean byElement; // an array counts as its least, or greatest, element

  private ValueComparator(boolean ascending, boolean byElement) {
    this.ascending = ascending;
    this.byElement = byElement;
  }

  public static ValueComparator asc() {
    return ASCENDING;
  }

  public static ValueComparator desc() {
    return DESCENDING;
  }

  public static ValueComparator ascWithoutListHandling() {
    return WHOLE_LISTS;
  }

  @Override
  public ValueComparator reversed() {
    return ascending ? DESCENDING : ASCENDING;
  }

  @Override
  public int compare(Object a, Object b) {
    int order = byElement ? whole(element(a), element(b)) : whole(a, b);
    return ascending ? order : -order;
  }

  static int compareTypes(Object a, Object b) {
    return Integer.compare(rank(a), rank(b));
  }

  private Object element(Object value) {
    if (!(value instanceof Collection)) return value;
    Collection<?> list = (Collection<?>) value;
    if (list.isEmpty()) return EMPTY;
    return ascending ? Collections.min(list, WHOLE_LISTS) : Collections.max(list, WHOLE_LISTS);
  }

  private static int rank(Object value) {
    if (value instanceof MinKey) return -3;
    if (value == EMPTY) return -2;
    if (Missing.isNullOrMissing(value)) return -1;
    for (int i = 0; i < TYPES.size(); ++i) {
      if (TYPES.get(i).isInstance(value)) return i;
    }
    throw new UnsupportedOperationException("no order of " + value.getClass());
  }

  private static int whole(Object a, Object b) {
    int types = compareTypes(a, b);
    if (a == b || types != 0 || rank(a) < 0) return types;
    if (a instanceof Number) return numbers((Number) a, (Number) b);
    if (a instanceof String) return texts((String) a, (String) b);
    if (a instanceof Document) return documents((Document) a, (Document) b);
    if (a instanceof Collection) return lists((Collection<?>) a, (Collection<?>) b);
    if (a instanceof BinData) return ((BinData) a).compareTo((BinData) b);
    if (a instanceof LegacyUUID) return ((LegacyUUID) a).compareTo((LegacyUUID) b);
    if (a instanceof UUID) return a.toString().compareTo(b.toString());
    if (a instanceof ObjectId) return ((ObjectId) a).compareTo((ObjectId) b);
    if (a instanceof Boolean) return ((Boolean) a).compareTo((Boolean) b);
    if (a instanceof Instant) return ((Instant) a).compareTo((Instant) b);
    if (a instanceof BsonTimestamp) return ((BsonTimestamp) a).compareTo((BsonTimestamp) b);
    if (a instanceof MaxKey) return 0;
    throw new UnsupportedOperationException("no order of " + a.getClass());
  }

  /** By code point, as the bytes of UTF-8 are ordered. */
  private static int texts(String a, String b) {
    int both = Math.min(a.length(), b.length());
    for (int i = 0; i < both; ++i) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x == y) continue;
      // A surrogate is half of a character that is behind all that are one unit.
      if (Character.isSurrogate(x) != Character.isSurrogate(y)) {
        return Character.isSurrogate(x) ? 1 : -1;
      }
      return Character.compare(x, y);
    }
    return Integer.compare(a.length(), b.length());
  }

  private static int numbers(Number a, Number b) {
    if (a instanceof Decimal128 || b instanceof Decimal128) {
      BigDecimal x = exact(a);
      BigDecimal y = exact(b);
      if (x != null && y != null) return x.compareTo(y);
    }
    if (isInteger(a) && isInteger(b)) return Long.compare(a.longValue(), b.longValue());
    if (isInteger(a)) return integerAndDouble(a.longValue(), b.doubleValue());
    if (isInteger(b)) return -integerAndDouble(b.longValue(), a.doubleValue());
    double x = a.doubleValue();
    double y = b.doubleValue();
    if (Double.isNaN(x) || Double.isNaN(y)) {
      return Boolean.compare(Double.isNaN(y), Double.isNaN(x));
    }
    return x < y ? -1 : x > y ? 1 : 0; // -0.0 is 0.0
  }

  /** Null for what is infinite or NaN. */
  private static BigDecimal exact(Number number) {
    if (isInteger(number)) return BigDecimal.valueOf(number.longValue());
    if (!Double.isFinite(number.doubleValue())) return null;
    if (number instanceof Decimal128) return ((Decimal128) number).toBigDecimal();
    return new BigDecimal(number.doubleValue());
  }

  private static boolean isInteger(Number number) {
    return number instanceof Integer || number instanceof Long;
  }

  private static int integerAndDouble(long a, double b) {
    if (Double.isNaN(b) || b < -0x1p63) return 1;
    if (b >= 0x1p63) return -1;
    int order = Long.compare(a, (long) b);
    return order != 0 ? order : Double.compare((long) b, b + 0.0);
  }

  private static int lists(Collection<?> a, Collection<?> b) {
    Iterator<?> right = b.iterator();
    for (Object left : a) {
      if (!right.hasNext()) return 1;
      int order = whole(left, right.next());
      if (order != 0) return order;
    }
    return right.hasNext() ? -1 : 0;
  }

  private static int documents(Document a, Document b) {
    Iterator<Map.Entry<String, Object>> right = b.entrySet().iterator();
    for (Map.Entry<String, Object> x : a.entrySet()) {
      if (!right.hasNext()) return 1;
      Map.Entry<String, Object> y = right.next();
      int order = compareTypes(x.getValue(), y.getValue());
      if (order == 0) order = texts(x.getKey(), y.getKey());
      if (order == 0) order = whole(x.getValue(), y.getValue());
      if (order != 0) return order;
    }
    return right.hasNext() ? -1 : 0;
  }
}
