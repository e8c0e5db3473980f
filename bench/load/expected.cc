#include "bench/load/expected.h"

#include <google/protobuf/util/message_differencer.h>

#include <thread>

#include "bench/load/catalog.h"
#include "bench/load/digest.h"

namespace storegate::bench {
namespace {

using google::protobuf::util::MessageDifferencer;
using shop::v1::Product;

// Where the digests differ, the messages decide: an encoder may write zeroes
// that another leaves out.
std::string Compare(std::string_view wire, std::string_view id, int number, bool stamps) {
  Product answered, expected;
  if (!answered.ParseFromArray(wire.data(), static_cast<int>(wire.size()))) {
    return "the answer is no Product";
  }
  FillProduct(number, &expected);
  expected.set_id(std::string(id));
  if (!stamps) {
    if (!answered.has_create_time() || !answered.has_update_time() || answered.etag().empty()) {
      return "create_time, update_time or etag is missing: " + answered.ShortDebugString();
    }
    *expected.mutable_create_time() = answered.create_time();
    *expected.mutable_update_time() = answered.update_time();
    expected.set_etag(answered.etag());
  }
  std::string difference;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  return differencer.Compare(expected, answered) ? "" : difference;
}

}  // namespace

Expected::Expected() : contents_(kProducts), stamps_(kProducts) {
  auto fill = [this](int begin, int end) {
    std::string wire;
    for (int number = begin; number < end; ++number) {
      Product product;
      FillProduct(number, &product);
      product.SerializeToString(&wire);
      ProductDigest digest = DigestProduct(wire);
      contents_[number] = digest.content;
      stamps_[number] = digest.stamps;
    }
  };
  std::thread half(fill, 0, kProducts / 2);
  fill(kProducts / 2, kProducts);
  half.join();
}

std::string Expected::Check(std::string_view wire, std::string_view id, int number) const {
  ProductDigest digest = DigestProduct(wire);
  if (digest.readable && digest.id == id && digest.content == contents_[number] &&
      digest.stamps == stamps_[number] && !digest.deleted) {
    return "";
  }
  return Compare(wire, id, number, true);
}

std::string Expected::CheckCreated(std::string_view wire, std::string_view id, int number) const {
  ProductDigest digest = DigestProduct(wire);
  if (digest.readable && digest.id == id && digest.content == contents_[number] &&
      digest.created && digest.updated && digest.tagged && !digest.deleted) {
    return "";
  }
  return Compare(wire, id, number, false);
}

}  // namespace storegate::bench
