#include "bench/load/rows.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "bench/load/catalog.h"

namespace storegate::bench {
namespace {

using shop::v1::Product;

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '\t' || c == '\n') out.push_back('\\');
    out.push_back(c == '\t' ? 't' : c == '\n' ? 'n' : c);
  }
  return out;
}

// As the gateway folds ASCII; the catalog has capitals of no other kind here.
std::string Folded(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string ArrayText(const google::protobuf::RepeatedPtrField<std::string>& items) {
  std::string out = "{";
  for (const std::string& item : items) out += (out.size() > 1 ? "," : "") + item;
  return out + "}";
}

std::string ImagesJson(const Product& product) {
  std::string out = "{";
  for (const auto& [color, url] : product.images()) {
    out += (out.size() > 1 ? ", \"" : "\"") + color + "\": \"" + url + "\"";
  }
  return out + "}";
}

std::string MetadataJson(const Product& product) {
  std::string out;
  (void)google::protobuf::util::MessageToJsonString(product.metadata(), &out);
  return out;
}

std::string TimeText(int64_t millis) {
  google::protobuf::Timestamp time;
  time.set_seconds(millis / 1000);
  time.set_nanos(static_cast<int32_t>(millis % 1000) * 1000000);
  std::string out;
  (void)google::protobuf::util::MessageToJsonString(time, &out);
  return out.substr(1, out.size() - 2);
}

}  // namespace

void PrintCategories(std::FILE* out) {
  const std::string time = TimeText(CreateMillis(0));
  for (int category = 0; category < kCategories; ++category) {
    std::fprintf(out, "%s\tShelf %d\t%s\t%s\t%s\t%d\n", CategoryId(category).c_str(), category,
                 CategorySlug(category).c_str(), time.c_str(), time.c_str(), category + 1);
  }
}

void PrintProducts(std::FILE* out) {
  for (int number = 0; number < kProducts; ++number) {
    Product product;
    FillProduct(number, &product);
    std::string line;
    auto put = [&line](const std::string& column) {
      if (!line.empty()) line.push_back('\t');
      line += column;
    };
    const std::string updated = TimeText(CreateMillis(number) + 86400000);
    put(product.id());
    put(Escaped(product.name()));
    put(Escaped(product.short_description()));
    put(Escaped(product.description()));
    put(std::to_string(product.price_cents()));
    put(ArrayText(product.sizes()));
    put(ArrayText(product.colors()));
    put(Escaped(ImagesJson(product)));
    put(product.category_slug());
    put(std::to_string(product.sales_count()));
    put(Escaped(MetadataJson(product)));
    put(TimeText(CreateMillis(number)));
    put(updated);
    put(IsDeleted(number) ? updated : "\\N");
    put(Escaped(Folded(product.name())));
    put(Escaped(Folded(product.description())));
    put(std::to_string(ProductVersion(number)));
    line.push_back('\n');
    std::fputs(line.c_str(), out);
  }
}

void PrintVariables(std::FILE* out) {
  Product product;
  FillProduct(0, &product);
  auto put = [out](const char* name, const std::string& value) {
    std::fprintf(out, "%s=%s\n", name, value.c_str());
  };
  put("name", product.name());
  put("short_description", product.short_description());
  put("description", product.description());
  put("price_cents", std::to_string(product.price_cents()));
  put("sizes", ArrayText(product.sizes()));
  put("colors", ArrayText(product.colors()));
  put("images", ImagesJson(product));
  put("category_slug", product.category_slug());
  put("sales_count", std::to_string(product.sales_count()));
  put("metadata", MetadataJson(product));
  put("folded_name", Folded(product.name()));
  put("folded_description", Folded(product.description()));
}

}  // namespace storegate::bench
