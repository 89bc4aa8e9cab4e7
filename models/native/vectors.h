// Sixteen floats at a time, in the vectors of GCC and Clang: one AVX-512 register, two of AVX2, four of NEON.
#pragma once

#include <cstdint>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace effscale {

template <int N>
struct Lanes {
  typedef float V __attribute__((vector_size(N * 4)));
  typedef float Unaligned __attribute__((vector_size(N * 4), aligned(4), may_alias));
};
template <>
struct Lanes<1> {
  typedef float V;
  typedef float Unaligned;
};

constexpr int WIDE = 16;  // floats in a vector
using Wide = Lanes<WIDE>::V;
typedef int32_t WideInt __attribute__((vector_size(WIDE * 4)));

template <int N = WIDE>
inline typename Lanes<N>::V load(const float* place) {
  return *reinterpret_cast<const typename Lanes<N>::Unaligned*>(place);
}

template <int N = WIDE>
inline void store(float* place, typename Lanes<N>::V value) {
  *reinterpret_cast<typename Lanes<N>::Unaligned*>(place) = value;
}

inline Wide spread(float value) { return Wide{} + value; }

// exp to 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (coefficients of Cephes expf).
// Not a number stays so; beyond the range of float the nearest power of two in it stands.
inline Wide exponential(Wide x) {
#ifdef __AVX512F__
  // the smaller and the larger of two answer the second where one is not a number
  x = (Wide)_mm512_max_ps(_mm512_set1_ps(-87.0f), _mm512_min_ps(_mm512_set1_ps(88.0f), (__m512)x));
  const Wide n = (Wide)_mm512_roundscale_ps((__m512)(x * 1.44269504f), 8);  // to the nearest, without an exception
#else
  const Wide high = spread(88.0f), low = spread(-87.0f);
  x = x > high ? high : x;
  x = x < low ? low : x;
  const Wide magic = spread(12582912.0f);  // 1.5 * 2^23: adding it rounds to whole numbers
  const Wide whole = x * 1.44269504f + magic;
  const Wide n = whole - magic;
#endif
  const Wide r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Wide p = spread(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r + 1.0f) * r + 1.0f;
#ifdef __AVX512F__
  return (Wide)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  return (Wide)((WideInt)p + ((WideInt)whole << 23));
#endif
}

// 1 / x for x >= 1. One step of Newton's doubles the 14 bits of the instruction, in a third of a division's time.
inline Wide reciprocal(Wide x) {
#ifdef __AVX512F__
  const Wide guess = (Wide)_mm512_rcp14_ps((__m512)x);
  return guess * (2.0f - x * guess);
#else
  return 1.0f / x;
#endif
}

inline Wide sigmoid(Wide x) { return reciprocal(1.0f + exponential(-x)); }

}  // namespace effscale
