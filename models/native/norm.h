// BatchNorm with the activation behind it. A map is a stream of floats whose channels repeat; both its channel and its
// place in a vector repeat with a period of lcm(channels, lanes), so no channel count needs a slow remainder.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "parallel.h"
#include "vectors.h"

namespace effscale {

enum class Act : int64_t { none = 0, swish = 1, relu = 2, relu6 = 3 };

template <Act A>
inline Wide activated(Wide u) {
  const Wide zero{};
  if constexpr (A == Act::swish) return u * sigmoid(u);
  if constexpr (A == Act::relu) return u < zero ? zero : u;
  if constexpr (A == Act::relu6) {
    const Wide six = spread(6.0f);
    u = u < zero ? zero : u;
    return u > six ? six : u;
  }
  return u;
}

template <Act A>
inline Wide slope(Wide u) {
  const Wide zero{}, one = spread(1.0f);
  if constexpr (A == Act::swish) {
    const Wide s = sigmoid(u);
    return s * (1.0f + u * (1.0f - s));
  }
  if constexpr (A == Act::relu) return u > zero ? one : zero;
  if constexpr (A == Act::relu6) return (u > zero) & (u < spread(6.0f)) ? one : zero;
  return one;
}

// A stream of `count` floats in parts of whole periods; the last part may end within a period.
struct Stream {
  int64_t count, channels, period, part, parts;

  Stream(int64_t count, int64_t channels)
      : count(count), channels(channels), period(std::lcm<int64_t>(channels, WIDE)) {
    const int64_t cached = 32 * 1024;  // floats of a part: 128 KiB stay in second-level caches between two passes
    part = std::max<int64_t>(1, cached / period) * period;
    parts = std::max<int64_t>(1, (count + part - 1) / part);
  }

  std::vector<float> repeated(const float* values) const {
    std::vector<float> all(period);
    for (int64_t i = 0; i < period; ++i) all[i] = values[i % channels];
    return all;
  }

  // Calls f(place in the stream, place in the period, how many floats, at most 16) along part `number`.
  template <typename F>
  void each(int64_t number, const F& f) const {
    const int64_t stop = std::min(count, (number + 1) * part);
    int64_t i = number * part;
    for (; i + period <= stop; i += period)
      for (int64_t p = 0; p < period; p += WIDE) f(i + p, p, std::integral_constant<int, WIDE>{});
    for (int64_t p = 0; i + p < stop; p += WIDE) f(i + p, p, static_cast<int>(std::min<int64_t>(WIDE, stop - i - p)));
  }

  // The same, `B` neighbouring vectors of the period down the whole part: their sums stay in registers.
  template <int TERMS, typename F>
  void sums(int64_t number, float* totals, const F& terms) const {
    const int64_t start = number * part, stop = std::min(count, start + part);
    for (int64_t p = 0; p < period;) {
      if (p + 4 * WIDE <= period) {
        down<TERMS, 4>(start, stop, p, totals, terms);
        p += 4 * WIDE;
      } else {
        down<TERMS, 1>(start, stop, p, totals, terms);
        p += WIDE;
      }
    }
  }

  template <int TERMS, int B, typename F>
  void down(int64_t start, int64_t stop, int64_t p, float* totals, const F& terms) const {
    Wide sum[TERMS][B] = {};
    int64_t i = start + p;
    for (; i + B * WIDE <= stop; i += period) {
#pragma GCC unroll 4
      for (int b = 0; b < B; ++b) {
        Wide term[TERMS];
        terms(i + b * WIDE, p + b * WIDE, std::integral_constant<int, WIDE>{}, term);
        for (int t = 0; t < TERMS; ++t) sum[t][b] += term[t];
      }
    }
    for (int b = 0; b < B && i + b * WIDE < stop; ++b) {
      Wide term[TERMS];
      const int left = static_cast<int>(std::min<int64_t>(WIDE, stop - i - b * WIDE));
      terms(i + b * WIDE, p + b * WIDE, left, term);
      for (int t = 0; t < TERMS; ++t)
        for (int lane = 0; lane < left; ++lane) sum[t][b][lane] += term[t][lane];
    }
    for (int t = 0; t < TERMS; ++t)
      for (int b = 0; b < B; ++b) store(totals + t * period + p + b * WIDE, sum[t][b]);
  }

  // All parts of a stream by the calling thread alone.
  template <typename F>
  void whole(const F& f) const {
    for (int64_t number = 0; number < parts; ++number) each(number, f);
  }

  template <int TERMS, typename F>
  std::vector<double> all_sums(const F& terms) const {
    std::vector<float> totals(parts * TERMS * period);
    for (int64_t number = 0; number < parts; ++number) sums<TERMS>(number, &totals[number * TERMS * period], terms);
    return total<TERMS>(totals);
  }

  // Parts' totals (parts, TERMS, period) added up in their order, in double: (TERMS, channels).
  template <int TERMS>
  std::vector<double> total(const std::vector<float>& totals) const {
    std::vector<double> all(TERMS * channels, 0.0);
    for (int64_t number = 0; number < parts; ++number)
      for (int64_t t = 0; t < TERMS; ++t)
        for (int64_t i = 0; i < period; ++i)
          all[t * channels + i % channels] += totals[(number * TERMS + t) * period + i];
    return all;
  }
};

inline Wide take(const float* place, std::integral_constant<int, WIDE>) { return load(place); }
inline Wide take(const float* place, int left) {
  float lanes[WIDE] = {};
  std::copy(place, place + left, lanes);
  return load(lanes);
}
inline void put(float* place, Wide value, std::integral_constant<int, WIDE>) { store(place, value); }
inline void put(float* place, Wide value, int left) {
  float lanes[WIDE];
  store(lanes, value);
  std::copy(lanes, lanes + left, place);
}

// Means and variances, of the batch or as given; and what they make of a map: x * factor + offset.
struct Moments {
  float *mean, *var;  // (channels,) each, written here
  std::vector<float> factors, offsets;

  Moments(ffi::ThreadPool& pool, const Stream& s, const float* x, const float* scale, const float* bias,
          const float* given_mean, const float* given_var, bool training, float epsilon, float* mean, float* var)
      : mean(mean), var(var) {
    const int64_t c = s.channels;
    if (training) {
      of_batch(pool, s, x);
    } else {
      std::copy(given_mean, given_mean + c, mean);
      std::copy(given_var, given_var + c, var);
    }
    std::vector<float> factor(c), offset(c);
    for (int64_t i = 0; i < c; ++i) {
      factor[i] = scale[i] / std::sqrt(var[i] + epsilon);
      offset[i] = bias[i] - mean[i] * factor[i];
    }
    factors = s.repeated(factor.data());
    offsets = s.repeated(offset.data());
  }

  void of_batch(ffi::ThreadPool& pool, const Stream& s, const float* x) {
    std::vector<float> totals(s.parts * 2 * s.period);
    in_parts(pool, s.parts, [&](int64_t part) {
      s.sums<2>(part, &totals[part * 2 * s.period], [&](int64_t i, int64_t, auto left, Wide* term) {
        term[0] = take(x + i, left);
        term[1] = term[0] * term[0];
      });
    });
    const auto total = s.total<2>(totals);
    const double pixels = static_cast<double>(s.count / s.channels);
    for (int64_t i = 0; i < s.channels; ++i) {
      const double m = total[i] / pixels, v = total[s.channels + i] / pixels - m * m;
      mean[i] = static_cast<float>(m);
      var[i] = static_cast<float>(v < 0 ? 0 : v);
    }
  }

  Wide operator()(Wide x, int64_t p) const { return x * load(&factors[p]) + load(&offsets[p]); }
};

template <Act A>
void normalize(ffi::ThreadPool& pool, const Stream& s, const Moments& moments, const float* x, float* y) {
  in_parts(pool, s.parts, [&](int64_t part) {
    s.each(part, [&](int64_t i, int64_t p, auto left) {
      put(y + i, activated<A>(moments(take(x + i, left), p)), left);
    });
  });
}

// What the gradient needs to recompute of a map: its units (mean 0, variance 1) and the activation's argument.
struct Units {
  std::vector<float> inverse, inverses, shifts, scales, biases;

  Units(const Stream& s, const float* scale, const float* bias, const float* mean, const float* var, float epsilon)
      : inverse(s.channels), scales(s.repeated(scale)), biases(s.repeated(bias)) {
    std::vector<float> shift(s.channels);
    for (int64_t i = 0; i < s.channels; ++i) {
      inverse[i] = 1.0f / std::sqrt(var[i] + epsilon);
      shift[i] = -mean[i] * inverse[i];
    }
    inverses = s.repeated(inverse.data());
    shifts = s.repeated(shift.data());
  }

  Wide operator()(Wide x, int64_t p) const { return x * load(&inverses[p]) + load(&shifts[p]); }
  Wide argument(Wide unit, int64_t p) const { return unit * load(&scales[p]) + load(&biases[p]); }
};

// From the sums of the gradient and of its products with the units, (2, channels), to the gradient of the map.
struct Centre {
  std::vector<float> firsts, seconds, factors;

  Centre(const Stream& s, const Units& units, const std::vector<double>& total, double pixels, const float* scale,
         float* dscale, float* dbias) {
    const int64_t c = s.channels;
    std::vector<float> first(c), second(c), factor(c);
    for (int64_t i = 0; i < c; ++i) {
      dbias[i] = static_cast<float>(total[i]);
      dscale[i] = static_cast<float>(total[c + i]);
      factor[i] = scale[i] * units.inverse[i];
      first[i] = static_cast<float>(total[i] / pixels);
      second[i] = static_cast<float>(total[c + i] / pixels);
    }
    firsts = s.repeated(first.data());
    seconds = s.repeated(second.data());
    factors = s.repeated(factor.data());
  }

  Wide operator()(Wide gradient, Wide unit, int64_t p) const {
    return load(&factors[p]) * (gradient - (load(&firsts[p]) + unit * load(&seconds[p])));
  }
};

template <Act A>
void normalize_gradient(ffi::ThreadPool& pool, const Stream& s, const Units& units, const float* x, const float* scale,
                        const float* gradient, float* dx, float* dscale, float* dbias) {
  std::vector<float> totals(s.parts * 2 * s.period);
  in_parts(pool, s.parts, [&](int64_t part) {
    s.sums<2>(part, &totals[part * 2 * s.period], [&](int64_t i, int64_t p, auto left, Wide* term) {
      const Wide unit = units(take(x + i, left), p);
      term[0] = take(gradient + i, left) * slope<A>(units.argument(unit, p));
      term[1] = term[0] * unit;
      if constexpr (A != Act::none) put(dx + i, term[0], left);  // to read it again is cheaper than to compute it again
    });
  });
  const float* const inner = A == Act::none ? gradient : dx;
  const Centre centre(s, units, s.total<2>(totals), static_cast<double>(s.count / s.channels), scale, dscale, dbias);
  in_parts(pool, s.parts, [&](int64_t part) {
    s.each(part, [&](int64_t i, int64_t p, auto left) {
      put(dx + i, centre(take(inner + i, left), units(take(x + i, left), p), p), left);
    });
  });
}

}  // namespace effscale
