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

constexpr int ABREAST = 4;  // neighbouring pixels of a row at a time: what they share of the map is loaded once

// Part of a map, `N` channels of it, with zeros where there is padding: its pixels lie one behind the other.
template <int N>
struct Tile {
  int64_t rows, columns;
  std::vector<float> values;

  // From pixel (top, left) of an image on, which may be outside of it.
  void take(const float* image, int64_t height, int64_t width, int64_t channels, int64_t top, int64_t left,
            int64_t tall, int64_t wide) {
    rows = tall;
    columns = wide;
    values.resize(tall * wide * N);
    const int64_t first = std::min(wide, std::max<int64_t>(0, -left)), last = std::max(first, std::min(wide, width - left));
    for (int64_t row = 0; row < tall; ++row) {
      float* line = &values[row * wide * N];
      const int64_t from = row + top;
      if (from < 0 || from >= height) {
        std::fill(line, line + wide * N, 0.0f);
        continue;
      }
      std::fill(line, line + first * N, 0.0f);
      const float* pixel = image + (from * width + left + first) * channels;
      for (int64_t column = first; column < last; ++column, pixel += channels)
        store<N>(line + column * N, load<N>(pixel));
      std::fill(line + last * N, line + wide * N, 0.0f);
    }
  }

  const float* at(int64_t row, int64_t column) const { return &values[(row * columns + column) * N]; }
};

// Calls f(how many abreast, first pixel) along a row of `count` pixels.
template <typename F>
inline void abreast(int64_t count, const F& f) {
  int64_t column = 0;
  for (; column + ABREAST <= count; column += ABREAST) f(std::integral_constant<int, ABREAST>{}, column);
  for (; column < count; ++column) f(std::integral_constant<int, 1>{}, column);
}

// Row `row` of a convolution over a tile whose pixel (0, 0) is the first tap of row 0, with stride S.
template <int K, int N, int S>
void slide(const Tile<N>& tile, const float* kernel, float* out, int64_t row, int64_t count, int64_t channels) {
  using V = typename Lanes<N>::V;
  V weights[K * K];
  for (int t = 0; t < K * K; ++t) weights[t] = load<N>(kernel + t * channels);
  abreast(count, [&](auto pixels, int64_t column) {
    V sums[pixels.value] = {};
#pragma GCC unroll 9
    for (int i = 0; i < K; ++i) {
      const float* const line = tile.at(row * S + i, column * S);
#pragma GCC unroll 9
      for (int j = 0; j < K; ++j)
#pragma GCC unroll 4
        for (int b = 0; b < pixels.value; ++b) sums[b] += load<N>(line + (b * S + j) * N) * weights[i * K + j];
    }
    for (int b = 0; b < pixels.value; ++b) store<N>(out + (column + b) * channels, sums[b]);
  });
}

// Adds to the kernel's gradient what one row of the smaller map gives.
template <int K, int N, int S>
void weigh(const Tile<N>& tile, const float* gradient, typename Lanes<N>::V* totals, int64_t row, int64_t count,
           int64_t channels) {
  using V = typename Lanes<N>::V;
  V sums[K * K];
  for (int t = 0; t < K * K; ++t) sums[t] = totals[t];
  abreast(count, [&](auto pixels, int64_t column) {
    V g[pixels.value];
    for (int b = 0; b < pixels.value; ++b) g[b] = load<N>(gradient + (column + b) * channels);
#pragma GCC unroll 9
    for (int i = 0; i < K; ++i) {
      const float* const line = tile.at(row * S + i, column * S);
#pragma GCC unroll 9
      for (int j = 0; j < K; ++j)
#pragma GCC unroll 4
        for (int b = 0; b < pixels.value; ++b) sums[i * K + j] += load<N>(line + (b * S + j) * N) * g[b];
    }
  });
  for (int t = 0; t < K * K; ++t) totals[t] = sums[t];
}

// At stride 2, the pixels of one parity (P rows, Q columns) of the larger map: each has its own quarter of the taps.
// `tile` is the gradient with K / 2 zeros before it.
template <int K, int N, int P, int Q>
void scatter(const Window& o, const Tile<N>& tile, const float* kernel, float* dx, int64_t c) {
  using V = typename Lanes<N>::V;
  constexpr int DOWN = (K - P + 1) / 2, ACROSS = (K - Q + 1) / 2, BEFORE = K / 2;
  V weights[DOWN * ACROSS + 1];
  for (int i = 0; i < DOWN; ++i)
    for (int j = 0; j < ACROSS; ++j)
      weights[i * ACROSS + j] = load<N>(kernel + ((P + 2 * i) * K + Q + 2 * j) * o.channels + c);
  const int64_t first = (Q + o.left) % 2;  // the first column whose taps begin with Q
  for (int64_t row = (P + o.top) % 2; row < o.height; row += 2) {
    const int64_t above = (row + o.top - P) / 2 + BEFORE;
    float* out = dx + (row * o.width + first) * o.channels + c;
    abreast((o.width - first + 1) / 2, [&](auto pixels, int64_t column) {
      V sums[pixels.value] = {};
      const int64_t before = (first + o.left - Q) / 2 + column + BEFORE;
#pragma GCC unroll 5
      for (int i = 0; i < DOWN; ++i) {
        const float* const line = tile.at(above - i, before);
#pragma GCC unroll 5
        for (int j = 0; j < ACROSS; ++j)
#pragma GCC unroll 4
          for (int b = 0; b < pixels.value; ++b) sums[b] += load<N>(line + (b - j) * N) * weights[i * ACROSS + j];
      }
      for (int b = 0; b < pixels.value; ++b) store<N>(out + (column + b) * 2 * o.channels, sums[b]);
    });
  }
}

// Calls `f` with the number of lanes and the first channel of each group of channels.
template <typename F>
inline void by_lanes(int64_t channels, const F& f) {
  int64_t c = 0;
  for (; c + WIDE <= channels; c += WIDE) f(std::integral_constant<int, WIDE>{}, c);
  for (; c + 8 <= channels; c += 8) f(std::integral_constant<int, 8>{}, c);
  for (; c < channels; ++c) f(std::integral_constant<int, 1>{}, c);
}

// Rows of the smaller map whose tile lies in a first-level cache.
inline int64_t rows_at_a_time(const Window& o, int64_t k) {
  const int64_t cached = 8 * 1024;  // floats: 32 KiB
  return std::max<int64_t>(4, cached / (WIDE * o.stride * ((o.columns - 1) * o.stride + k)));
}

template <int K, int N>
void forward_rows(const Window& o, const float* x, const float* kernel, float* y, int64_t first, int64_t last,
                  int64_t c) {
  Tile<N> tile;
  tile.take(x + c, o.height, o.width, o.channels, first * o.stride - o.top, -o.left, (last - first - 1) * o.stride + K,
            (o.columns - 1) * o.stride + K);
  for (int64_t row = first; row < last; ++row) {
    float* out = y + row * o.columns * o.channels + c;
    if (o.stride == 1)
      slide<K, N, 1>(tile, kernel + c, out, row - first, o.columns, o.channels);
    else
      slide<K, N, 2>(tile, kernel + c, out, row - first, o.columns, o.channels);
  }
}

template <int K, int N>
void weigh_rows(const Window& o, const float* x, const float* gradient, float* dk, int64_t first, int64_t last,
                int64_t c) {
  using V = typename Lanes<N>::V;
  Tile<N> tile;
  tile.take(x + c, o.height, o.width, o.channels, first * o.stride - o.top, -o.left, (last - first - 1) * o.stride + K,
            (o.columns - 1) * o.stride + K);
  V totals[K * K] = {};
  for (int64_t row = first; row < last; ++row) {
    const float* from = gradient + row * o.columns * o.channels + c;
    if (o.stride == 1)
      weigh<K, N, 1>(tile, from, totals, row - first, o.columns, o.channels);
    else
      weigh<K, N, 2>(tile, from, totals, row - first, o.columns, o.channels);
  }
  for (int t = 0; t < K * K; ++t) {
    float* place = dk + t * o.channels + c;
    store<N>(place, load<N>(place) + totals[t]);
  }
}

template <int K, int N>
void scatter_all(const Window& o, const float* gradient, const float* kernel, float* dx, int64_t c) {
  Tile<N> tile;
  // pixel (height - 1) has its first tap at (height - 1 + top) / 2, which may be behind the last row
  tile.take(gradient + c, o.rows, o.columns, o.channels, -(K / 2), -(K / 2), (o.height + o.top) / 2 + K / 2 + 1,
            (o.width + o.left) / 2 + K / 2 + 1 + ABREAST);
  scatter<K, N, 0, 0>(o, tile, kernel, dx, c);
  scatter<K, N, 0, 1>(o, tile, kernel, dx, c);
  scatter<K, N, 1, 0>(o, tile, kernel, dx, c);
  scatter<K, N, 1, 1>(o, tile, kernel, dx, c);
}

template <int K>
void forward_all(ffi::ThreadPool& pool, const Window& o, int64_t batch, const float* x, const float* kernel, float* y) {
  const int64_t block = rows_at_a_time(o, K), blocks = (o.rows + block - 1) / block;
  in_parts(pool, batch * blocks, [&](int64_t part) {
    const int64_t image = part / blocks, first = part % blocks * block, last = std::min(first + block, o.rows);
    const float* in = x + image * o.height * o.width * o.channels;
    float* out = y + image * o.rows * o.columns * o.channels;
    by_lanes(o.channels, [&](auto lanes, int64_t c) { forward_rows<K, lanes.value>(o, in, kernel, out, first, last, c); });
  });
}

constexpr int64_t GROUPS = 32;  // of images whose kernel gradients are added up apart: parts for up to 32 threads

template <int K>
void backward_all(ffi::ThreadPool& pool, const Window& o, int64_t batch, const float* x, const float* kernel,
                  const float* gradient, float* dx, float* dk) {
  const int64_t size = K * K * o.channels, groups = std::min(batch, GROUPS);
  std::vector<float> turned(size), parts(groups * size, 0.0f);
  for (int64_t t = 0; t < K * K; ++t)
    std::memcpy(&turned[t * o.channels], kernel + (K * K - 1 - t) * o.channels, o.channels * sizeof(float));
  const Window back{o.rows, o.columns, o.channels, o.height, o.width, 1, K - 1 - o.top, K - 1 - o.left};
  const int64_t block = rows_at_a_time(o, K), block_back = rows_at_a_time(back, K);
  in_parts(pool, groups, [&](int64_t group) {
    for (int64_t image = group * batch / groups; image < (group + 1) * batch / groups; ++image) {
      const float* in = x + image * o.height * o.width * o.channels;
      const float* from = gradient + image * o.rows * o.columns * o.channels;
      float* out = dx + image * o.height * o.width * o.channels;
      by_lanes(o.channels, [&](auto lanes, int64_t c) {
        constexpr int N = lanes.value;
        for (int64_t first = 0; first < o.rows; first += block)
          weigh_rows<K, N>(o, in, from, &parts[group * size], first, std::min(first + block, o.rows), c);
        if (o.stride > 1) {
          scatter_all<K, N>(o, from, kernel, out, c);
          return;
        }
        for (int64_t first = 0; first < o.height; first += block_back)
          forward_rows<K, N>(back, from, turned.data(), out, first, std::min(first + block_back, o.height), c);
      });
    }
  });
  std::memcpy(dk, parts.data(), size * sizeof(float));
  for (int64_t group = 1; group < groups; ++group)
    for (int64_t i = 0; i < size; ++i) dk[i] += parts[group * size + i];
}

}  // namespace effscale
