#include "server/cmd/migration_texts.h"

namespace storegate::cmd {

std::string WaitingText(const repository::LockHolder& holder) {
  return "waiting for the migration lock held by " + holder.ToString();
}

std::string StepText(const migrate::Migration& migration, size_t index, size_t count) {
  return "migration " + migration.name + ", step " + std::to_string(index + 1) + " of " +
         std::to_string(count);
}

std::string RowsText(int64_t done, int64_t total) {
  return Grouped(done) + (total > 0 ? " of " + Grouped(total) : "") + " rows";
}

std::string Grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string DurationText(int64_t millis) {
  if (millis < 1000) return std::to_string(millis) + " ms";
  if (millis < 60'000) {
    return std::to_string(millis / 1000) + "." + std::to_string(millis % 1000 / 100) + " s";
  }
  return std::to_string(millis / 60'000) + " min " + std::to_string(millis / 1000 % 60) + " s";
}

}  // namespace storegate::cmd
