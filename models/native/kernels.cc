// The custom calls of models/native.py, in XLA's typed foreign function interface. float32 in, float32 out.
#include "depthwise.h"
#include "norm.h"

namespace effscale {

using Floats = ffi::Buffer<ffi::F32>;
using Out = ffi::Result<Floats>;

template <typename F>
ffi::Error by_kernel(int64_t k, const F& f) {
  switch (k) {
    case 1: f(std::integral_constant<int, 1>{}); break;
    case 3: f(std::integral_constant<int, 3>{}); break;
    case 5: f(std::integral_constant<int, 5>{}); break;
    case 7: f(std::integral_constant<int, 7>{}); break;
    case 9: f(std::integral_constant<int, 9>{}); break;
    default: return ffi::Error::InvalidArgument("kernels are 1, 3, 5, 7 or 9 pixels wide");
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

ffi::Error norm_forward(ffi::ThreadPool pool, int64_t activation, float epsilon, Floats x, Floats scale, Floats bias,
                        Floats mean, Floats var, ffi::Buffer<ffi::PRED> training, Out y, Out batch_mean,
                        Out batch_var) {
  const Stream s(x.element_count(), scale.element_count());
  return by_activation(activation, [&](auto act) {
    normalize<act.value>(pool, s, x.typed_data(), scale.typed_data(), bias.typed_data(), mean.typed_data(),
                         var.typed_data(), *training.typed_data(), epsilon, y->typed_data(), batch_mean->typed_data(),
                         batch_var->typed_data());
  });
}

ffi::Error norm_backward(ffi::ThreadPool pool, int64_t activation, float epsilon, Floats x, Floats scale, Floats bias,
                         Floats mean, Floats var, Floats gradient, Out dx, Out dscale, Out dbias) {
  const Stream s(x.element_count(), scale.element_count());
  return by_activation(activation, [&](auto act) {
    normalize_gradient<act.value>(pool, s, x.typed_data(), scale.typed_data(), bias.typed_data(), mean.typed_data(),
                                  var.typed_data(), gradient.typed_data(), epsilon, dx->typed_data(),
                                  dscale->typed_data(), dbias->typed_data());
  });
}

ffi::Error sum_pixels(ffi::ThreadPool pool, Floats a, Out sums) {
  const auto in = a.dimensions();
  pixel_sums(pool, in[0], in[1] * in[2], in[3], a.typed_data(), nullptr, sums->typed_data());
  return ffi::Error::Success();
}

ffi::Error sum_products(ffi::ThreadPool pool, Floats a, Floats b, Out sums) {
  const auto in = a.dimensions();
  pixel_sums(pool, in[0], in[1] * in[2], in[3], a.typed_data(), b.typed_data(), sums->typed_data());
  return ffi::Error::Success();
}

}  // namespace effscale

using namespace effscale;

XLA_FFI_DEFINE_HANDLER_SYMBOL(depthwise_forward_call, depthwise_forward,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<int64_t>("stride").Attr<int64_t>("top")
                                  .Attr<int64_t>("left").Arg<Floats>().Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(depthwise_backward_call, depthwise_backward,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<int64_t>("stride").Attr<int64_t>("top")
                                  .Attr<int64_t>("left").Arg<Floats>().Arg<Floats>().Arg<Floats>().Ret<Floats>()
                                  .Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(norm_forward_call, norm_forward,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<int64_t>("activation").Attr<float>("epsilon")
                                  .Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>()
                                  .Arg<ffi::Buffer<ffi::PRED>>().Ret<Floats>().Ret<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(norm_backward_call, norm_backward,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<int64_t>("activation").Attr<float>("epsilon")
                                  .Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>()
                                  .Ret<Floats>().Ret<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(sum_pixels_call, sum_pixels,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(sum_products_call, sum_products,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Floats>().Ret<Floats>());
