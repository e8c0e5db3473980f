package de.bwaldvogel.mongo.backend.aggregation.stage;

import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.backend.aggregation.Expression;
import de.bwaldvogel.mongo.backend.aggregation.accumulator.Accumulator;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * $group, instead of the class of this name in mongo-java-server 1.47.0: that one evaluates
 * what an _id of several members has come to once more, so that a text which begins with "$"
 * is taken for a path, and where it is a wrong one, for nothing.
 */
public class GroupStage implements AggregationStage {
  private final Map<String, Supplier<Accumulator>> accumulators;
  private final Object id;

  public GroupStage(Document group) {
    id = group.get("_id");
    accumulators = Accumulator.parse(group);
  }

  @Override
  public String name() {
    return "$group";
  }

  @Override
  public Stream<Document> apply(Stream<Document> documents) {
    Map<Object, List<Accumulator>> groups =
        new TreeMap<>(ValueComparator.ascWithoutListHandling());
    documents.forEach(
        document -> {
          for (Accumulator accumulator : groups.computeIfAbsent(keyOf(document), this::made)) {
            accumulator.aggregate(
                Expression.evaluateDocument(accumulator.getExpression(), document));
          }
        });
    List<Document> results = new ArrayList<>();
    groups.forEach(
        (key, values) -> {
          Document result = new Document("_id", key);
          for (Accumulator value : values) result.put(value.getField(), value.getResult());
          results.add(result);
        });
    return results.stream();
  }

  private List<Accumulator> made(Object key) {
    List<Accumulator> made = new ArrayList<>();
    for (Supplier<Accumulator> accumulator : accumulators.values()) made.add(accumulator.get());
    return made;
  }

  private Object keyOf(Document document) {
    if (!(id instanceof Document) || isOperator((Document) id)) return single(id, document);
    Document key = new Document();
    ((Document) id)
        .forEach(
            (name, member) -> {
              Object value = Expression.evaluateDocument(member, document);
              if (!(value instanceof Missing)) key.put(name, value);
            });
    return key;
  }

  private static boolean isOperator(Document expression) {
    return expression.keySet().stream().anyMatch(key -> key.startsWith("$"));
  }

  private static Object single(Object expression, Document document) {
    Object value = Expression.evaluateDocument(expression, document);
    return value instanceof Missing ? null : value;
  }
}
