// Texts of filters (server/query/predicate.h) over an entity: every operator of everything that
// can be compared, with values that records have and with others.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "server/schema/schema.h"
#include "tests/support/random_text.h"

namespace storegate::test {

class RandomFilter {
 public:
  // Both outlive it.
  RandomFilter(const schema::Entity& entity, Random* random);

  // Its values are among those that are compared with, its keys among those in paths.
  void Learn(const google::protobuf::Message& record);

  // Paths that begin so are left out.
  void LeaveOut(const std::string& field);
  // What differs from gateway to gateway: ids, references to them, times.
  void LeaveOutMade();

  // What paths there are: "text", "inner.title", "labels.\"a.b\"", "extra.a".
  std::vector<std::string> Paths();
  // A comparison of the path by the operator ("=", …, "IN", "*" for presence, "a*", "*a" and "*a*"
  // for wildcards); empty where it has no such.
  std::string Comparison(const std::string& path, const std::string& op);
  static const std::vector<std::string>& Operators();

  // Comparisons joined by AND, OR, NOT and parentheses, at most so deep.
  std::string Any(int depth);

 private:
  enum class Literal { kText, kWhole, kReal, kBool, kTime, kDuration, kBytes };

  void LearnField(const google::protobuf::Message& message,
                  const google::protobuf::FieldDescriptor* field, const std::string& path);
  void AddPaths(const google::protobuf::Descriptor* type, const std::string& prefix, int depth);
  std::string AnyLiteral();
  std::string Of(Literal kind);
  std::string TextLiteral(const std::string& text, bool star_before, bool star_behind);
  std::string AnyText();
  bool IsGood(const std::string& filter) const;

  const schema::Entity& entity_;
  Random& random_;
  std::set<std::string> left_out_;
  std::vector<std::string> paths_;
  std::vector<std::string> texts_;
  std::map<Literal, std::vector<std::string>> literals_;
};

}  // namespace storegate::test
