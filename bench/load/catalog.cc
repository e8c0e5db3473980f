#include "bench/load/catalog.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace storegate::bench {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using shop::v1::Product;

constexpr std::string_view kIdPrefix = "00000000-0000-7000-8000-";
constexpr int64_t kFirstSuffix = 100000000000;
constexpr int64_t kFirstCreateMillis = 1735689600123;  // 2025-01-01
constexpr int64_t kMillisBetween = 317000;             // 100,000 of them: a year

constexpr std::array<const char*, 5> kColors = {"black", "white", "olive", "navy", "crème"};
constexpr std::array<const char*, 6> kSizes = {"XS", "S", "M", "L", "XL", "XXL"};
constexpr std::array<const char*, 6> kMaterials = {"linen",  "cotton", "merino",
                                                   "hemp", "denim",  "felt"};

// The same number for the same input, and no pattern to see.
uint32_t Mixed(int number, uint32_t salt) {
  uint32_t x = static_cast<uint32_t>(number) * 2654435761u + salt * 40503u;
  x ^= x >> 15;
  x *= 2246822519u;
  return x ^ (x >> 13);
}

Value* Field(Struct* parent, const char* key) { return &(*parent->mutable_fields())[key]; }

void FillMetadata(int number, Struct* metadata) {
  Field(metadata, "brand")->set_string_value("Brand " + std::to_string(Mixed(number, 1) % 900));
  Field(metadata, "season")->set_string_value(number % 2 == 0 ? "2025-summer" : "2025-winter");
  Field(metadata, "washable")->set_bool_value(number % 3 != 0);
  Field(metadata, "weight_grams")->set_number_value(100 + Mixed(number, 2) % 1400 + 0.5);
  Struct* made_of = Field(metadata, "made_of")->mutable_struct_value();
  int share = 50 + static_cast<int>(Mixed(number, 3) % 45);
  Field(made_of, kMaterials[Mixed(number, 4) % 3])->set_number_value(share);
  Field(made_of, kMaterials[3 + Mixed(number, 5) % 3])->set_number_value(100 - share);
  auto* tags = Field(metadata, "tags")->mutable_list_value();
  tags->add_values()->set_string_value("new");
  tags->add_values()->set_string_value("shelf " + std::to_string(CategoryOf(number)));
}

void SetTime(int64_t millis, google::protobuf::Timestamp* time) {
  time->set_seconds(millis / 1000);
  time->set_nanos(static_cast<int32_t>(millis % 1000) * 1000000);
}

}  // namespace

std::string ProductId(int number) {
  return std::string(kIdPrefix) + std::to_string(kFirstSuffix + number);
}

std::optional<int> ProductNumber(std::string_view id) {
  if (id.size() != 36 || !id.starts_with(kIdPrefix)) return std::nullopt;
  int64_t suffix = 0;
  for (char c : id.substr(kIdPrefix.size())) {
    if (c < '0' || c > '9') return std::nullopt;
    suffix = suffix * 10 + (c - '0');
  }
  int64_t number = suffix - kFirstSuffix;
  if (number < 0 || number >= kProducts) return std::nullopt;
  return static_cast<int>(number);
}

int CategoryOf(int number) { return number % kCategories; }

bool IsDeleted(int number) {
  int age = (kProducts - 1 - number) / kCategories;  // within its category, 0 the newest
  return age % 97 == 7;
}

std::string CategorySlug(int category) {
  char slug[16];
  std::snprintf(slug, sizeof slug, "shelf-%02d", category);
  return slug;
}

std::string CategoryId(int category) {
  return std::string("00000000-0000-7000-9000-") + std::to_string(kFirstSuffix + category);
}

std::vector<int> NewestOf(int category, int count) {
  std::vector<int> newest;
  for (int number = kProducts - kCategories + category;
       number >= 0 && static_cast<int>(newest.size()) < count; number -= kCategories) {
    if (!IsDeleted(number)) newest.push_back(number);
  }
  return newest;
}

void FillProduct(int number, Product* product) {
  const std::string n = std::to_string(number);
  const char* material = kMaterials[Mixed(number, 6) % kMaterials.size()];
  product->set_id(ProductId(number));
  product->set_name(std::string("Everyday ") + material + " piece No. " + n);
  product->set_short_description(std::string("Light, plain, of ") + material +
                                 ", and made to be worn for years");
  std::string description = std::string("A piece of ") + material + ", cut by hand in batch " + n +
                            ". ";
  while (description.size() < 250) {
    description += "It was washed once before it left the mill, so it will not shrink; ";
  }
  product->set_description(description + "care for it \"gently\" – and it lasts.");
  product->set_price_cents(990 + Mixed(number, 7) % 20000);
  for (size_t i = 0; i < 3 + Mixed(number, 8) % 4; ++i) product->add_sizes(kSizes[i]);
  const size_t colors = 3 + Mixed(number, 9) % 3;
  for (size_t i = 0; i < colors; ++i) {
    product->add_colors(kColors[i]);
    (*product->mutable_images())[kColors[i]] =
        "https://images.example.com/products/" + n + "/" + std::to_string(i) + "/large.webp";
  }
  product->set_category_slug(CategorySlug(CategoryOf(number)));
  product->set_sales_count(1 + Mixed(number, 10) % 5000);
  FillMetadata(number, product->mutable_metadata());
  SetTime(CreateMillis(number), product->mutable_create_time());
  SetTime(CreateMillis(number) + 86400000, product->mutable_update_time());
  char etag[17];
  std::snprintf(etag, sizeof etag, "%016llx",
                static_cast<unsigned long long>(ProductVersion(number)));
  product->set_etag(etag);
}

int64_t ProductVersion(int number) {
  return static_cast<int64_t>(Mixed(number, 11)) << 31 | Mixed(number, 12) >> 1;
}

int64_t CreateMillis(int number) { return kFirstCreateMillis + number * kMillisBetween; }

}  // namespace storegate::bench
