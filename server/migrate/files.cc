#include <algorithm>
#include <charconv>
#include <map>

#include <sodium.h>

#include "server/base/text.h"
#include "server/migrate/runner.h"

namespace storegate::migrate {
namespace {

Status BadFile(const std::string& file, const std::string& why) {
  return Status(Code::kInvalidArgument, "INVALID_MIGRATION",
                "The migration file " + Quoted(file) + " " + why + ".")
      .With("file", file);
}

// The number before the underscore of a name as 0001_what_it_does; 0 where it is not so.
int NumberOf(std::string_view name) {
  const size_t underscore = name.find('_');
  if (underscore == std::string_view::npos || underscore + 1 == name.size()) return 0;
  int number = 0;
  const char* end = name.data() + underscore;
  const auto read = std::from_chars(name.data(), end, number);
  return read.ec == std::errc() && read.ptr == end && number > 0 ? number : 0;
}

}  // namespace

Result<std::vector<Migration>> ParseMigrations(
    const std::vector<std::pair<std::string, std::string>>& name_and_text,
    const Generator& generator) {
  const std::string up_suffix(generator.file_suffix()), down_suffix(generator.down_suffix());
  const std::string example = "0001_what_it_does" + up_suffix;
  std::map<int, Migration> by_number;
  std::map<int, std::pair<std::string, std::string>> downs;  // name and text
  for (const auto& [file, text] : name_and_text) {
    const bool down = file.ends_with(down_suffix);
    const std::string& suffix = down ? down_suffix : up_suffix;
    if (!file.ends_with(suffix)) return BadFile(file, "must be named as " + example);
    const std::string name = file.substr(0, file.size() - suffix.size());
    const int number = NumberOf(name);
    if (number == 0) {
      return BadFile(file, "must begin with a number from 1 and an underscore, as in " + example);
    }
    std::string other;
    if (down) {
      const auto [entry, fresh] = downs.try_emplace(number, name, text);
      if (!fresh) other = entry->second.first;
    } else {
      const auto [entry, fresh] = by_number.try_emplace(number, Migration{number, name, text, ""});
      if (!fresh) other = entry->second.name;
    }
    if (!other.empty()) return BadFile(file, "has the number of " + Quoted(other + suffix));
  }
  for (auto& [number, down] : downs) {
    const auto up = by_number.find(number);
    if (up == by_number.end() || up->second.name != down.first) {
      return BadFile(down.first + down_suffix,
                     "takes back what is not there: " + Quoted(down.first + up_suffix) +
                         " is missing");
    }
    up->second.down = std::move(down.second);
  }
  std::vector<Migration> migrations;
  for (auto& [number, migration] : by_number) migrations.push_back(std::move(migration));
  return migrations;
}

namespace {

std::string Sha256(const std::string& significant) {
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(significant.data()),
                     significant.size());
  char hex[2 * sizeof hash + 1];
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  return hex;
}

}  // namespace

std::string Checksum(const Generator& generator, std::string_view text) {
  return Sha256(generator.Significant(text));
}

std::string EarlierChecksum(const Generator& generator, std::string_view text) {
  return Sha256(generator.Generator::Significant(text));
}

}  // namespace storegate::migrate
