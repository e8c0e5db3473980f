#include "tests/differential/shrink.h"

#include <algorithm>

namespace storegate::test {
namespace {

using google::protobuf::Reflection;

class Shrinker {
 public:
  Shrinker(const Replay& replay, int bound) : replay_(replay), left_(bound) {}

  // Keeps `shorter` when it still differs.
  bool Try(Sequence shorter) {
    if (left_ <= 0) return false;
    --left_;
    const std::optional<size_t> at = replay_(shorter);
    if (!at) return false;
    shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(*at) + 1, shorter.end());
    best_ = std::move(shorter);
    return true;
  }

  void TakeOperationsAway() {
    for (size_t part = std::max<size_t>(best_.size() / 2, 1);; part /= 2) {
      // From the back: what is before is what the later ones need.
      for (size_t end = best_.size(); end > 0;) {
        const size_t begin = end > part ? end - part : 0;
        Sequence shorter = best_;
        shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(begin),
                      shorter.begin() + static_cast<std::ptrdiff_t>(end));
        end = !shorter.empty() && Try(std::move(shorter)) ? std::min(begin, best_.size()) : begin;
      }
      if (part <= 1) return;
    }
  }

  // True when something became simpler.
  bool Simplify() {
    bool any = false;
    for (size_t i = 0; i < best_.size(); ++i) {
      while (SimplifyOne(i)) any = true;
      if (i >= best_.size()) break;
    }
    return any;
  }

  Sequence& best() { return best_; }
  int left() const { return left_; }

 private:
  bool SimplifyOne(size_t i) {
    if (i >= best_.size()) return false;
    if (best_[i].to_the_end) {
      Sequence simpler = best_;
      simpler[i].to_the_end = false;
      if (Try(std::move(simpler))) return true;
    }
    std::vector<MessagePtr> variants;
    Variants(*best_[i].request, &variants);
    for (MessagePtr& variant : variants) {
      if (left_ <= 0) return false;
      Sequence simpler = best_;
      simpler[i].request = std::move(variant);
      if (Try(std::move(simpler))) return true;
    }
    return false;
  }

  // Simpler messages, the boldest first.
  static void Variants(const Message& message, std::vector<MessagePtr>* variants) {
    const Reflection* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> set;
    reflection->ListFields(message, &set);
    for (size_t part = set.size(); part > 0; part /= 2) {
      for (size_t begin = 0; begin < set.size(); begin += part) {
        MessagePtr copy = Clone(message);
        for (size_t k = begin; k < std::min(begin + part, set.size()); ++k) {
          reflection->ClearField(copy.get(), set[k]);
        }
        variants->push_back(std::move(copy));
      }
    }
    for (const FieldDescriptor* field : set) {
      if (field->is_repeated()) {
        Elements(message, field, variants);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        std::vector<MessagePtr> below;
        Variants(reflection->GetMessage(message, field), &below);
        for (const MessagePtr& simpler : below) {
          MessagePtr copy = Clone(message);
          reflection->MutableMessage(copy.get(), field)->CopyFrom(*simpler);
          variants->push_back(std::move(copy));
        }
      } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM) {
        for (const Value& value : Simpler(GetValue(message, field))) {
          MessagePtr copy = Clone(message);
          SetValue(copy.get(), field, value);
          variants->push_back(std::move(copy));
        }
      }
    }
  }

  static void Elements(const Message& message, const FieldDescriptor* field,
                       std::vector<MessagePtr>* variants) {
    const Reflection* reflection = message.GetReflection();
    const int size = reflection->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      MessagePtr copy = Clone(message);
      for (int k = i; k + 1 < size; ++k) reflection->SwapElements(copy.get(), field, k, k + 1);
      reflection->RemoveLast(copy.get(), field);
      variants->push_back(std::move(copy));
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return;
    for (int i = 0; i < size; ++i) {
      std::vector<MessagePtr> below;
      Variants(reflection->GetRepeatedMessage(message, field, i), &below);
      for (const MessagePtr& simpler : below) {
        MessagePtr copy = Clone(message);
        reflection->MutableRepeatedMessage(copy.get(), field, i)->CopyFrom(*simpler);
        variants->push_back(std::move(copy));
      }
    }
  }

  static std::vector<Value> Simpler(const Value& value) {
    std::vector<Value> simpler;
    auto offer = [&](Value other) {
      if (other != value) simpler.push_back(std::move(other));
    };
    if (const std::string* text = std::get_if<std::string>(&value)) {
      if (text->size() <= 1) return {};
      offer(std::string("a"));
      // Whole characters.
      for (size_t keep : {text->size() / 2, text->size() - 1}) {
        while (keep > 0 && (static_cast<unsigned char>((*text)[keep]) & 0xc0) == 0x80) --keep;
        if (keep > 0) offer(text->substr(0, keep));
      }
    } else if (const Bytes* bytes = std::get_if<Bytes>(&value)) {
      if (bytes->data.size() > 1) offer(Bytes{bytes->data.substr(0, bytes->data.size() / 2)});
    } else if (const int64_t* number = std::get_if<int64_t>(&value)) {
      // On its side of zero: ids that are given and such that are counted stay apart.
      if (*number < -2 || *number > 2) {
        offer(*number < 0 ? int64_t{-1} : int64_t{1});
        offer(*number < 0 ? int64_t{-2} : int64_t{2});
      }
    } else if (std::holds_alternative<double>(value)) {
      if (std::get<double>(value) != 1.0) offer(1.0);
    }
    return simpler;
  }

  const Replay& replay_;
  int left_;
  Sequence best_;
};

}  // namespace

Sequence Shrink(Sequence sequence, const Replay& replay, int bound) {
  Shrinker shrinker(replay, bound);
  if (!shrinker.Try(std::move(sequence))) return {};
  shrinker.TakeOperationsAway();
  // A simpler operation may make others needless.
  for (bool simpler = true; simpler && shrinker.left() > 0;) {
    simpler = shrinker.Simplify();
    shrinker.TakeOperationsAway();
  }
  return std::move(shrinker.best());
}

}  // namespace storegate::test
