// Sixteen floats at a time, in the vectors of GCC and Clang: one AVX-512 register, two of AVX2, four of NEON.
#pragma once

#include <cstdint>

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
  const Wide high = spread(88.0f), low = spread(-87.0f);
  x = x > high ? high : x;
  x = x < low ? low : x;
  const Wide magic = spread(12582912.0f);  // 1.5 * 2^23: adding it rounds to whole numbers
  Wide n = x * 1.44269504f + magic;
  const WideInt exponent = (WideInt)n << 23;
  n = n - magic;
  const Wide r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Wide p = spread(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return (Wide)((WideInt)p + exponent);
}

inline Wide sigmoid(Wide x) { return 1.0f / (1.0f + exponential(-x)); }

}  // namespace effscale
