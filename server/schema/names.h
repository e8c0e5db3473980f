// Names: how they are made, and which are good.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace storegate::schema {

// "BookLoan" → "book_loan", "HTTPServer" → "http_server".
std::string SnakeCase(std::string_view camel);

// English plural of a CamelCase name, by the rules that need no dictionary:
// "Book" → "Books", "Story" → "Stories", "Box" → "Boxes".
std::string Plural(std::string_view name);

// [A-Za-z_][A-Za-z0-9_]*, at most 63 bytes (what PostgreSQL keeps of a name).
bool IsIdentifier(std::string_view name);

// Why a table or collection cannot be named so; empty when it can.
std::string WhyBadCollection(std::string_view name);
// The same of a column; `searchable` columns need room for their folded twin.
std::string WhyBadColumn(std::string_view name, bool searchable);

// Lower case letters, digits, _ and -, a letter first, at most 40 bytes: what the
// configuration may call a database.
bool IsDatabaseName(std::string_view name);

// "idx_books_author_id_create_time", or with "uq_"; cut to 63 bytes with a hash
// of the whole behind where it is longer.
std::string IndexName(bool unique, std::string_view collection,
                      const std::vector<std::string>& columns);

// Of the index that serves `search` (EntityOptions.search_index).
std::string SearchIndexName(std::string_view collection);

// ASCII only: what case-insensitive databases compare names by.
std::string AsciiLower(std::string_view text);

// `; did you mean "name"?` where one of `known` is near, else "".
std::string DidYouMean(std::string_view name, const std::vector<std::string>& known);

// "a, b and c".
std::string Listed(const std::vector<std::string>& items);

}  // namespace storegate::schema
