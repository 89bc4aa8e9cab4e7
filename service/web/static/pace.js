// Calls in moderation.

/** At most one call at a time and one every `ms`; calls in between become one more call at the end. */
export function paced(action, ms) {
  let timer = null;
  let busy = false;
  let again = false;
  let last = -Infinity;

  async function run() {
    timer = null;
    busy = true;
    again = false;
    last = performance.now();
    try {
      await action();
    } finally {
      busy = false;
      if (again) plan();
    }
  }

  function plan() {
    if (busy) again = true;
    else if (timer === null) timer = setTimeout(run, Math.max(0, last + ms - performance.now()));
  }
  return plan;
}

/** Once, `ms` after the last call. */
export function settled(action, ms) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, ms);
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
