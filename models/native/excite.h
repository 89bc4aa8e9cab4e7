// Squeeze and excitation, an image at a time: it stays in the caches between its means and its gate.
// x (batch, pixels, channels), reduce (channels, inner), expand (inner, channels).
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "norm.h"

namespace effscale {

struct Gate {
  int64_t batch, pixels, channels, inner;
  const float *reduce, *reduce_bias, *expand, *expand_bias;
};

// Sums over the pixels of one image: of `a` alone, or of the products with `b`.
inline std::vector<double> channel_sums(const Stream& s, const float* a, const float* b) {
  std::vector<float> totals(s.parts * s.period);
  for (int64_t part = 0; part < s.parts; ++part)
    s.sums<1>(part, &totals[part * s.period], [&](int64_t i, int64_t, auto left, Wide* term) {
      term[0] = take(a + i, left);
      if (b != nullptr) term[0] *= take(b + i, left);
    });
  return s.total<1>(totals);
}

inline float inner_product(const float* a, const float* b, int64_t size) {
  Wide sums{};
  int64_t i = 0;
  for (; i + WIDE <= size; i += WIDE) sums += load(a + i) * load(b + i);
  float sum = 0;
  for (int lane = 0; lane < WIDE; ++lane) sum += sums[lane];
  for (; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

// to += factor * from
inline void add_scaled(float* to, float factor, const float* from, int64_t size) {
  int64_t i = 0;
  for (; i + WIDE <= size; i += WIDE) store(to + i, load(to + i) + factor * load(from + i));
  for (; i < size; ++i) to[i] += factor * from[i];
}

template <Act A>
inline float activated_one(float u) {
  return activated<A>(spread(u))[0];
}

// Sums over all pixels of each image: (batch, pixels, channels) -> (batch, channels).
inline void pixel_sums(ffi::ThreadPool& pool, int64_t batch, int64_t pixels, int64_t channels, const float* x,
                       float* sums) {
  const Stream s(pixels * channels, channels);
  in_parts(pool, batch, [&](int64_t image) {
    const auto total = channel_sums(s, x + image * s.count, nullptr);
    for (int64_t c = 0; c < channels; ++c) sums[image * channels + c] = static_cast<float>(total[c]);
  });
}

// `means` (batch, channels), `hidden` (batch, inner) before its activation, and `gate` are kept for the gradient.
template <Act A>
void excite(ffi::ThreadPool& pool, const Gate& g, const float* x, float* y, float* means, float* hidden, float* gate) {
  const int64_t c = g.channels;
  const Stream s(g.pixels * c, c);
  in_parts(pool, g.batch, [&](int64_t image) {
    const float* in = x + image * s.count;
    float *mean = means + image * c, *inside = hidden + image * g.inner, *factor = gate + image * c;
    const auto total = channel_sums(s, in, nullptr);
    for (int64_t i = 0; i < c; ++i) mean[i] = static_cast<float>(total[i] / static_cast<double>(g.pixels));
    std::copy(g.reduce_bias, g.reduce_bias + g.inner, inside);
    for (int64_t i = 0; i < c; ++i) add_scaled(inside, mean[i], g.reduce + i * g.inner, g.inner);
    std::copy(g.expand_bias, g.expand_bias + c, factor);
    for (int64_t i = 0; i < g.inner; ++i) add_scaled(factor, activated_one<A>(inside[i]), g.expand + i * c, c);
    for (int64_t i = 0; i < c; ++i) factor[i] = sigmoid(spread(factor[i]))[0];
    const auto factors = s.repeated(factor);
    for (int64_t part = 0; part < s.parts; ++part)
      s.each(part, [&](int64_t i, int64_t p, auto left) {
        put(y + image * s.count + i, take(in + i, left) * load(&factors[p]), left);
      });
  });
}

template <Act A>
void excite_gradient(ffi::ThreadPool& pool, const Gate& g, const float* x, const float* means, const float* hidden,
                     const float* gate, const float* gradient, float* dx, float* dreduce, float* dreduce_bias,
                     float* dexpand, float* dexpand_bias) {
  const int64_t c = g.channels, n = g.inner;
  const Stream s(g.pixels * c, c);
  std::vector<float> outer(g.batch * c), inside(g.batch * n), before(g.batch * n);
  in_parts(pool, g.batch, [&](int64_t image) {
    const float *in = x + image * s.count, *from = gradient + image * s.count, *factor = gate + image * c;
    float *out = &outer[image * c], *mid = &inside[image * n], *act = &before[image * n];
    const auto total = channel_sums(s, in, from);
    for (int64_t i = 0; i < c; ++i) out[i] = static_cast<float>(total[i]) * factor[i] * (1 - factor[i]);
    for (int64_t i = 0; i < n; ++i) {
      const float u = hidden[image * n + i];
      mid[i] = inner_product(g.expand + i * c, out, c) * slope<A>(spread(u))[0];
      act[i] = activated_one<A>(u);
    }
    std::vector<float> shift(c);
    for (int64_t i = 0; i < c; ++i) shift[i] = inner_product(g.reduce + i * n, mid, n) / static_cast<float>(g.pixels);
    const auto factors = s.repeated(factor), shifts = s.repeated(shift.data());
    for (int64_t part = 0; part < s.parts; ++part)
      s.each(part, [&](int64_t i, int64_t p, auto left) {
        put(dx + image * s.count + i, take(from + i, left) * load(&factors[p]) + load(&shifts[p]), left);
      });
  });
  // images are added in their order, whoever adds them
  in_parts(pool, n, [&](int64_t i) {
    float* row = dexpand + i * c;
    std::fill(row, row + c, 0.0f);
    dreduce_bias[i] = 0;
    for (int64_t image = 0; image < g.batch; ++image) {
      add_scaled(row, before[image * n + i], &outer[image * c], c);
      dreduce_bias[i] += inside[image * n + i];
    }
  });
  const int64_t block = 32, blocks = (c + block - 1) / block;  // channels at a time
  in_parts(pool, blocks, [&](int64_t part) {
    for (int64_t i = part * block; i < std::min(c, (part + 1) * block); ++i) {
      float* row = dreduce + i * n;
      std::fill(row, row + n, 0.0f);
      dexpand_bias[i] = 0;
      for (int64_t image = 0; image < g.batch; ++image) {
        add_scaled(row, means[image * c + i], &inside[image * n], n);
        dexpand_bias[i] += outer[image * c + i];
      }
    }
  });
}

}  // namespace effscale
