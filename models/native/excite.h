// BatchNorm, its activation, and squeeze and excitation behind them, an image at a time: it stays in the caches between
// its means and its gate, and the normalised map is never written, only what the gate leaves of it.
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
    const float* in = x + image * s.count;
    const auto total = s.all_sums<1>([&](int64_t i, int64_t, auto left, Wide* term) { term[0] = take(in + i, left); });
    for (int64_t c = 0; c < channels; ++c) sums[image * channels + c] = static_cast<float>(total[c]);
  });
}

// The gate of one image from its channels' means; `hidden` (inner,) is kept before its activation.
template <Act A>
void open_gate(const Gate& g, const float* mean, float* hidden, float* gate) {
  const int64_t c = g.channels;
  std::copy(g.reduce_bias, g.reduce_bias + g.inner, hidden);
  for (int64_t i = 0; i < c; ++i) add_scaled(hidden, mean[i], g.reduce + i * g.inner, g.inner);
  std::copy(g.expand_bias, g.expand_bias + c, gate);
  for (int64_t i = 0; i < g.inner; ++i) add_scaled(gate, activated_one<A>(hidden[i]), g.expand + i * c, c);
  for (int64_t i = 0; i < c; ++i) gate[i] = sigmoid(spread(gate[i]))[0];
}

// `x` (batch, pixels, channels) is normalised, activated and gated into `y`; `means` and `gate` (batch, channels) and
// `hidden` (batch, inner) are kept for the gradient.
template <Act A>
void excite(ffi::ThreadPool& pool, const Gate& g, const Moments& moments, const float* x, float* y, float* means,
            float* hidden, float* gate) {
  const int64_t c = g.channels;
  const Stream s(g.pixels * c, c);
  in_parts(pool, g.batch, [&](int64_t image) {
    const float* in = x + image * s.count;
    float *mean = means + image * c, *factor = gate + image * c;
    const auto total = s.all_sums<1>([&](int64_t i, int64_t p, auto left, Wide* term) {
      term[0] = activated<A>(moments(take(in + i, left), p));
    });
    for (int64_t i = 0; i < c; ++i) mean[i] = static_cast<float>(total[i] / static_cast<double>(g.pixels));
    open_gate<A>(g, mean, hidden + image * g.inner, factor);
    const auto factors = s.repeated(factor);
    s.whole([&](int64_t i, int64_t p, auto left) {
      put(y + image * s.count + i, activated<A>(moments(take(in + i, left), p)) * load(&factors[p]), left);
    });
  });
}

// What the gate's gradient leaves of a batch, image by image: for the weights, and what each pixel's mean gets.
struct GateGradient {
  std::vector<float> outer, inside, before, shift;  // (batch, c), (batch, inner), (batch, inner), (batch, c)

  explicit GateGradient(const Gate& g)
      : outer(g.batch * g.channels), inside(g.batch * g.inner), before(g.batch * g.inner), shift(g.batch * g.channels) {}

  // `total` (c,): the sums over an image's pixels of gradient times gated map.
  template <Act A>
  void of_image(const Gate& g, int64_t image, const std::vector<double>& total, const float* hidden,
                const float* gate) {
    const int64_t c = g.channels, n = g.inner;
    float *out = &outer[image * c], *mid = &inside[image * n], *move = &shift[image * c];
    for (int64_t i = 0; i < c; ++i) out[i] = static_cast<float>(total[i]) * gate[i] * (1 - gate[i]);
    for (int64_t i = 0; i < n; ++i) {
      mid[i] = inner_product(g.expand + i * c, out, c) * slope<A>(spread(hidden[i]))[0];
      before[image * n + i] = activated_one<A>(hidden[i]);
    }
    for (int64_t i = 0; i < c; ++i) move[i] = inner_product(g.reduce + i * n, mid, n) / static_cast<float>(g.pixels);
  }

  // Images are added in their order, whoever adds them.
  void weights(ffi::ThreadPool& pool, const Gate& g, const float* means, float* dreduce, float* dreduce_bias,
               float* dexpand, float* dexpand_bias) const {
    const int64_t c = g.channels, n = g.inner, block = 32;  // channels at a time
    in_parts(pool, n, [&](int64_t i) {
      float* row = dexpand + i * c;
      std::fill(row, row + c, 0.0f);
      dreduce_bias[i] = 0;
      for (int64_t image = 0; image < g.batch; ++image) {
        add_scaled(row, before[image * n + i], &outer[image * c], c);
        dreduce_bias[i] += inside[image * n + i];
      }
    });
    in_parts(pool, (c + block - 1) / block, [&](int64_t part) {
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
};

// The gradient of the map `x` before BatchNorm, of BatchNorm's scale and offset; `kept` gets what the weights need.
template <Act A>
void excite_gradient(ffi::ThreadPool& pool, const Gate& g, const Units& units, const float* x, const float* scale,
                     const float* hidden, const float* gate, const float* gradient, float* dx, float* dscale,
                     float* dbias, GateGradient& kept) {
  const int64_t c = g.channels;
  const Stream s(g.pixels * c, c);
  std::vector<double> sums(g.batch * 2 * c);
  in_parts(pool, g.batch, [&](int64_t image) {
    const float *in = x + image * s.count, *from = gradient + image * s.count, *factor = gate + image * c;
    const auto products = s.all_sums<1>([&](int64_t i, int64_t p, auto left, Wide* term) {
      term[0] = activated<A>(units.argument(units(take(in + i, left), p), p)) * take(from + i, left);
    });
    kept.of_image<A>(g, image, products, hidden + image * g.inner, factor);
    const auto factors = s.repeated(factor), shifts = s.repeated(&kept.shift[image * c]);
    const auto total = s.all_sums<2>([&](int64_t i, int64_t p, auto left, Wide* term) {
      const Wide unit = units(take(in + i, left), p), into = take(from + i, left) * load(&factors[p]) + load(&shifts[p]);
      term[0] = into * slope<A>(units.argument(unit, p));
      term[1] = term[0] * unit;
      put(dx + image * s.count + i, term[0], left);  // to read it again is cheaper than to compute it again
    });
    std::copy(total.begin(), total.end(), &sums[image * 2 * c]);
  });
  std::vector<double> total(2 * c, 0.0);
  for (int64_t image = 0; image < g.batch; ++image)
    for (int64_t i = 0; i < 2 * c; ++i) total[i] += sums[image * 2 * c + i];
  const Centre centre(s, units, total, static_cast<double>(g.batch * g.pixels), scale, dscale, dbias);
  const Stream all(g.batch * s.count, c);
  in_parts(pool, all.parts, [&](int64_t part) {
    all.each(part, [&](int64_t i, int64_t p, auto left) {
      put(dx + i, centre(take(dx + i, left), units(take(x + i, left), p), p), left);
    });
  });
}

}  // namespace effscale
