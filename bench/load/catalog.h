// What the table holds: the one source for what is loaded into it and for what
// answers are compared with. All of it follows from a product's number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shop/v1/product_store.pb.h"

namespace storegate::bench {

inline constexpr int kProducts = 100000;
inline constexpr int kCategories = 50;

// The UUID of a product. Its last 12 digits are decimal, so that pgbench, which
// computes with numbers only, can make one too: 100000000000 + number.
std::string ProductId(int number);
// The number behind an id that ProductId made.
std::optional<int> ProductNumber(std::string_view id);

// One in a hundred is deleted, and every category has some among its newest: who
// forgets to leave them out of a list answers wrong.
bool IsDeleted(int number);

int CategoryOf(int number);
std::string CategorySlug(int category);
std::string CategoryId(int category);

// The living products of a category, newest first.
std::vector<int> NewestOf(int category, int count);

// Fills `product` as a Get must answer it, all fields but `category` set.
void FillProduct(int number, shop::v1::Product* product);

// What is kept behind the etag of a product.
int64_t ProductVersion(int number);
// Milliseconds since 1970; a higher number is younger.
int64_t CreateMillis(int number);

}  // namespace storegate::bench
