// Work in numbered parts on XLA's own threads. Which thread does which part changes nothing: every part writes to places
// of its own, and sums are added in the order of the parts.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

namespace effscale {

namespace ffi = xla::ffi;

constexpr int SPINS = 3000;  // some 100 microseconds

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

template <typename Work>
struct Shared {
  const Work* work;
  int64_t parts;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> done{0};
  std::mutex lock;
  std::condition_variable finished;

  void help() {
    int64_t did = 0;
    for (int64_t part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts; ++did) (*work)(part);
    if (did != 0 && done.fetch_add(did, std::memory_order_acq_rel) + did == parts) {
      std::lock_guard<std::mutex> hold(lock);
      finished.notify_all();
    }
  }
};

// The calling thread works too, and never waits for a helper that has not begun: no order of threads can block it.
template <typename Work>
void in_parts(ffi::ThreadPool& pool, int64_t parts, const Work& work) {
  const int64_t helpers = std::min<int64_t>(pool.num_threads(), parts) - 1;
  if (helpers <= 0) {
    for (int64_t part = 0; part < parts; ++part) work(part);
    return;
  }
  auto shared = std::make_shared<Shared<Work>>();
  shared->work = &work;
  shared->parts = parts;
  for (int64_t helper = 0; helper < helpers; ++helper) pool.Schedule([shared] { shared->help(); });
  shared->help();
  // What is left takes a helper some microseconds, to sleep and be woken takes longer
  for (int turn = 0; turn < SPINS; ++turn) {
    if (shared->done.load(std::memory_order_acquire) == parts) return;
    pause();
  }
  std::unique_lock<std::mutex> hold(shared->lock);
  shared->finished.wait(hold, [&] { return shared->done.load(std::memory_order_acquire) == parts; });
}

}  // namespace effscale
