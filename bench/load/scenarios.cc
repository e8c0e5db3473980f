#include "bench/load/scenarios.h"

#include "bench/load/catalog.h"
#include "bench/load/digest.h"

namespace storegate::bench {
namespace {

constexpr std::string_view kService = "/shop.v1.ProductStore/";

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

int RandomLiving(Random* random) {
  for (;;) {
    int number = random->Below(kProducts);
    if (!IsDeleted(number)) return number;
  }
}

void PutVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void PutBytes(uint32_t field, std::string_view bytes, std::string* out) {
  PutVarint(field << 3 | 2, out);
  PutVarint(bytes.size(), out);
  out->append(bytes);
}

// A version 4 UUID.
void RandomId(Random* random, std::string* id) {
  constexpr char kHex[] = "0123456789abcdef";
  uint64_t high = random->Next(), low = random->Next();
  id->assign("00000000-0000-4000-8000-000000000000");
  for (size_t i = 0; i < id->size(); ++i) {
    if (i == 8 || i == 13 || i == 14 || i == 18 || i == 19 || i == 23) continue;
    uint64_t& half = i < 18 ? high : low;
    (*id)[i] = kHex[half & 15];
    half >>= 4;
  }
  // The seeded products have these eight digits all zero.
  if (id->starts_with("00000000")) id->front() = 'f';
}

class Get : public Scenario {
 public:
  Get(const Expected& expected, bool echo) : expected_(expected), echo_(echo) {}

  std::string method() const override { return Method("GetProduct"); }

  void Ask(Random* random, Question* question) const override {
    int number = RandomLiving(random);
    question->id = ProductId(number);
    question->numbers.assign(1, echo_ ? 0 : number);
    question->request.clear();
    PutBytes(1, question->id, &question->request);
  }

  std::string Check(const Question& question, std::string_view answer) const override {
    return expected_.Check(answer, question.id, question.numbers[0]);
  }

 private:
  const Expected& expected_;
  const bool echo_;
};

// Products in field 1, those of `question.numbers` in their order, and nothing
// else but fields that `also` allows.
std::string CheckProducts(const Expected& expected, const Question& question,
                          std::string_view answer, uint32_t also, bool* seen) {
  size_t count = 0;
  WireField field;
  while (TakeField(&answer, &field)) {
    if (also != 0 && field.number == also) {
      *seen = !field.payload.empty();
      continue;
    }
    if (field.number != 1) return "unexpected field " + std::to_string(field.number);
    if (count == question.numbers.size()) return "more products than asked for";
    int number = question.numbers[count++];
    std::string wrong = expected.Check(field.payload, ProductId(number), number);
    if (!wrong.empty()) return "product " + std::to_string(count - 1) + ": " + wrong;
  }
  if (!answer.empty()) return "the answer is no message";
  if (count != question.numbers.size()) {
    return std::to_string(count) + " products instead of " +
           std::to_string(question.numbers.size());
  }
  return "";
}

class BatchGet : public Scenario {
 public:
  explicit BatchGet(const Expected& expected) : expected_(expected) {}

  std::string method() const override { return Method("BatchGetProducts"); }
  int records() const override { return kIds; }

  void Ask(Random* random, Question* question) const override {
    question->numbers.clear();
    question->request.clear();
    for (int i = 0; i < kIds; ++i) {
      question->numbers.push_back(RandomLiving(random));
      PutBytes(1, ProductId(question->numbers.back()), &question->request);
    }
  }

  std::string Check(const Question& question, std::string_view answer) const override {
    return CheckProducts(expected_, question, answer, 0, nullptr);
  }

 private:
  static constexpr int kIds = 100;
  const Expected& expected_;
};

class List : public Scenario {
 public:
  explicit List(const Expected& expected) : expected_(expected) {
    for (int category = 0; category < kCategories; ++category) {
      newest_.push_back(NewestOf(category, kPage));
      std::string request;
      PutVarint(1 << 3, &request);
      PutVarint(kPage, &request);
      PutBytes(10, CategorySlug(category), &request);
      requests_.push_back(request);
    }
  }

  std::string method() const override { return Method("ListProducts"); }
  int records() const override { return kPage; }

  void Ask(Random* random, Question* question) const override {
    int category = random->Below(kCategories);
    question->request = requests_[category];
    question->numbers = newest_[category];
  }

  std::string Check(const Question& question, std::string_view answer) const override {
    bool more = false;  // next_page_token: there are more than 20
    std::string wrong = CheckProducts(expected_, question, answer, 2, &more);
    return wrong.empty() && !more ? "next_page_token is missing" : wrong;
  }

 private:
  static constexpr int kPage = 20;
  const Expected& expected_;
  std::vector<std::vector<int>> newest_;
  std::vector<std::string> requests_;
};

class Create : public Scenario {
 public:
  explicit Create(const Expected& expected) : expected_(expected) {
    for (int number = 0; number < kContents; ++number) {
      shop::v1::Product product;
      FillProduct(number, &product);
      product.clear_id();
      product.clear_create_time();
      product.clear_update_time();
      product.clear_etag();
      contents_.push_back(product.SerializeAsString());
    }
  }

  std::string method() const override { return Method("CreateProduct"); }

  void Ask(Random* random, Question* question) const override {
    int number = random->Below(kContents);
    question->numbers.assign(1, number);
    RandomId(random, &question->id);
    question->request.clear();
    PutVarint(1 << 3 | 2, &question->request);
    PutVarint(2 + question->id.size() + contents_[number].size(), &question->request);
    PutBytes(1, question->id, &question->request);
    question->request += contents_[number];
  }

  std::string Check(const Question& question, std::string_view answer) const override {
    return expected_.CheckCreated(answer, question.id, question.numbers[0]);
  }

 private:
  static constexpr int kContents = 1000;
  const Expected& expected_;
  std::vector<std::string> contents_;  // a Product without its id
};

}  // namespace

std::unique_ptr<Scenario> MakeScenario(std::string_view name, const Expected& expected) {
  if (name == "get") return std::make_unique<Get>(expected, false);
  if (name == "echo") return std::make_unique<Get>(expected, true);
  if (name == "batch_get") return std::make_unique<BatchGet>(expected);
  if (name == "create") return std::make_unique<Create>(expected);
  if (name == "list") return std::make_unique<List>(expected);
  return nullptr;
}

}  // namespace storegate::bench
