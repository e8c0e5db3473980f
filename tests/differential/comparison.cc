#include "tests/differential/comparison.h"

#include <algorithm>

#include "tests/differential/permitted.h"
#include "tests/support/exceptions.h"

namespace storegate::test {
namespace {

std::unique_ptr<Gateway> Open(const Contender& contender, const NamedSchema& schema) {
  GatewayOptions options;
  options.wrap = contender.wrap;
  return std::make_unique<Gateway>(contender.backend, schema, std::move(options));
}

bool Same(const Answer& one, const Answer& other) {
  if (one.lines.size() != other.lines.size()) return false;
  for (size_t i = 0; i < one.lines.size(); ++i) {
    if (one.lines[i] != other.lines[i] && one.plain[i] != other.plain[i]) return false;
  }
  return true;
}

// Not a whole page, which may be long.
std::string Cut(const std::string& line) {
  constexpr size_t kMost = 3000;
  return line.size() <= kMost ? line : line.substr(0, kMost) + "...";
}

}  // namespace

Common Pair::CommonOf(const NamedSchema& schema) const {
  Common common;
  for (const Contender* contender : {&first_, &second_}) {
    const bool can = HasTransactions(Open(*contender, schema)->backend());
    common.transactions = common.transactions && can;
  }
  return common;
}

std::optional<Difference> Pair::Compare(const NamedSchema& schema,
                                        const Sequence& sequence) const {
  const std::unique_ptr<Gateway> gateways[] = {Open(first_, schema), Open(second_, schema)};
  Timeline timeline;
  Performer first(gateways[0].get(), &timeline);
  Performer second(gateways[1].get(), &timeline);
  for (size_t i = 0; i < sequence.size(); ++i) {
    timeline.Begin(sequence[i].label);
    const Answer one = first.Perform(sequence[i]);
    const Answer other = second.Perform(sequence[i]);
    timeline.End();
    if (Same(one, other)) continue;
    if (Permitted(sequence[i], one, other)) continue;
    return Difference{i, one.lines, other.lines};
  }
  return std::nullopt;
}

std::string Pair::Describe(const Difference& difference) const {
  const std::vector<std::string>& a = difference.first;
  const std::vector<std::string>& b = difference.second;
  size_t same = 0;
  while (same < std::min(a.size(), b.size()) && a[same] == b[same]) ++same;
  auto line = [&](const std::vector<std::string>& lines) {
    return same < lines.size() ? Cut(lines[same]) : std::string("(nothing more)");
  };
  return "after " + std::to_string(same) + " lines alike\n  " + first_name() + " says\n    " +
         line(a) + "\n  " + second_name() + " says\n    " + line(b) + "\n";
}

}  // namespace storegate::test
