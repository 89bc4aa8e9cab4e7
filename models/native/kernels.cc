// The custom calls of models/native.py, in XLA's typed foreign function interface. float32 in, float32 out.
#include "depthwise.h"
#include "excite.h"
#include "norm.h"

namespace effscale {

using Floats = ffi::Buffer<ffi::F32>;
using Out = ffi::Result<Floats>;

template <typename F>
ffi::Error by_kernel(int64_t k, const F& f) {
  switch (k) {
    case 3: f(std::integral_constant<int, 3>{}); break;
    case 5: f(std::integral_constant<int, 5>{}); break;
    default: return ffi::Error::InvalidArgument("kernels are 3 or 5 pixels wide");
  }
  return ffi::Error::Success();
}

template <typename F>
ffi::Error by_activation(int64_t activation, const F& f) {
  switch (static_cast<Act>(activation)) {
    case Act::none: f(std::integral_constant<Act, Act::none>{}); break;
    case Act::swish: f(std::integral_constant<Act, Act::swish>{}); break;
    case Act::relu: f(std::integral_constant<Act, Act::relu>{}); break;
    case Act::relu6: f(std::integral_constant<Act, Act::relu6>{}); break;
    default: return ffi::Error::InvalidArgument("there is no activation of this number");
  }
  return ffi::Error::Success();
}

ffi::Error depthwise_forward(ffi::ThreadPool pool, int64_t stride, int64_t top, int64_t left, Floats x, Floats kernel,
                             Out y) {
  const auto in = x.dimensions(), out = y->dimensions();
  const Window o{in[1], in[2], in[3], out[1], out[2], stride, top, left};
  return by_kernel(kernel.dimensions()[0], [&](auto k) {
    forward_all<k.value>(pool, o, in[0], x.typed_data(), kernel.typed_data(), y->typed_data());
  });
}

ffi::Error depthwise_backward(ffi::ThreadPool pool, int64_t stride, int64_t top, int64_t left, Floats x, Floats kernel,
                              Floats gradient, Out dx, Out dk) {
  const auto in = x.dimensions(), out = gradient.dimensions();
  const Window o{in[1], in[2], in[3], out[1], out[2], stride, top, left};
  return by_kernel(kernel.dimensions()[0], [&](auto k) {
    backward_all<k.value>(pool, o, in[0], x.typed_data(), kernel.typed_data(), gradient.typed_data(),
                          dx->typed_data(), dk->typed_data());
  });
}

using Flag = ffi::Buffer<ffi::PRED>;

ffi::Error norm_forward(ffi::ThreadPool pool, int64_t activation, float epsilon, Floats x, Floats scale, Floats bias,
                        Floats mean, Floats var, Flag training, Out y, Out used_mean, Out used_var) {
  const Stream s(x.element_count(), scale.element_count());
  const Moments moments(pool, s, x.typed_data(), scale.typed_data(), bias.typed_data(), mean.typed_data(),
                        var.typed_data(), *training.typed_data(), epsilon, used_mean->typed_data(),
                        used_var->typed_data());
  return by_activation(activation,
                       [&](auto act) { normalize<act.value>(pool, s, moments, x.typed_data(), y->typed_data()); });
}

ffi::Error norm_backward(ffi::ThreadPool pool, int64_t activation, float epsilon, Floats x, Floats scale, Floats bias,
                         Floats mean, Floats var, Floats gradient, Out dx, Out dscale, Out dbias) {
  const Stream s(x.element_count(), scale.element_count());
  const Units units(s, scale.typed_data(), bias.typed_data(), mean.typed_data(), var.typed_data(), epsilon);
  return by_activation(activation, [&](auto act) {
    normalize_gradient<act.value>(pool, s, units, x.typed_data(), scale.typed_data(), gradient.typed_data(),
                                  dx->typed_data(), dscale->typed_data(), dbias->typed_data());
  });
}

ffi::Error sum_pixels(ffi::ThreadPool pool, Floats x, Out sums) {
  const auto in = x.dimensions();
  pixel_sums(pool, in[0], in[1] * in[2], in[3], x.typed_data(), sums->typed_data());
  return ffi::Error::Success();
}

Gate gate_of(const Floats& x, const Floats& reduce, const Floats& reduce_bias, const Floats& expand,
             const Floats& expand_bias) {
  const auto in = x.dimensions();
  return {in[0],
          in[1] * in[2],
          in[3],
          static_cast<int64_t>(reduce_bias.element_count()),
          reduce.typed_data(),
          reduce_bias.typed_data(),
          expand.typed_data(),
          expand_bias.typed_data()};
}

ffi::Error excite_forward(ffi::ThreadPool pool, int64_t activation, float epsilon, Floats x, Floats scale, Floats bias,
                          Floats mean, Floats var, Flag training, Floats reduce, Floats reduce_bias, Floats expand,
                          Floats expand_bias, Out y, Out used_mean, Out used_var, Out means, Out hidden, Out gate) {
  const Gate g = gate_of(x, reduce, reduce_bias, expand, expand_bias);
  const Stream s(x.element_count(), scale.element_count());
  const Moments moments(pool, s, x.typed_data(), scale.typed_data(), bias.typed_data(), mean.typed_data(),
                        var.typed_data(), *training.typed_data(), epsilon, used_mean->typed_data(),
                        used_var->typed_data());
  return by_activation(activation, [&](auto act) {
    excite<act.value>(pool, g, moments, x.typed_data(), y->typed_data(), means->typed_data(), hidden->typed_data(),
                      gate->typed_data());
  });
}

ffi::Error excite_backward(ffi::ThreadPool pool, int64_t activation, float epsilon, Floats x, Floats scale, Floats bias,
                           Floats mean, Floats var, Floats reduce, Floats reduce_bias, Floats expand,
                           Floats expand_bias, Floats means, Floats hidden, Floats gate, Floats gradient, Out dx,
                           Out dscale, Out dbias, Out dreduce, Out dreduce_bias, Out dexpand, Out dexpand_bias) {
  const Gate g = gate_of(x, reduce, reduce_bias, expand, expand_bias);
  const Stream s(x.element_count(), scale.element_count());
  const Units units(s, scale.typed_data(), bias.typed_data(), mean.typed_data(), var.typed_data(), epsilon);
  GateGradient kept(g);
  const auto done = by_activation(activation, [&](auto act) {
    excite_gradient<act.value>(pool, g, units, x.typed_data(), scale.typed_data(), hidden.typed_data(),
                               gate.typed_data(), gradient.typed_data(), dx->typed_data(), dscale->typed_data(),
                               dbias->typed_data(), kept);
  });
  kept.weights(pool, g, means.typed_data(), dreduce->typed_data(), dreduce_bias->typed_data(), dexpand->typed_data(),
               dexpand_bias->typed_data());
  return done;
}

// Cuts one of two vectors into arrays that lie behind each other in it: the first one if `choice`.
ffi::Error cut(ffi::ThreadPool pool, Floats first, Floats second, Flag choice,
               ffi::RemainingRets arrays) {
  const float* from = *choice.typed_data() ? first.typed_data() : second.typed_data();
  std::vector<std::pair<float*, int64_t>> places;
  std::vector<int64_t> starts;
  int64_t start = 0;
  for (size_t number = 0; number < arrays.size(); ++number) {
    auto array = arrays.get<Floats>(number);
    if (array.has_error()) return array.error();
    places.emplace_back(array.value()->typed_data(), array.value()->element_count());
    starts.push_back(start);
    start += places.back().second;
  }
  in_parts(pool, static_cast<int64_t>(places.size()), [&](int64_t number) {
    std::copy_n(from + starts[number], places[number].second, places[number].first);
  });
  return ffi::Error::Success();
}

}  // namespace effscale

using namespace effscale;

// A binding cannot be passed on, so what repeats in them is spelled by the preprocessor: `T` arrays in, `G` arrays out.
#define POOLED ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()
#define WINDOWED POOLED.Attr<int64_t>("stride").Attr<int64_t>("top").Attr<int64_t>("left")
#define NORMED POOLED.Attr<int64_t>("activation").Attr<float>("epsilon")
#define T1 .Arg<Floats>()
#define T2 T1 T1
#define T4 T2 T2
#define G1 .Ret<Floats>()
#define G3 G1 G1 G1

XLA_FFI_DEFINE_HANDLER_SYMBOL(depthwise_forward_call, depthwise_forward, WINDOWED T2 G1);
XLA_FFI_DEFINE_HANDLER_SYMBOL(depthwise_backward_call, depthwise_backward, WINDOWED T2 T1 G1 G1);
XLA_FFI_DEFINE_HANDLER_SYMBOL(norm_forward_call, norm_forward, NORMED T4 T1.Arg<Flag>() G3);
XLA_FFI_DEFINE_HANDLER_SYMBOL(norm_backward_call, norm_backward, NORMED T4 T2 G3);
XLA_FFI_DEFINE_HANDLER_SYMBOL(sum_pixels_call, sum_pixels, POOLED T1 G1);
XLA_FFI_DEFINE_HANDLER_SYMBOL(excite_forward_call, excite_forward, NORMED T4 T1.Arg<Flag>() T4 G3 G3);
XLA_FFI_DEFINE_HANDLER_SYMBOL(excite_backward_call, excite_backward, NORMED T4 T4 T4 T1 G3 G3 G1);
XLA_FFI_DEFINE_HANDLER_SYMBOL(cut_call, cut, POOLED T2.Arg<Flag>().RemainingRets());
