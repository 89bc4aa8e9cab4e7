// Depthwise convolution and its two gradients. Maps (batch, height, width, channels), kernels (k, k, channels).
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "parallel.h"
#include "vectors.h"

namespace effscale {

struct Window {
  int64_t height, width, channels;  // of the larger map, which the kernel slides over
  int64_t rows, columns;            // of the smaller one
  int64_t stride, top, left;        // pixels of padding before
};

// Taps of a kernel of `k` that fall on a line of `size` pixels, for the window that begins at `start`.
struct Taps {
  int64_t first, last;
  Taps(int64_t start, int64_t k, int64_t size) : first(std::max<int64_t>(0, -start)), last(std::min(k, size - start)) {}
};

// One row of the smaller map, `N` channels from `c` on.
template <int K, int N>
void forward_row(const Window& o, const float* x, const float* kernel, float* y, int64_t row, int64_t c) {
  using V = typename Lanes<N>::V;
  V weights[K * K];
  for (int t = 0; t < K * K; ++t) weights[t] = load<N>(kernel + t * o.channels + c);
  const int64_t begin = row * o.stride - o.top;
  const Taps down(begin, K, o.height);
  const int64_t line = o.width * o.channels;
  const float* const base = x + begin * line + c;
  float* out = y + row * o.columns * o.channels + c;
  for (int64_t column = 0; column < o.columns; ++column, out += o.channels) {
    const int64_t start = column * o.stride - o.left;
    const float* const corner = base + start * o.channels;
    V sum = V{};
    if (start >= 0 && start + K <= o.width && down.first == 0 && down.last == K) {
#pragma GCC unroll 8
      for (int i = 0; i < K; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < K; ++j) sum += load<N>(corner + i * line + j * o.channels) * weights[i * K + j];
      }
    } else {
      const Taps across(start, K, o.width);
      for (int64_t i = down.first; i < down.last; ++i)
        for (int64_t j = across.first; j < across.last; ++j)
          sum += load<N>(corner + i * line + j * o.channels) * load<N>(kernel + (i * K + j) * o.channels + c);
    }
    store<N>(out, sum);
  }
}

// One row of the larger map gathers what it gave: for strides above 1, each pixel has its own few taps.
template <int K, int N>
void gather_row(const Window& o, const float* gradient, const float* kernel, float* dx, int64_t row, int64_t c) {
  using V = typename Lanes<N>::V;
  float* out = dx + row * o.width * o.channels + c;
  for (int64_t column = 0; column < o.width; ++column, out += o.channels) {
    V sum = V{};
    for (int64_t i = (row + o.top) % o.stride; i < K; i += o.stride) {
      const int64_t above = row + o.top - i;
      if (above < 0 || above / o.stride >= o.rows) continue;
      const float* const line = gradient + above / o.stride * o.columns * o.channels + c;
      for (int64_t j = (column + o.left) % o.stride; j < K; j += o.stride) {
        const int64_t before = column + o.left - j;
        if (before < 0 || before / o.stride >= o.columns) continue;
        sum += load<N>(line + before / o.stride * o.channels) * load<N>(kernel + (i * K + j) * o.channels + c);
      }
    }
    store<N>(out, sum);
  }
}

// Adds to the kernel's gradient what the rows [first, last) of the smaller map give.
template <int K, int N>
void weigh_rows(const Window& o, const float* x, const float* gradient, float* dk, int64_t first, int64_t last,
                int64_t c) {
  using V = typename Lanes<N>::V;
  const int64_t line = o.width * o.channels;
  V sums[K * K];
  for (int t = 0; t < K * K; ++t) sums[t] = load<N>(dk + t * o.channels + c);
  std::vector<V> edge(K * K, V{});
  for (int64_t row = first; row < last; ++row) {
    const int64_t begin = row * o.stride - o.top;
    const Taps down(begin, K, o.height);
    const bool whole = down.first == 0 && down.last == K;
    const float* const base = x + begin * line + c;
    const float* from = gradient + row * o.columns * o.channels + c;
    for (int64_t column = 0; column < o.columns; ++column, from += o.channels) {
      const int64_t start = column * o.stride - o.left;
      const float* const corner = base + start * o.channels;
      const V g = load<N>(from);
      if (whole && start >= 0 && start + K <= o.width) {
#pragma GCC unroll 8
        for (int i = 0; i < K; ++i) {
#pragma GCC unroll 8
          for (int j = 0; j < K; ++j) sums[i * K + j] += load<N>(corner + i * line + j * o.channels) * g;
        }
      } else {
        const Taps across(start, K, o.width);
        for (int64_t i = down.first; i < down.last; ++i)
          for (int64_t j = across.first; j < across.last; ++j)
            edge[i * K + j] += load<N>(corner + i * line + j * o.channels) * g;
      }
    }
  }
  for (int t = 0; t < K * K; ++t) store<N>(dk + t * o.channels + c, sums[t] + edge[t]);
}

// Calls `f` with the number of lanes and the first channel of each group of channels.
template <typename F>
inline void by_lanes(int64_t channels, const F& f) {
  int64_t c = 0;
  for (; c + WIDE <= channels; c += WIDE) f(std::integral_constant<int, WIDE>{}, c);
  for (; c + 8 <= channels; c += 8) f(std::integral_constant<int, 8>{}, c);
  for (; c < channels; ++c) f(std::integral_constant<int, 1>{}, c);
}

// Rows that lie in the inner caches together with the rows they come from.
inline int64_t rows_at_a_time(const Window& o) {
  const int64_t cached = 48 * 1024;  // floats: 192 KiB, a tenth to a half of what second-level caches hold
  return std::max<int64_t>(1, cached / std::max<int64_t>(1, o.stride * o.width * o.channels));
}

template <int K>
void forward_all(ffi::ThreadPool& pool, const Window& o, int64_t batch, const float* x, const float* kernel, float* y) {
  const int64_t block = rows_at_a_time(o), blocks = (o.rows + block - 1) / block;
  in_parts(pool, batch * blocks, [&](int64_t part) {
    const int64_t image = part / blocks, first = part % blocks * block, last = std::min(first + block, o.rows);
    const float* in = x + image * o.height * o.width * o.channels;
    float* out = y + image * o.rows * o.columns * o.channels;
    by_lanes(o.channels, [&](auto lanes, int64_t c) {
      for (int64_t row = first; row < last; ++row) forward_row<K, lanes.value>(o, in, kernel, out, row, c);
    });
  });
}

constexpr int64_t GROUPS = 32;  // of images whose kernel gradients are added up apart: parts for up to 32 threads

template <int K>
void backward_all(ffi::ThreadPool& pool, const Window& o, int64_t batch, const float* x, const float* kernel,
                  const float* gradient, float* dx, float* dk) {
  const int64_t size = K * K * o.channels, groups = std::min(batch, GROUPS), block = rows_at_a_time(o);
  std::vector<float> turned(size), parts(groups * size, 0.0f);
  for (int64_t t = 0; t < K * K; ++t)
    std::memcpy(&turned[t * o.channels], kernel + (K * K - 1 - t) * o.channels, o.channels * sizeof(float));
  const Window back{o.rows, o.columns, o.channels, o.height, o.width, 1, K - 1 - o.top, K - 1 - o.left};
  in_parts(pool, groups, [&](int64_t group) {
    for (int64_t image = group * batch / groups; image < (group + 1) * batch / groups; ++image) {
      const float* in = x + image * o.height * o.width * o.channels;
      const float* from = gradient + image * o.rows * o.columns * o.channels;
      float* out = dx + image * o.height * o.width * o.channels;
      for (int64_t first = 0; first < o.rows; first += block) {
        const int64_t last = std::min(first + block, o.rows);
        const bool ends = last == o.rows;
        by_lanes(o.channels, [&](auto lanes, int64_t c) {
          weigh_rows<K, lanes.value>(o, in, from, &parts[group * size], first, last, c);
          const int64_t until = ends ? o.height : last * o.stride;
          for (int64_t row = first * o.stride; row < until; ++row) {
            if (o.stride == 1)
              forward_row<K, lanes.value>(back, from, turned.data(), out, row, c);
            else
              gather_row<K, lanes.value>(o, from, kernel, out, row, c);
          }
        });
      }
    }
  });
  std::memcpy(dk, parts.data(), size * sizeof(float));
  for (int64_t group = 1; group < groups; ++group)
    for (int64_t i = 0; i < size; ++i) dk[i] += parts[group * size + i];
}

}  // namespace effscale
