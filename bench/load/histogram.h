// Latencies in buckets 0.4% wide, so that a long run takes no more memory than a
// short one.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace storegate::bench {

class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void Add(uint64_t nanos) {
    ++counts_[BucketOf(nanos)];
    ++total_;
    if (nanos > max_) max_ = nanos;
  }

  void Merge(const Histogram& other) {
    for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    if (other.max_ > max_) max_ = other.max_;
  }

  uint64_t total() const { return total_; }
  double max_micros() const { return max_ / 1000.0; }

  // The latency that `share` (0 to 1) of all calls did not exceed. 0 without calls.
  double Micros(double share) const {
    uint64_t rank = static_cast<uint64_t>(share * total_), seen = 0;
    for (size_t i = 0; i < kBuckets && total_ > 0; ++i) {
      seen += counts_[i];
      if (seen > rank || seen == total_) return MiddleOf(i) / 1000.0;
    }
    return 0;
  }

 private:
  // Below 2^8 a bucket each; above, 256 to each power of two.
  static constexpr int kBits = 8;
  static constexpr size_t kBuckets = (64 - kBits + 1) << kBits;

  static size_t BucketOf(uint64_t nanos) {
    int shift = std::bit_width(nanos) - kBits - 1;
    if (shift < 0) return nanos;
    return (static_cast<size_t>(shift) << kBits) + (nanos >> shift);
  }
  static double MiddleOf(size_t bucket) {
    if (bucket < (2u << kBits)) return static_cast<double>(bucket);
    size_t shift = (bucket >> kBits) - 1;
    uint64_t low = ((bucket & ((1u << kBits) - 1)) + (1u << kBits)) << shift;
    return static_cast<double>(low) + static_cast<double>(uint64_t{1} << shift) / 2;
  }

  std::vector<uint64_t> counts_;
  uint64_t total_ = 0, max_ = 0;
};

}  // namespace storegate::bench
